"""Every leak that is planted is found, every known one is a warning, and real sets raise no alarm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.linear_model import LogisticRegression

from bedside.cohort import Split, assemble, check, draft_study, read_study, split
from bedside.cohort.sites import ridge_logistic


def checked(path: Path):
    study = read_study(path)
    cohort = assemble(study)
    return check(study, cohort, split(study, cohort))


def codes(found) -> set[tuple[str, str]]:
    return {(finding.code, finding.severity) for finding in found.findings}


EXTRA = ("[predictors.sex]", "[predictors.extra]\n\n[predictors.sex]")


def with_extra(make, patients, values: Any, kind: str = "", known: bool = False, **columns: Any):
    """The check's findings on a study with one more predictor."""
    replacement = [(EXTRA[0], f"[predictors.extra]\n{kind}\n\n[predictors.sex]")]
    if known:
        replacement.append(('missing = ["", "NA"]', 'missing = ["", "NA"]\nleakage_known = ["extra"]'))
    return checked(make(*replacement, columns=patients() | columns | {"extra": list(values)}))


def finding(found, code: str):
    return next(one for one in found.findings if one.code == code)


def test_nothing_is_said_of_a_good_table(make) -> None:
    found = checked(make())
    assert found.errors == ()
    assert codes(found) <= {("sample-size", "warning")}


def ill(patients) -> np.ndarray:
    return np.array([one == "yes" for one in patients()["ill"]])


def planted(name: str, y: np.ndarray) -> tuple[list[Any], str]:
    rng = np.random.default_rng(3)
    noise = rng.uniform(size=len(y))
    some = y & (noise < 0.6)
    letters = np.where(y, np.where(noise < 0.5, "a", "b"), "c").tolist()
    return {
        "the outcome as a number": (y.astype(int).tolist(), ""),
        "a noisy copy": ((y * 10 + noise * 9).tolist(), ""),
        "a reversed copy": ((5 - y * 10 - noise).tolist(), ""),
        "a recoding": (letters, 'categories = ["a", "b", "c"]'),
        "a recoding without order": (np.where(y, np.where(noise < 0.5, 1, 3), 2).tolist(), ""),
        "its absence": (["" if one else round(float(u), 3) for one, u in zip(y, noise, strict=True)], ""),
        "known on one side only": ([float(u) if one else "" for one, u in zip(some, noise, strict=True)], ""),
    }[name]  # fmt: skip


LEAKS = [
    "the outcome as a number",
    "a noisy copy",
    "a reversed copy",
    "a recoding",
    "a recoding without order",
    "its absence",
    "known on one side only",
]


@pytest.mark.parametrize("name", LEAKS)
def test_a_planted_leak_is_found(make, patients, name: str) -> None:
    values, kind = planted(name, ill(patients))
    found = with_extra(make, patients, values, kind)
    (error,) = [one for one in found.errors if one.code == "leakage"]
    assert error.where == "extra"
    assert 'leakage_known = ["extra"]' in error.remedy
    known = with_extra(make, patients, values, kind, known=True)
    assert known.errors == ()
    assert ("leakage", "warning") in codes(known)


def test_a_strong_predictor_is_no_leak(make, patients) -> None:
    y = ill(patients)
    rng = np.random.default_rng(5)
    found = with_extra(make, patients, (y * 2.8 + rng.normal(size=len(y))).round(3))
    assert found.errors == ()
    known = {row for side in (True, False) for row in np.flatnonzero(y == side)[:5].tolist()}
    ten = [float(y[row]) + row / 1000 if row in known else "" for row in range(200)]  # ten patients, by chance in order
    assert not [one for one in with_extra(make, patients, ten).errors if one.code == "leakage"]
    few = [1 if one and i < 40 else "" for i, one in enumerate(y)]  # known for a handful: chance can do that
    few = [value if k < 4 else "" for k, value in zip(np.cumsum([v != "" for v in few]), few, strict=True)]
    assert not [one for one in with_extra(make, patients, few).errors if one.code == "leakage"]


def test_what_follows_the_numbers_of_the_outcome_column(make, patients) -> None:
    """The outcome asks for grade 2 alone; a predictor that is the grade itself has an AUROC of only about .5."""
    rng = np.random.default_rng(2)
    grade = rng.integers(1, 4, 200)
    text = 'column = "grade"\npositive = "2"\nnegative = ["1", "3"]'
    columns = patients() | {"grade": grade.tolist(), "extra": (grade * 7 + rng.normal(0, 0.01, 200)).round(3).tolist()}
    found = checked(make(('column = "ill"\npositive = "yes"', text), EXTRA, columns=columns))
    assert "follows the outcome column" in finding(found, "leakage").text


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("row_number", range(1, 201)),
        ("a", [1000 + (i * 83) % 200 for i in range(200)]),
        ("b", [400000 + i * 997 for i in range(200)]),
        ("mrn", [31 * i**2 + 7 for i in range(200)]),
    ],
)
def test_identifiers(make, patients, name: str, values: Any) -> None:
    text = ("[predictors.sex]", f"[predictors.{name}]\n\n[predictors.sex]")
    found = checked(make(text, columns=patients() | {name: list(values)}))
    assert [(one.code, one.where) for one in found.errors] == [("identifier", name)]


def test_measurements_are_no_identifiers(make, patients) -> None:
    rng = np.random.default_rng(8)
    for values in (
        rng.normal(size=200),
        rng.integers(1, 5000, 200),
        rng.choice(np.arange(0, 70000, 7), 200, replace=False),
    ):
        assert with_extra(make, patients, values.tolist()).errors == ()


def test_one_patient_on_both_sides(make, patients) -> None:
    columns = patients() | {"pid": [f"p{i // 2}" for i in range(200)]}
    study = read_study(make(columns=columns))
    cohort = assemble(study)
    careless = Split(np.arange(0, 101), np.arange(101, 200), "the first rows")
    error = finding(check(study, cohort, careless), "patient-on-both-sides")
    assert error.severity == "error"
    assert "rows 101, 102" in error.text
    assert "p50" not in error.text  # findings travel in the release
    found = check(study, cohort, split(study, cohort))
    assert found.errors == ()
    assert "100 patients" in finding(found, "several-rows-per-patient").text


def test_copies_under_other_names(make, patients) -> None:
    columns = patients()
    for name in ("age", "chol", "sex"):
        columns[name][150] = columns[name][3]
    study = read_study(make(columns=columns))
    cohort = assemble(study)
    found = check(study, cohort, split(study, cohort))
    assert "rows 4, 151" in finding(found, "duplicate-patients").text
    assert found.errors == ()
    across = check(study, cohort, Split(np.arange(150), np.arange(150, 200), "by hand"))
    assert [one.code for one in across.errors] == ["duplicates-on-both-sides"]


def test_inverted_labels_at_one_site(make, patients) -> None:
    columns = patients(600)
    turned = [
        {"yes": "no", "no": "yes"}[one] if site == "south" else one
        for one, site in zip(columns["ill"], columns["hospital"], strict=True)
    ]
    assert "inverted-labels" not in {one.code for one in checked(make(columns=columns, rows=600)).findings}
    found = [
        one
        for one in checked(make(columns=columns | {"ill": turned}, rows=600)).findings
        if one.code == "inverted-labels"
    ]
    assert "site south" in [one.where for one in found]
    assert "AUROC" in found[0].text


def test_an_auroc_that_is_low_by_chance_is_not_called_inverted(make, patients) -> None:
    for seed in range(5):  # 15 sites without any signal: about half lie below .5
        chance = np.random.default_rng(seed).uniform(size=200) < 0.5
        found = checked(make(columns=patients() | {"ill": np.where(chance, "yes", "no").tolist()}))
        assert "inverted-labels" not in {one.code for one in found.findings}


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("site-all-missing", lambda value, sex: ("", sex)),
        ("site-all-zero", lambda value, sex: (0, sex)),
        ("site-constant", lambda value, sex: (210, sex)),
        ("site-category-unused", lambda value, sex: (value, "f")),
        ("site-unit", lambda value, sex: (round(value / 38.67, 2), sex)),
    ],
)
def test_differences_between_sites(make, patients, code: str, change) -> None:
    columns = patients()
    for i in range(200):
        if columns["hospital"][i] == "west":
            columns["chol"][i], columns["sex"][i] = change(columns["chol"][i], columns["sex"][i])
    loose = ("range = [50, 700]\nmissing = [0]\n", "")
    kind = ('categories = ["f", "m"]', 'categories = ["f", "m"]')
    found = checked(make(loose, kind, columns=columns))
    expected = {code} if code != "site-category-unused" else {"site-category-unused", "site-constant"}
    assert {one.code for one in found.findings if one.code.startswith("site")} & expected
    assert all("west" in one.where for one in found.findings if one.code.startswith("site"))
    assert found.errors == ()


def test_missingness_and_implausible_values(make, patients) -> None:
    columns = patients()
    y = ill(patients)
    columns["age"] = ["" if i % 5 < 3 else one for i, one in enumerate(columns["age"])]
    columns["chol"] = [
        9999 if one and i % 2 else value for i, (one, value) in enumerate(zip(y, columns["chol"], strict=True))
    ]
    found = checked(make(columns=columns))
    age, chol, _ = found.missingness
    assert (age.unknown, age.share) == (120, 0.6)
    assert chol.implausible == sum(one and i % 2 for i, one in enumerate(y))
    assert chol.by_class["no"] == 0
    assert chol.by_class["yes"] == pytest.approx(chol.implausible / y.sum())
    assert {"mostly-missing", "missing-by-outcome", "implausible"} <= {one.code for one in found.findings}
    never = with_extra(make, patients, [""] * 200)
    assert [one.code for one in never.errors] == ["never-known"]


def test_skewness_and_sample_size(make, patients) -> None:
    from scipy.stats import skew

    values = np.random.default_rng(1).lognormal(size=200).round(4)
    found = with_extra(make, patients, values)
    facts = {one.variable: one for one in found.missingness}
    assert facts["extra"].skewness == pytest.approx(skew(values))
    assert facts["sex"].skewness is None
    assert "extra" in finding(found, "skewed").where
    (size,) = found.sample_size
    assert (size.parameters, size.available) == (4, 150)
    assert size.needed == max(size.criteria.values())
    assert found.classes == {"no": int((~ill(patients)).sum()), "yes": int(ill(patients).sum())}
    assert [site.rows for site in found.sites] == [67, 67, 66]


def test_the_check_is_json_and_names_no_patient(make, patients) -> None:
    columns = patients() | {"pid": [f"secret{i // 2}" for i in range(200)]}
    encoded = msgspec.json.encode(checked(make(columns=columns)))
    assert b"secret" not in encoded
    assert msgspec.json.decode(encoded)["rows"] == 200


def test_ridge_against_scikit_learn() -> None:
    """Its own penalty is on standardised columns: C = 1 / penalty there."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4)) * [1, 10, 0.1, 3] + 5
    y = (rng.uniform(size=120) < 1 / (1 + np.exp(-(X[:, 0] - 5)))).astype(np.int64)
    Z = (X - X.mean(0)) / X.std(0)
    expected = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(Z[:80], y[:80])
    # Standardised over the fitted rows only: do the same for the reference.
    mean, scale = X[:80].mean(0), X[:80].std(0)
    expected = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit((X[:80] - mean) / scale, y[:80])
    np.testing.assert_allclose(
        ridge_logistic(X[:80], y[:80], X[80:]), expected.predict_proba((X[80:] - mean) / scale)[:, 1], atol=1e-6
    )
    wide = rng.normal(size=(30, 200))
    few = (wide[:, 0] > 0).astype(np.int64)
    reference = LogisticRegression(C=1.0, tol=1e-10, max_iter=5000).fit((wide - wide.mean(0)) / wide.std(0), few)
    found = ridge_logistic(wide, few, wide)
    np.testing.assert_allclose(found, reference.predict_proba((wide - wide.mean(0)) / wide.std(0))[:, 1], atol=1e-5)


def study_of(tmp_path: Path, data: Any, names: list[str]) -> Path:
    """A study of one of scikit-learn's sets, such as a user would write."""
    header = [name.replace(" ", "_").replace("/", "_") for name in data.feature_names]
    lines = [",".join([*header, "diagnosis"])]
    lines += [
        ",".join([*map(repr, row.tolist()), names[target]]) for row, target in zip(data.data, data.target, strict=True)
    ]
    (tmp_path / "patients.csv").write_text("\n".join(lines) + "\n")
    outcome = 'positive = "malignant"' if "malignant" in names else f"classes = {names}"
    predictors = "\n".join(f"[predictors.{name}]\n" for name in header)
    (tmp_path / "study.toml").write_text(
        '[study]\nname = "s"\nversion = "1.0.0"\ntask = "diagnosis"\nintended_use = "x"\npopulation = "y"\n'
        f'[data]\ntable = "patients.csv"\n{predictors}\n[outcome]\ncolumn = "diagnosis"\n{outcome}\n'
    )
    return tmp_path / "study.toml"


def test_breast_cancer_raises_no_alarm(tmp_path: Path) -> None:
    found = checked(study_of(tmp_path, load_breast_cancer(), ["malignant", "benign"]))
    assert found.rows == 569
    assert found.errors == ()
    assert codes(found) <= {("sample-size", "warning"), ("skewed", "note"), ("no-patient-column", "note")}


def test_wine_raises_no_alarm(tmp_path: Path) -> None:
    found = checked(study_of(tmp_path, load_wine(), ["a", "b", "c"]))
    assert found.errors == ()
    assert [one.outcome for one in found.sample_size] == ["a", "b", "c"]


def test_cleveland_raises_no_alarm(data_dir: Path, tmp_path: Path) -> None:
    found = checked(draft_study(data_dir / "records" / "uci_heart_cleveland.csv", "diagnosis", tmp_path))
    assert (found.rows, found.errors) == (303, ())
    assert codes(found) <= {("sample-size", "warning"), ("no-patient-column", "note")}


def both_hospitals(data_dir: Path, tmp_path: Path, *, inverted: bool) -> Path:
    """Cleveland and Hungary in one table, with the label of the latter turned on request."""
    lines = []
    for site in ("cleveland", "hungarian"):
        header, *rows = (data_dir / "records" / f"uci_heart_{site}.csv").read_text().splitlines()
        for row in rows:
            values, _, num = row.rpartition(",")
            sick = float(num) > 0
            lines.append(f"{values},{site},{int(sick != (inverted and site == 'hungarian'))}")
    table = tmp_path / "both.csv"
    table.write_text("\n".join([f"{header.rpartition(',')[0]},hospital,num", *lines]) + "\n")
    return draft_study(table, "diagnosis", tmp_path)


def test_two_hospitals(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "right").mkdir()
    (tmp_path / "turned").mkdir()
    right = checked(both_hospitals(data_dir, tmp_path / "right", inverted=False))
    turned = checked(both_hospitals(data_dir, tmp_path / "turned", inverted=True))
    assert right.errors == ()
    assert "inverted-labels" not in {one.code for one in right.findings}
    assert {one.where for one in turned.findings if one.code == "inverted-labels"} == {
        "site cleveland",
        "site hungarian",
    }


def test_what_gives_diabetes_away(data_dir: Path, tmp_path: Path) -> None:
    """DiabetesAge is asked of diabetics only."""
    source, some = data_dir / "records" / "nhanes_2009_10.csv.gz", tmp_path / "some.parquet"
    chosen = "ID, Gender, Age, BMI, Length, TotChol, BPSysAve, SmokeNow, PregnantNow, DiabetesAge, Diabetes"
    read = f"read_csv('{source}', all_varchar = true)"
    duckdb.execute(f"COPY (SELECT {chosen} FROM {read}) TO '{some}' (FORMAT parquet)")
    path = draft_study(some, "diagnosis", tmp_path)
    text = path.read_text()
    assert 'column = "Diabetes"' in text
    leaks = [one.where for one in checked(path).errors if one.code == "leakage"]
    assert leaks == ["DiabetesAge"]
