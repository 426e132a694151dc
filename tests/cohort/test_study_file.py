"""study.toml: everything of the interface is read; everything that is wrong is one good error."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import pytest

from bedside.cohort import KNOWN_KEYS, Gate, Subgroup, TargetLimits, read_study, task
from bedside.cohort.section import find_line
from bedside.cohort.study import ReviewPlan
from bedside.cohort.study_keys import LATER_KEYS, known_under
from bedside.errors import StudyError, UsageError


def test_every_key_of_the_interface_is_read(make) -> None:
    text = """\
[study]
name = "small"
version = "1.2.3-rc.1"
task = "diagnosis"
intended_use = "Supports a test."
population = "Invented patients"
valid_until = 2028-01-01

[data]
table = "patients.csv"
patient = "pid"
site = "hospital"
time = "seen"
missing = ["", "NA", "?"]
leakage_known = ["chol"]

[predictors.years]
column = "age"
label = "Age"
unit = "a"
unit_in_data = "mo"
range = [1, 10]
reference = [2, 9]
missing = [0, "unk"]
max_age = "4 wk"
scale = "minmax"
changeable = false
code = "loinc|30525-0"

[predictors.chol]

[predictors."sex"]
categories = ["f", "m"]
labels = ["female", "male"]

[outcome]
column = "ill"
positive = "yes"
names = ["no", "yes"]

[training]
network = "plain"
members = 3
prune = 0.25

[validation]
after = 2023-01-01
threshold = 0.2
alpha = 0.05
subgroups = ["sex", "years >= 5.5", "sex != m"]
seed = 20

[accept]
auroc = { min = 0.90, bound = "low" }
calibration_slope = { min = 0.80, max = 1.25 }
net_benefit = { better_than = ["treat-all", "treat-none"] }
subgroups = { auroc = { max_gap = 0.10, min_events = 15 } }
targets = { auroc_loss = 0.004 }

[review]
queue = ["abstained"]
expires_after_days = 7.5
own_estimate_first = true

[targets]
names = ["server-cpu"]
"""
    path = make(text=text)
    study = read_study(path)
    years, chol, _ = study.schema.variables
    assert study.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (study.name, study.version, study.task.name) == ("small", "1.2.3-rc.1", "diagnosis")
    assert (study.valid_until, study.validation.after) == (dt.date(2028, 1, 1), dt.date(2023, 1, 1))
    assert study.data.table == path.parent / "patients.csv"
    assert study.data.leakage_known == ("chol",)
    assert study.schema.names == ("years", "chol", "sex")
    assert study.schema.missing == ("", "NA", "?")
    assert (study.schema.patient, study.schema.site, study.schema.time) == ("pid", "hospital", "seen")
    assert (years.label, years.column, years.unit, years.unit_in_data, years.range) == (
        "Age",
        "age",
        "a",
        "mo",
        (1, 10),
    )
    assert (years.missing, years.max_age_days, years.changeable, years.code) == (
        ("0", "unk"),
        28,
        False,
        "loinc|30525-0",
    )
    assert (chol.label, chol.kind, chol.changeable, chol.range) == ("chol", "number", True, None)
    assert study.scales == {"years": "minmax"}
    assert study.outcome.classes == ("no", "yes")
    assert study.outcome.codes == {"no": 0, "yes": 1}
    assert (study.training.network, study.training.members) == ("plain", 3)
    assert (study.training.distil, study.training.prune) == (False, 0.25)
    plan = study.validation
    assert (plan.holdout, plan.by, plan.threshold, plan.alpha, plan.seed) == (None, None, 0.2, 0.05, 20)
    assert plan.subgroups == (
        Subgroup(text="sex", variable="sex"),
        Subgroup(text="years >= 5.5", variable="years", operator=">=", value=5.5),
        Subgroup(text="sex != m", variable="sex", operator="!=", value="m"),
    )
    assert study.gates == (
        Gate(measure="auroc", min=0.9, bound="low"),
        Gate(measure="calibration_slope", min=0.8, max=1.25),
        Gate(measure="net_benefit", better_than=("treat-all", "treat-none")),
        Gate(measure="auroc", subgroups=True, max_gap=0.1, min_events=15),
    )
    assert study.target_limits == TargetLimits(auroc_loss=0.004)
    assert study.targets == ("server-cpu",)
    assert study.review == ReviewPlan(queue=("abstained",), expires_after_days=7.5, own_estimate_first=True)
    assert (years.reference, chol.reference) == ((2, 9), None)


def test_defaults(make) -> None:
    study = read_study(make(("[validation]\nholdout = 0.25\nthreshold = 0.2\nseed = 7\n", "")))
    plan = study.validation
    assert (plan.holdout, plan.threshold, plan.alpha, plan.seed, plan.subgroups) == (0.25, None, 0.1, 0, ())
    assert study.review == ReviewPlan(
        queue=("alert", "abstained", "asked"), expires_after_days=30, own_estimate_first=False
    )
    assert (study.gates, study.targets, study.training.network) == ((), ("server-cpu",), "residual")


def test_a_folder_stands_for_its_study_file(make) -> None:
    assert read_study(make().parent).name == "small"


# what to replace, by what, a part of the message, a part of the place, a part of the remedy
WRONG = [
    ('name = "small"', 'nmae = "small"', "unknown key study.nmae", "line 2, study.nmae", "study.name"),
    ("[validation]", "[validations]", "unknown key validations", "line 32", "validation"),
    ("range = [18, 110]", "rnage = [18, 110]", "unknown key predictors.age.rnage", "line 18", "predictors.age.range"),
    ("seed = 7", "seed = 7\n[privacy]\nepsilon = 3.0", "does not have privacy", "privacy", "Drop"),
    ('column = "ill"', 'column = "ill"\ntime = "days"', "a diagnosis has no outcome.time", "outcome.time", "positive"),
    ('table = "patients.csv"', 'table = "patients.csv"\nimages = "x"', "image data", "data.images", "Drop"),
    ('task = "diagnosis"', 'task = "triage"', "there is no task 'triage'", "line 4", "diagnosis"),
    ('task = "diagnosis"', 'task = "diagnossis"', "no task 'diagnossis'", "study.task", "'diagnosis'"),
    ('name = "small"', 'name = "a b"', "cannot be the name", "study.name", "Letters"),
    ('name = "small"', "name = 3", "a whole number, a text belongs here", "study.name", "..."),
    ('version = "1.0.0"', 'version = "1.0"', "no semantic version", "line 3, study.version", "1.0.0"),
    ('version = "1.0.0"', 'version = "01.0.0"', "no semantic version", "study.version", "1.0.0"),
    ('population = "Invented patients"', "", "study.population is missing", "study.population", "Add"),
    ('population = "Invented patients"', 'population = " "', "this is empty", "study.population", ""),
    ('name = "small"', 'name = "small"\nvalid_until = "2028-01-01"', "a date belongs here", "valid_until", "without quotes"),  # noqa: E501
    ('table = "patients.csv"', 'table = "patient.csv"', "there is no file", "data.table", "relative"),
    ('patient = "pid"', 'patient = "pidd"', "no column 'pidd'", "data.patient", "'pid'"),
    ('site = "hospital"', 'site = "pid"', "already the patient", "data.site", "another"),
    ('missing = ["", "NA"]', 'missing = "NA"', "a text, a list belongs here", "data.missing", "[...]"[0]),
    ('missing = ["", "NA"]', 'leakage_known = ["agee"]', "no predictor 'agee'", "leakage_known", "'age'"),
    ("[predictors.sex]", "[predictors.sexx]", "the table has no column 'sexx'", "predictors.sexx", "'sex'"),
    ("[predictors.sex]", '[predictors.sexx]\ncolumn = "sax"', "no column 'sax'", "predictors.sexx.column", "'sex'"),
    ("[predictors.sex]", '[predictors.again]\ncolumn = "age"\n[predictors.sex]', "the same column 'age'", "again.column", "Drop"),  # noqa: E501
    ("[predictors.sex]", "[predictors.ill]", "'ill' is the outcome", "predictors.ill", "Drop"),
    ("[predictors.sex]", "[predictors.pid]", "'pid' is the patient", "predictors.pid", "Drop"),
    ("[predictors.sex]", "[predictors.seen]", "'seen' is the index date", "predictors.seen", "Drop"),
    ("[predictors.sex]", '[predictors."a<b"]', "cannot be the name of a variable", "", "< > ="),
    ("[predictors.sex]\n", '[predictors.sex]\nunit = "1"\n', "with categories has no unit", "predictors.sex.unit", "Drop"),  # noqa: E501
    ('["f", "m"]', '["f", "m", "x"]', "'x' never occurs", "predictors.sex.categories", "Drop"),
    ('["f", "m"]', '["f", "M"]', "'M' never occurs", "predictors.sex.categories", "other texts: m"),
    ('["f", "m"]', '["f", "f"]', "listed twice", "predictors.sex.categories", ""),
    ('["f", "m"]', '["f"]', "1 category tells nothing", "predictors.sex.categories", "two"),
    ('unit = "a"', 'unit = "years"', "'years' is not a unit", "line 17, predictors.age.unit", '"a"'),
    ('unit = "mg/dL"', 'unit = "mg/dL"\nunit_in_data = "mmol/L"', "molar mass", "chol.unit_in_data", "factor"),
    ('unit = "mg/dL"', 'unit_in_data = "g/L"', "needs a unit", "chol.unit_in_data", "unit"),
    ("range = [18, 110]", "range = [110, 18]", "runs from 110 to 18", "predictors.age.range", "lowest"),
    ("range = [18, 110]", "range = [18]", "two numbers", "predictors.age.range", "lowest"),
    ("range = [18, 110]", 'range = ["18", 110]', "two numbers", "predictors.age.range", "lowest"),
    ("range = [18, 110]", "range = 18", "a list belongs here", "predictors.age.range", ""),
    ("range = [18, 110]", "reference = [9, 3]", "runs from 9 to 3", "predictors.age.reference", "reference = ["),
    ("range = [18, 110]", "range = [18, 110]\nreference = [10, 60]", "not within the plausible", "age.reference", "widen"),  # noqa: E501
    ("[predictors.sex]\n", "[predictors.sex]\nreference = [1, 2]\n", "with categories has no reference", "sex.reference", "Drop"),  # noqa: E501
    ("seed = 7", "[review]\nown_estimate = true", "unknown key review.own_estimate", "review", "own_estimate_first"),
    ("seed = 7", "[review]\nown_estimate_first = 1", "true or false", "review.own_estimate_first", ""),
    ("seed = 7", '[review]\nqueue = ["alerts"]', "'alerts' is not among", "review.queue", "alert, abstained"),
    ("seed = 7", '[review]\nqueue = ["all", "all"]', "listed twice", "review.queue", "once"),
    ("seed = 7", "[review]\nexpires_after_days = 0", "no length of time", "review.expires_after_days", "30"),
    ("range = [18, 110]", 'max_age = "30"', "no length of time", "predictors.age.max_age", "30 d"),
    ("range = [18, 110]", 'max_age = "30 mm"', "does not convert", "predictors.age.max_age", "30 d"),
    ("range = [18, 110]", 'scale = "cubic"', "'cubic' is not among", "predictors.age.scale", "minmax"),
    ("range = [18, 110]", "changeable = 1", "true or false belongs here", "predictors.age.changeable", ""),
    ("range = [18, 110]", 'code = "12345"', "no code", "predictors.age.code", "loinc|"),
    ('column = "ill"', 'column = "il"', "no column 'il'", "outcome.column", "'ill'"),
    ('positive = "yes"', 'positive = "Yes"', "no patient has the outcome 'Yes'", "outcome.positive", "'yes' ("),
    ('positive = "yes"', 'positive = ["yes", "no"]', "every patient has the positive", "outcome.positive", ""),
    ('positive = "yes"', "", "what the outcome means is missing", "outcome", "'no' ("),
    ('positive = "yes"', 'positive = "yes"\nclasses = ["yes", "no"]', "exclude each other", "outcome", ""),
    ('positive = "yes"', 'classes = ["yes", "no"]', "there are 2 classes", "outcome.classes", "positive"),
    ('positive = "yes"', 'classes = ["yes", "no", "maybe"]', "has the outcome 'maybe'", "outcome.classes", ""),
    ('positive = "yes"', 'positive = "yes"\nnegative = "yes"', "both positive and negative", "outcome.negative", ""),
    ("holdout = 0.25", "holdout = 1.5", "1.5 does not lie between 0 and 1", "validation.holdout", "0.2"),
    ("holdout = 0.25", 'holdout = "0.25"', "a number belongs here", "validation.holdout", "quotes"),
    ("holdout = 0.25", 'holdout = 0.25\nby = "hospital"', "holdout and by exclude", "validation.by", "one"),
    ("holdout = 0.25", 'by = "sex"', "not the site column 'hospital'", "validation.by", "site"),
    ("holdout = 0.25", 'held_out = "north"', "goes with by", "validation.held_out", "by"),
    ("threshold = 0.2", "threshold = 2", "2 does not lie between", "validation.threshold", ""),
    ("threshold = 0.2", "threshold = { yes = 0.2 }", "a table, a number", "validation.threshold", ""),
    ("threshold = 0.2", "alpha = 0", "0 does not lie between", "validation.alpha", ""),
    ("threshold = 0.2", 'subgroups = ["sexx"]', "'sexx' names no predictor", "validation.subgroups", "'sex'"),
    ("threshold = 0.2", 'subgroups = ["age"]', "'age' is a number", "validation.subgroups", "age >= 65"),
    ("threshold = 0.2", 'subgroups = ["agee > 6"]', "no predictor 'agee'", "validation.subgroups", "'age'"),
    ("threshold = 0.2", 'subgroups = ["age > old"]', "'old' is no number", "validation.subgroups", ""),
    ("threshold = 0.2", 'subgroups = ["sex > f"]', "no order", "validation.subgroups", "=="),
    ("threshold = 0.2", 'subgroups = ["sex == x"]', "'x' is no category", "validation.subgroups", "f, m"),
    ("seed = 7", "seed = -1", "-1 is less than 0", "validation.seed", ""),
    ("seed = 7", "seed = true", "a whole number belongs here", "validation.seed", ""),
    ("seed = 7", "[accept]\nauroq = { min = 0.9 }", "no measure 'auroq'", "accept.auroq", "'auroc'"),
    ("seed = 7", "[accept]\nauroc = { }", "has no limit", "accept.auroc", "min"),
    ("seed = 7", "[accept]\nauroc = 0.9", "a number, not a table", "accept.auroc", "{ min"),
    ("seed = 7", "[accept]\nauroc = { min = 0.9, max = 0.8 }", "above max", "accept.auroc.min", ""),
    ("seed = 7", '[accept]\nauroc = { min = 0.9, bound = "mid" }', "'mid' is not among", "accept.auroc.bound", "low"),
    ("seed = 7", "[accept]\nauroc = { mni = 0.9 }", "unknown key accept.auroc.mni", "accept.auroc.mni", "auroc.min"),
    ("seed = 7", '[accept]\nauroc = { better_than = ["treat-all"] }', "unknown key accept.auroc.better_than", "auroc.better_than", "min, max"),  # noqa: E501
    ("seed = 7", '[accept]\nnet_benefit = { better_than = ["treat-al"] }', "no strategy", "better_than", "'treat-all'"),
    ("seed = 7", "[accept]\nsubgroups = { auroc = { min = 1 } }", "unknown key", "accept.subgroups.auroc.min", "max_gap"),  # noqa: E501
    ("seed = 7", "[accept]\nsubgroups = { auroc = { } }", "has no limit", "accept.subgroups.auroc", "max_gap"),
    ("seed = 7", "[accept]\ntargets = { flip = 1 }", "unknown key", "accept.targets.flip", "flips"),
    ("threshold = 0.2", "[accept]\nsensitivity = { min = 0.9 }", "needs a threshold", "accept.sensitivity", "threshold"),  # noqa: E501
    ("seed = 7", '[training]\nnetwork = "deep"', "'deep' is not among", "training.network", "residual"),
    ("seed = 7", "[training]\nmembers = 0", "0 is less than 1", "training.members", ""),
    ("seed = 7", "[training]\nprune = 1", "no share of the hidden units", "training.prune", "below 1"),
    ("seed = 7", '[training]\nnetwork = "floor"\nprune = 0.5', "no hidden units", "training.prune", "Drop prune"),
    ("seed = 7", "[training]\nmembers = 1\ndistil = true", "nothing to distil", "training.distil", "more members"),
    ("seed = 7", '[targets]\nnames = ["server-cup"]', "no target 'server-cup'", "targets.names", "server-cpu"),
    ("seed = 7", "seed = 7\nseed = 8", "not TOML", "line 36", "once"),
    ("seed = 7", "seed = seven", "not TOML", "line 35", "quotes"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "what", "where", "remedy"), WRONG, ids=[case[1].replace("\n", "|") for case in WRONG]
)
def test_what_is_wrong_is_said_with_place_and_remedy(
    make, old: str, new: str, what: str, where: str, remedy: str
) -> None:
    with pytest.raises(StudyError) as caught:
        read_study(make((old, new)))
    assert what in caught.value.what
    assert where in caught.value.where
    assert remedy in caught.value.remedy
    assert "study.toml" in caught.value.where


def test_no_study_file(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no such study file"):
        read_study(tmp_path / "study.toml")


def test_no_predictor(make) -> None:
    text = make().read_text()
    start, end = text.index("[predictors.age]"), text.index("[outcome]")
    with pytest.raises(StudyError, match="there is no predictor"):
        read_study(make(text=text[:start] + text[end:]))


def test_several_positive_texts_and_what_is_left_over(make, patients) -> None:
    num = {"num": [str(float(i % 5)) for i in range(200)]}
    several = ('column = "ill"\npositive = "yes"', 'column = "num"\npositive = ["1", "2", "3", "4"]')
    outcome = read_study(make(several, columns=num)).outcome
    assert outcome.classes == ("negative", "positive")
    assert outcome.codes == {"0": 0, "1": 1, "2": 1, "3": 1, "4": 1}
    some = ('column = "ill"\npositive = "yes"', 'column = "num"\npositive = ["3", 4]')
    with pytest.raises(StudyError, match="also holds '0'") as caught:
        read_study(make(some, columns=num))
    assert 'negative = ["0", "1", "2"]' in caught.value.remedy
    declared = (some[0], some[1] + "\nnegative = [0, 1, 2]")
    assert read_study(make(declared, columns=num)).outcome.codes["1"] == 0
    with pytest.raises(StudyError, match="also holds '2'"):
        read_study(make((some[0], some[1] + "\nnegative = [0, 1]"), columns=num))


def test_a_text_that_nobody_declared_is_not_negative(make, patients) -> None:
    ill = [*patients()["ill"][:-1], "pending"]
    with pytest.raises(StudyError, match="'pending'") as caught:
        read_study(make(columns={"ill": ill}))
    assert "missing" in caught.value.remedy
    assert read_study(make(('"NA"]', '"NA", "pending"]'), columns={"ill": ill})).outcome.codes == {"no": 0, "yes": 1}


def test_classes_and_their_thresholds(make) -> None:
    kinds = {"kind": [["a", "b", "c"][i % 3] for i in range(200)]}
    classes = ('column = "ill"\npositive = "yes"', 'column = "kind"\nclasses = ["c", "a", "b"]')
    study = read_study(make(classes, ("threshold = 0.2", "threshold = { a = 0.5 }"), columns=kinds))
    assert study.outcome.classes == ("c", "a", "b")
    assert study.outcome.positive is None
    assert study.outcome.codes == {"c": 0, "a": 1, "b": 2}
    assert study.validation.threshold == {"a": 0.5}
    with pytest.raises(StudyError, match="no class 'd'"):
        read_study(make(classes, ("threshold = 0.2", "threshold = { d = 0.5 }"), columns=kinds))
    with pytest.raises(StudyError, match="also holds d"):
        read_study(make(classes, columns={"kind": [*kinds["kind"][:-1], "d"]}))


def test_every_known_key_has_a_meaning_and_no_later_key_is_known() -> None:
    assert all(meaning and "\n" not in meaning for meaning in KNOWN_KEYS.values())
    assert not set(KNOWN_KEYS) & set(LATER_KEYS)


def test_a_variable_may_be_called_as_a_part_of_accept(make) -> None:
    assert "label" in known_under(("predictors", "subgroups"))
    assert "min" not in known_under(("accept", "subgroups"))


def test_lines_are_found_in_every_way_to_write_a_key() -> None:
    text = 'a.b = 1\n[t]\n"x y" = 2\n[t.u]\n  z=3 # no\n[[v]]\n["q r".s]\nk = { m = 1 }\n'
    found = [
        find_line(text, keys) for keys in [("a", "b"), ("t", "x y"), ("t", "u", "z"), ("q r", "s", "k", "m"), ("n",)]
    ]
    assert found == [1, 3, 5, 8, None]


def test_unknown_tasks() -> None:
    assert task("diagnosis").measures == "diagnosis"
    with pytest.raises(UsageError, match="no task"):
        task("diagnoses")
