"""Guidance stands beside every answer, follows from nothing but what was sent, and can only veto."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedside.answering import Advice, Answer, answer_patient
from bedside.errors import ValueRefused
from bedside.genome import ACTIONS, Condition, Contraindication, gene, guidance_table
from bedside.release import Arms, Dose, Guidance, Model, Outputs, Prediction, guidance_of, pack
from bedside.sources import Variable

NOW = dt.datetime(2026, 11, 22, 10, 30, tzinfo=dt.UTC)
VALUES = {"age": 61, "radius": 14.1, "ratio": 0.2, "menopause": "post"}


def contraindication(text: str, variable: str, sign: Any, value: float | str, **changes: Any) -> Contraindication:
    stated = {"name": text, "drugs": (), "action": "avoid", "reason": f"because {text}", "source": "a label"} | changes
    return Contraindication(when=(Condition(text=text, variable=variable, operator=sign, value=value),), **stated)


PREGNANT = Variable(name="pregnant", kind="category", label="Pregnant", categories=("no", "yes"))
EGFR = Variable(name="egfr", kind="number", label="eGFR", unit="mL/min", range=(1, 200))


def of_genes(*names: str) -> tuple[Variable, ...]:
    return tuple(Variable(name=name, kind="category", label=name, gene=name) for name in names)


def about(drugs: dict[str, str], genes: tuple[str, ...], **changes: Any) -> Guidance:
    stated = {"indications": {}, "record": of_genes(*genes), "medications": None, "contraindications": ()} | changes
    return guidance_of(drugs, genes=genes, **stated)


WARFARIN = about(
    {"warfarin": "warfarin"},
    ("CYP2C9", "VKORC1"),
    record=(*of_genes("CYP2C9", "VKORC1"), PREGNANT, EGFR),
    medications="medications",
    contraindications=(
        contraindication("pregnant == yes", "pregnant", "==", "yes"),
        contraindication("egfr < 15", "egfr", "<", 15.0, action="monitor"),
        contraindication("age > 100", "age", ">", 100.0),
    ),
)


@pytest.fixture(scope="session")
def plain(small: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return pack(small.parts(), tmp_path_factory.mktemp("guided") / "candidate").load()


def ask(model: Model, guidance: Guidance | None, **values: object) -> Answer:
    return answer_patient(replace(model, guidance=guidance), VALUES | values, now=NOW, explain=False)


def short(answer: Answer) -> list[tuple[str, str]]:
    return [(advice.action, advice.because) for advice in answer.guidance]


def test_everything_that_is_known_is_said_vetoes_first(plain: Model) -> None:
    answer = ask(
        plain,
        WARFARIN,
        CYP2C9="*3/*1",
        VKORC1="GA",
        pregnant="yes",
        egfr=40,
        medications=["Amiodarone 200 mg", "paracetamol"],
    )
    assert short(answer) == [
        ("avoid", "Pregnant: yes (pregnant == yes)"),
        ("reduce", "CYP2C9 *1/*3: Intermediate Metabolizer, activity score 1.0"),
        ("reduce", "VKORC1 A/G: -1639 AG"),
        ("monitor", "amiodarone in the record"),
    ]
    veto, by_gene, _, interaction = answer.guidance
    assert (veto.veto, veto.strength, veto.source) == (True, "declared", "a label")
    assert (by_gene.veto, by_gene.strength, by_gene.about) == (False, "strong", "warfarin")
    assert by_gene.source is not None and "doi:10.1002/cpt.668" in by_gene.source
    assert "alleles" in by_gene.version
    assert interaction.strength == "label"
    assert answer.record["CYP2C9"].value == "*1/*3"
    assert answer.record["egfr"].unit == "mL/min"
    assert answer.record["medications"].value == "Amiodarone 200 mg; paracetamol"


def test_what_is_not_known_is_said_and_nothing_is_taken_for_normal(plain: Model) -> None:
    answer = ask(plain, WARFARIN, CYP2C9="not callable")
    assert {advice.action for advice in answer.guidance} == {"not callable"}
    assert [advice.because for advice in answer.guidance] == [
        "Pregnant is not known",
        "eGFR is not known",
        "CYP2C9 is not known",
        "VKORC1 is not known",
        "The medications are not known",
    ]
    uncertain = ask(plain, WARFARIN, CYP2C9="*1/*7", VKORC1="G/G", pregnant="no", egfr=90, medications=[])
    assert short(uncertain) == [
        ("not callable", "CYP2C9 *1/*7: Indeterminate"),
        ("as usual", "VKORC1 G/G: -1639 GG"),
    ]


def test_a_release_without_guidance_says_nothing_and_knows_no_record(plain: Model) -> None:
    assert ask(plain, None).guidance == ()
    with pytest.raises(ValueRefused, match="pregnant: unknown variable"):
        ask(plain, None, pregnant="yes")


def test_the_model_s_word_is_the_same_with_and_without_the_record(plain: Model) -> None:
    """The record never reaches the graph: neither the estimate nor anything judged depends on it."""
    alone, told = ask(plain, None), ask(plain, WARFARIN, pregnant="yes", CYP2C9="*3/*3", egfr=3)
    same = ("estimate", "prediction_set", "spread", "alert", "abstained", "reasons", "values", "distance", "warnings")
    for name in same:
        assert getattr(alone, name) == getattr(told, name)
    assert set(told.record) == {"pregnant", "CYP2C9", "egfr"}


def test_guidance_is_there_where_the_model_abstains(plain: Model) -> None:
    answer = answer_patient(replace(plain, guidance=WARFARIN), {"age": 61, "pregnant": "yes"}, now=NOW)
    assert answer.abstained
    assert answer.guidance[0].veto


def test_every_bad_value_of_both_is_named(plain: Model) -> None:
    with pytest.raises(ValueRefused) as caught:
        ask(plain, WARFARIN, age="old", CYP2C9="*1/*99", pregnant="maybe", egfr=1000, medications=7, VKORC1=3)
    said = caught.value.problems
    assert set(said) == {"age", "CYP2C9", "pregnant", "egfr", "medications", "VKORC1"}
    assert "'*99' in '*1/*99' is no known allele of CYP2C9" in said["CYP2C9"]
    assert "write a list of texts" in said["medications"]


def test_units_of_the_record_are_converted(plain: Model) -> None:
    answer = ask(plain, WARFARIN, egfr={"value": 0.01, "unit": "L/min", "time": "2026-11-20"})
    assert ("monitor", "eGFR: 10 mL/min (egfr < 15)") in short(answer)


CYP2C19 = Variable(
    name="metaboliser",
    kind="category",
    label="CYP2C19",
    gene="CYP2C19",
    categories=("Normal Metabolizer", "Poor Metabolizer"),
)


def genotyped(model: Model) -> Model:
    """The same graph, whose last input is now a genotype."""
    schema = model.manifest.schema
    changed = msgspec.structs.replace(schema, variables=(*schema.variables[:3], CYP2C19))
    return replace(model, manifest=msgspec.structs.replace(model.manifest, schema=changed))


def test_a_predictor_s_genotype_is_read_also_where_the_model_does_not_know_it(plain: Model) -> None:
    guidance = about({"new": "clopidogrel"}, ("CYP2C19",), record=(), indications={"clopidogrel": "neurovascular"})
    model = replace(genotyped(plain), guidance=guidance)
    values = {name: VALUES[name] for name in ("age", "radius", "ratio")}
    answer = answer_patient(model, values | {"metaboliser": "*2/*1"}, now=NOW, explain=False)
    assert short(answer) == [("alternative", "CYP2C19 *1/*2: Intermediate Metabolizer")]
    assert answer.values["metaboliser"].value is None
    assert any("never learned from" in warning for warning in answer.warnings)
    poor = answer_patient(model, values | {"metaboliser": "*2/*2"}, now=NOW, explain=False)
    assert poor.values["metaboliser"].value == "Poor Metabolizer"
    assert poor.values["metaboliser"].given == "*2/*2"
    assert poor.guidance[0].veto
    phenotype = answer_patient(model, values | {"metaboliser": "Poor Metabolizer"}, now=NOW, explain=False)
    assert phenotype.guidance[0].because == "CYP2C19 Poor Metabolizer"


ARMS = Arms(
    arms=("aspirin", "clopidogrel"),
    column="arm",
    codes={"0": 0, "1": 1},
    outcome="stroke",
    unit=None,
    kind="probability",
    better="lower",
    randomised=True,
    alpha=0.05,
    overlap=0.05,
    scale=0.5,
    single=0,
)
DOSE = Dose(drug="warfarin", column="dose", unit="mg/wk", tolerance=0.2, alpha=0.1, lowest=5, highest=90, scale=15)


def giving(model: Model, outputs: Outputs, *columns: float) -> Model:
    """A model whose graph gives these quantities for everybody."""

    def predict(values: np.ndarray) -> Prediction:
        rows = np.tile(np.array(columns, np.float32), (len(values), 1))
        return Prediction(columns=rows, distance=np.zeros(len(values), np.float32), spread=None)

    manifest = msgspec.structs.replace(model.manifest, outputs=outputs, threshold=None, conformal=None)
    return replace(model, manifest=manifest, predict=predict)


@pytest.fixture(scope="session")
def trial(plain: Model) -> Model:
    """Under clopidogrel a tenth has a stroke, under aspirin a third, and the data tell the two apart."""
    guidance = about({"clopidogrel": "clopidogrel"}, ("CYP2C19",), indications={"clopidogrel": "neurovascular"})
    return replace(giving(plain, Outputs(classes=(), arms=ARMS), 0.33, 0.10, 0.02, 0.5, 0.5), guidance=guidance)


def test_a_vetoed_arm_is_never_recommended_and_no_other_takes_its_place(trial: Model) -> None:
    allowed = answer_patient(trial, VALUES | {"CYP2C19": "*1/*1"}, now=NOW, explain=False)
    assert allowed.arms is not None and allowed.arms.recommended == "clopidogrel"
    vetoed = answer_patient(trial, VALUES | {"CYP2C19": "*2/*2"}, now=NOW, explain=False)
    assert vetoed.arms is not None
    assert vetoed.arms.recommended is None
    assert vetoed.arms.why == "Guidance forbids clopidogrel, which the data favour"
    assert vetoed.arms.expected == allowed.arms.expected  # the model's word stands beside it
    assert vetoed.guidance[0].about == "clopidogrel"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_sent_a_veto_wins(trial: Model, data: st.DataObject) -> None:
    alleles = st.sampled_from(gene("CYP2C19").alleles)
    text = f"{data.draw(alleles)}/{data.draw(alleles)}"
    answer = answer_patient(trial, VALUES | {"CYP2C19": text}, now=NOW, explain=False)
    vetoed = {advice.about for advice in answer.guidance if advice.veto}
    assert answer.arms is not None and answer.arms.recommended not in vetoed
    order = [ACTIONS.index(advice.action) for advice in answer.guidance]
    assert order == sorted(order)
    again = answer_patient(trial, VALUES | {"CYP2C19": text}, now=NOW, explain=False)
    assert answer.guidance == again.guidance


def test_a_vetoed_dose_is_not_told(plain: Model) -> None:
    model = replace(giving(plain, Outputs(classes=(), dose=DOSE), 35.0, 20.0, 50.0), guidance=WARFARIN)
    told = answer_patient(model, VALUES | {"pregnant": "no", "CYP2C9": "*1/*3"}, now=NOW, explain=False)
    assert told.dose is not None
    assert (told.dose.withheld, told.dose.dose, told.estimate) == (False, 35.0, {"dose": 35.0})
    vetoed = answer_patient(model, VALUES | {"pregnant": "yes"}, now=NOW, explain=False)
    assert vetoed.dose is not None
    assert vetoed.dose.withheld
    assert (vetoed.dose.dose, vetoed.dose.low, vetoed.dose.high, vetoed.estimate) == (None, None, None, None)
    assert b"35.0" not in msgspec.json.encode(vetoed)


def test_only_avoid_is_a_veto(plain: Model) -> None:
    drugs = {drug: drug for drug in ("piroxicam", "meloxicam", "phenytoin")}
    answer = ask(plain, about(drugs, ("CYP2C9",)), CYP2C9="*1/*3")
    assert [(advice.drug, advice.action, advice.veto) for advice in answer.guidance] == [
        ("piroxicam", "avoid", True),
        ("meloxicam", "reduce", False),
        ("phenytoin", "reduce", False),
    ]


def test_a_newer_table_does_not_change_a_signed_release(plain: Model) -> None:
    """What is said comes from the release alone: a table without a row says nothing, whatever the package's has."""
    emptied = msgspec.structs.replace(about({"warfarin": "warfarin"}, ("CYP2C9",)), rows=(), unstated={})
    assert ask(plain, emptied, CYP2C9="*3/*3").guidance == ()
    assert guidance_table().about("warfarin")


def test_an_advice_is_plain_json(plain: Model, tmp_path: Path) -> None:
    answer = ask(plain, WARFARIN, pregnant="yes")
    assert msgspec.convert(msgspec.to_builtins(answer.guidance[0]), Advice) == answer.guidance[0]
    assert msgspec.json.decode(msgspec.json.encode(answer), type=Answer) == answer


@pytest.mark.parametrize("text", ["not amiodarone", "none", "no aspirin; simvastatin", "Aspirin (stopped)", "allergic"])
def test_a_text_that_denies_a_medication_is_refused(plain: Model, text: str) -> None:
    """Records do say "not amiodarone" (hundreds in the IWPC's warfarin data): it names a drug that nobody takes."""
    with pytest.raises(ValueRefused, match=r"medications: .* does not say what the patient takes"):
        ask(plain, WARFARIN, medications=[text])


@pytest.mark.parametrize(
    ("sent", "action", "because"),
    [
        ({"pregnant": "yes", "egfr": 90}, None, None),
        ({"pregnant": "yes", "egfr": 10}, "avoid", "Pregnant: yes, eGFR: 10 mL/min (pregnant == yes and egfr < 15)"),
        ({"egfr": 90}, None, None),  # whoever is not known to be pregnant, it does not apply
        ({"egfr": 10}, "not callable", "Pregnant is not known"),
        ({}, "not callable", "Pregnant and eGFR are not known"),
    ],
)
def test_a_contraindication_of_several_conditions(
    plain: Model, sent: dict[str, Any], action: str | None, because: str | None
) -> None:
    both = contraindication("pregnant == yes", "pregnant", "==", "yes")
    kidney = contraindication("egfr < 15", "egfr", "<", 15.0)
    together = msgspec.structs.replace(both, when=both.when + kidney.when)
    guidance = msgspec.structs.replace(
        WARFARIN, contraindications=(together,), rows=(), interactions=(), medications=None
    )
    assert short(ask(plain, guidance, **sent)) == ([] if action is None else [(action, because)])


def test_a_gene_that_nobody_asks_for_is_no_all_clear(plain: Model) -> None:
    """A normal TPMT says nothing of NUDT15, by which the guideline judges as well."""
    partly = about({"azathioprine": "azathioprine"}, ("TPMT",))
    said = short(ask(plain, partly, TPMT="*1/*1"))
    assert [action for action, _ in said] == ["not callable", "as usual"]
    assert said[0][1] == "NUDT15 is not asked for"
    assert about({"azathioprine": "azathioprine"}, ("TPMT", "NUDT15")).unstated == {}


def test_a_phenotype_that_tells_too_little_is_not_said_to_have_no_recommendation(plain: Model) -> None:
    piroxicam = about({"piroxicam": "piroxicam"}, ("CYP2C9",))
    (only,) = ask(plain, piroxicam, CYP2C9="Intermediate Metabolizer").guidance
    assert (only.action, only.veto) == ("not callable", False)
    assert only.text == "What is said depends on the two alleles, and they are not known"
    fluorouracil = about({"fluorouracil": "fluorouracil"}, ("DPYD",))
    assert [one.veto for one in ask(plain, fluorouracil, DPYD="Poor Metabolizer").guidance] == [True]


CYP2C9 = Variable(name="cyp", kind="category", label="CYP2C9", gene="CYP2C9", categories=("*1/*1", "*1/*3"))
AMIODARONE = Variable(name="drug_1", kind="category", label="Takes amiodarone", categories=("no", "yes"))


@pytest.fixture(scope="session")
def dosing(plain: Model) -> Model:
    """A dose of 35 that knows CYP2C9 and amiodarone, beside guidance that reads VKORC1 and medications as well."""
    schema = plain.manifest.schema
    changed = msgspec.structs.replace(schema, variables=(*schema.variables[:2], AMIODARONE, CYP2C9))
    model = replace(plain, manifest=msgspec.structs.replace(plain.manifest, schema=changed, missing_limit=0.5))
    kidney = contraindication("egfr < 15", "egfr", "<", 15.0, action="reduce")
    guidance = about(
        {"warfarin": "warfarin"},
        ("CYP2C9", "VKORC1"),
        record=(*of_genes("VKORC1"), PREGNANT, EGFR),
        medications="medications",
        contraindications=(contraindication("pregnant == yes", "pregnant", "==", "yes"), kidney),
    )
    return replace(giving(model, Outputs(classes=(), dose=DOSE), 35.0, 20.0, 50.0), guidance=guidance)


def dosed(model: Model, **values: object) -> Answer:
    known = {"age": 61, "radius": 14.1, "drug_1": "yes", "cyp": "*1/*3", "pregnant": "no"}
    return answer_patient(model, known | values, now=NOW, explain=False)


def counts(answer: Answer) -> dict[str, tuple[str, ...] | None]:
    return {advice.because.partition(":")[0]: advice.counted for advice in answer.guidance}


def test_what_the_dose_already_counts_is_said_so_that_nobody_lowers_it_twice(dosing: Model) -> None:
    told = dosed(dosing, VKORC1="A/A", egfr=10, medications=["amiodarone", "fluconazole"])
    assert [advice.action for advice in told.guidance] == ["reduce"] * 3 + ["monitor"] * 2
    assert counts(told) == {
        "CYP2C9 *1/*3": ("cyp",),
        "VKORC1 A/A": (),
        "eGFR": (),
        "amiodarone in the record": ("drug_1",),
        "fluconazole in the record": (),
    }


def test_what_changes_no_dose_and_what_stands_beside_none_says_nothing_of_it(dosing: Model, plain: Model) -> None:
    normal = dosed(dosing, cyp="*1/*1", medications=[])
    assert ("as usual", "CYP2C9 *1/*1: Normal Metabolizer, activity score 2.0") in short(normal)
    assert set(counts(normal).values()) == {None}
    assert set(counts(dosed(dosing, pregnant="yes")).values()) == {None}
    abstained = dosed(dosing, age=None, radius=None, drug_1=None)
    assert abstained.dose is None
    assert set(counts(abstained).values()) == {None}
    assert set(counts(ask(plain, WARFARIN, CYP2C9="*1/*3")).values()) == {None}, "no dose is asked about"


def test_a_genotype_that_the_model_never_learned_from_is_not_counted(dosing: Model) -> None:
    rare = dosed(dosing, cyp="*2/*3", drug_1=None, medications=["amiodarone"])
    assert rare.dose is not None
    assert counts(rare)["CYP2C9 *2/*3"] == ()
    assert counts(rare)["amiodarone in the record"] == ()


def test_an_arm_that_guidance_forbids_is_called_vetoed_also_where_it_is_the_best(trial: Model) -> None:
    allowed = answer_patient(trial, VALUES | {"CYP2C19": "*1/*1"}, now=NOW, explain=False)
    vetoed = answer_patient(trial, VALUES | {"CYP2C19": "*2/*2"}, now=NOW, explain=False)
    assert allowed.arms is not None and vetoed.arms is not None
    assert (allowed.arms.best, allowed.arms.vetoed) == ("clopidogrel", ())
    assert (vetoed.arms.best, vetoed.arms.vetoed) == ("clopidogrel", ("clopidogrel",))


def test_a_medication_that_no_rule_knows_is_named_and_blocks_nothing(dosing: Model) -> None:
    heard = dosed(dosing, medications=["Cordarone 200 mg", "aspirin"])
    assert not [warning for warning in heard.warnings if "No statement" in warning]
    unheard = dosed(dosing, medications=["amiodaron 200 mg", "aspirin", "paracetamol", "amiodaron 200 mg"])
    assert unheard.warnings[-1] == (
        "No statement about: amiodaron 200 mg, paracetamol. No rule here knows the medication by name: check the "
        "spelling."
    )
    assert unheard.dose is not None and unheard.dose.dose == 35.0
    together = dosed(dosing, medications=["aspirin 100 mg, amiodaron and fluconazole", "fluconazole + 50 mg"])
    assert together.warnings[-1].startswith("No statement about: amiodaron. No rule")
    assert not unheard.abstained
