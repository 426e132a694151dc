"""Guidance beside an answer: what guidelines, labels and the study's author say of its drugs. It can only veto."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from bedside.answering.answer import Advice, Answer, PatientArms, PatientDose, ValueGiven
from bedside.answering.counted import Said, counted, naming
from bedside.answering.record import Record
from bedside.answering.unheard import unheard
from bedside.errors import DataError
from bedside.genome import (
    ACTIONS,
    INDETERMINATE,
    GeneResult,
    Recommendation,
    gene_result,
    interactions_with,
    recommend,
)
from bedside.release import Guidance, Model
from bedside.sources import Variable


def guided(model: Model, answer: Answer, record: Record) -> Answer:
    """The answer with its guidance; a veto always wins.

    A vetoed arm is not recommended, nor is another one in its place; a vetoed dose is not told. Nothing else of the
    model's word changes, and an answer that abstains has its guidance too. Beside a dose, each statement that changes
    one says whether the model has counted it.
    """
    guidance = model.guidance
    assert guidance is not None
    advice = advise(guidance, model, answer.values, record, dosed=answer.dose is not None)
    vetoed = frozenset(one.about for one in advice if one.veto)
    withheld = answer.dose is not None and bool(vetoed)
    return msgspec.structs.replace(
        answer,
        warnings=(*answer.warnings, *unheard(guidance, record)),
        guidance=advice,
        record=dict(record.given),
        arms=None if answer.arms is None else _without(answer.arms, vetoed),
        dose=_withheld(answer.dose) if answer.dose is not None and withheld else answer.dose,
        estimate=None if withheld else answer.estimate,
        explanation=None if withheld else answer.explanation,
    )


def _without(arms: PatientArms, vetoed: frozenset[str]) -> PatientArms:
    marked = msgspec.structs.replace(arms, vetoed=tuple(name for name in arms.arms if name in vetoed))
    if arms.recommended not in vetoed:
        return marked
    why = f"Guidance forbids {arms.recommended}, which the data favour"
    return msgspec.structs.replace(marked, recommended=None, why=why)


def _withheld(dose: PatientDose) -> PatientDose:
    return msgspec.structs.replace(dose, dose=None, low=None, high=None, withheld=True)


def advise(
    guidance: Guidance, model: Model, values: Mapping[str, ValueGiven], record: Record, *, dosed: bool = False
) -> tuple[Advice, ...]:
    """Everything that is said, vetoes first, then by gravity; of equal gravity in the order of the study.

    `dosed`: the model gives a dose of this patient, beside which it is said what that dose counts.
    """
    variables = {variable.name: variable for variable in (*model.manifest.schema.variables, *guidance.record)}
    known = {**values, **record.given}
    results = {name: _result(guidance, name, variables, known) for name in guidance.genes}
    found: list[Said] = []
    for about, drug in guidance.drugs.items():
        found += _declared(guidance, model, about, drug, variables, known)
        found += _by_gene(guidance, about, drug, results)
        found += _unstated(guidance, about, drug)
        found += _by_medication(guidance, model, about, drug, record.medications)
    said = counted(found, values) if dosed else (advice for advice, _ in found)
    return tuple(sorted(said, key=lambda advice: ACTIONS.index(advice.action)))


def _result(
    guidance: Guidance, name: str, variables: Mapping[str, Variable], known: Mapping[str, ValueGiven]
) -> tuple[GeneResult, str] | None:
    """What is known of a gene, from the first variable that tells it, and that variable's name."""
    for variable in variables.values():
        told = known.get(variable.name) if variable.gene == name else None
        text = None if told is None else (told.given or told.value)
        if isinstance(text, str):
            try:
                found = gene_result(guidance.genes[name], text.strip())
            except DataError:  # an allele that came to be known after this release was signed
                continue
            if found is not None:
                return found, variable.name
    return None


def _advice(
    about: str,
    drug: str,
    action: str,
    because: str,
    text: str,
    *,
    version: str,
    follows: Iterable[str] = (),
    **told: str | None,
) -> Said:
    """A statement with the variables that it follows from."""
    veto = action == "avoid"
    stated = {"about": about, "drug": drug, "action": action, "because": because, "text": text, "version": version}
    advice = msgspec.convert({**stated, "strength": None, "source": None, **told, "veto": veto}, Advice)
    return advice, tuple(follows)


def _declared(
    guidance: Guidance,
    model: Model,
    about: str,
    drug: str,
    variables: Mapping[str, Variable],
    known: Mapping[str, ValueGiven],
) -> Iterator[Said]:
    version = f"{model.manifest.name} {model.manifest.version}"

    def value(name: str) -> float | str | None:
        told = known.get(name)
        return None if told is None else told.value

    for one in guidance.contraindications:
        if one.drugs and drug not in one.drugs:
            continue
        applies = one.applies(value)
        if applies is None:
            unknown = [variables[c.variable].label for c in one.when if value(c.variable) is None]
            because = f"{' and '.join(unknown)} {'is' if len(unknown) == 1 else 'are'} not known"
            text = f"Whether this holds is not known: {one.text}. {one.reason}"
            yield _advice(about, drug, "not callable", because, text, version=version, source=one.source)
        elif applies:
            said = ", ".join(_stated(variables[c.variable], value(c.variable)) for c in one.when)
            yield _advice(
                about, drug, one.action, f"{said} ({one.text})", one.reason,
                version=version, source=one.source, strength="declared", follows=(c.variable for c in one.when),
            )  # fmt: skip


def _stated(variable: Variable, value: float | str | None) -> str:
    said = variable.category_label(value) if isinstance(value, str) else f"{value:.6g} {variable.unit or ''}".rstrip()
    return f"{variable.label}: {said}"


def _by_gene(
    guidance: Guidance, about: str, drug: str, results: Mapping[str, tuple[GeneResult, str] | None]
) -> Iterator[Said]:
    version = f"guidance {guidance.versions['guidance']}, alleles {guidance.versions['alleles']}"
    for name, known in results.items():
        rows = tuple(row for row in guidance.rows if row.gene == name and drug in row.drugs)
        if not rows:
            continue
        source = guidance.sources[rows[0].source]
        if known is None:
            text = f"{name} was not called: nothing is said of it, and nothing is taken for normal"
            yield _advice(
                about, drug, "not callable", f"{name} is not known", text, version=version, source=source.cited
            )
            continue
        result, variable = known
        row = recommend(rows, result)
        if row is None:
            text = _nothing_for(guidance, rows, result)
            yield _advice(about, drug, "not callable", result.words, text, version=version, source=source.cited)
            continue
        yield _advice(
            about, drug, row.action, result.words, row.text,
            version=version, strength=row.strength, source=guidance.sources[row.source].cited, follows=(variable,),
        )  # fmt: skip


def _nothing_for(guidance: Guidance, rows: tuple[Recommendation, ...], result: GeneResult) -> str:
    """Why no statement holds: it asks for a score or for two alleles, of which a phenotype alone tells nothing."""
    named = guidance.genes[result.gene].phenotypes.values()
    closer = any(one not in named for row in rows for one in row.results)
    if closer and not result.diplotype and result.phenotype != INDETERMINATE:
        return "What is said depends on the two alleles, and they are not known"
    return "No recommendation is given for this result"


def _unstated(guidance: Guidance, about: str, drug: str) -> Iterator[Said]:
    """A result of one gene is no all-clear where guidelines look at another one too."""
    for name in guidance.unstated.get(drug, ()):
        text = f"{drug} is judged by {name} too: nothing is said of it, and nothing is taken for normal"
        version = f"guidance {guidance.versions['guidance']}"
        yield _advice(about, drug, "not callable", f"{name} is not asked for", text, version=version)


def _by_medication(
    guidance: Guidance, model: Model, about: str, drug: str, medications: tuple[str, ...] | None
) -> Iterator[Said]:
    rows = tuple(row for row in guidance.interactions if drug in row.drugs)
    version = f"interactions {guidance.versions['interactions']}"
    if rows and medications is None:
        text = "Interactions were not looked at"
        yield _advice(about, drug, "not callable", "The medications are not known", text, version=version)
    for row, name in interactions_with(rows, guidance.named, drug, medications or ()):
        yield _advice(
            about, drug, row.action, f"{name} in the record", f"{name} {row.text}",
            version=version, strength="label", source=guidance.sources[row.source].cited,
            follows=naming(guidance, model.manifest.schema.variables, name),
        )  # fmt: skip
