"""``[guidance]`` and ``[record.<variable>]`` of a study file."""

from __future__ import annotations

from bedside.cohort.condition import read_condition
from bedside.cohort.gene_keys import read_gene
from bedside.cohort.guidance_plan import GuidancePlan
from bedside.cohort.predictors_section import read_variable
from bedside.cohort.section import Section
from bedside.cohort.study import Outcome
from bedside.genome import Contraindication, guidance_table, interaction_table
from bedside.sources import Schema, Variable, nearest

_ACTIONS = ("avoid", "alternative", "reduce", "increase", "monitor")


def read_guidance(top: Section, schema: Schema, outcome: Outcome) -> GuidancePlan | None:
    """What stands beside the answers; None where the study declares nothing.

    Raises
    ------
    StudyError: no drug, one of which nothing is known, an arm that is none, an indication that guidelines do not tell
        apart, a variable of the record that nothing looks at, a gene that two variables state, a contraindication that
        cannot be read; or a target that would answer without guidance.
    """
    section, record = top.below("guidance"), top.below("record")
    if not section.names():
        if record.names():
            raise record.error("", "a record is for guidance, and there is no [guidance]", "Add it, or drop the record")
        return None
    if "browser" in (top.below("targets").texts("names") or ()):
        what = "the page on a device knows no guidance, and nobody would see a veto there"
        raise top.below("targets").error("names", what, "Drop browser, or [guidance]")
    drugs = _drugs(section, outcome)
    variables = _record(record, schema)
    everything = Schema(variables=(*schema.variables, *variables))
    genes = _genes(section, everything)
    stated = _contraindications(section.below("contraindications"), everything, drugs)
    medications = _medications(section, everything)
    _refuse_unused(record, variables, stated)
    _refuse_unheard(section, record, variables, stated, drugs, medications)
    for key, drug in drugs.items():
        _refuse_unknown(section, key, drug, genes, medications, stated)
    return GuidancePlan(
        drugs=drugs,
        indications=_indications(section, drugs, genes),
        record=variables,
        genes=genes,
        medications=medications,
        contraindications=stated,
    )


def _genes(section: Section, schema: Schema) -> tuple[str, ...]:
    """The genes that are stated, each by one variable: of two that contradict each other, one would go unheard."""
    found: dict[str, str] = {}
    for variable in schema.variables:
        if variable.gene is not None:
            if variable.gene in found:
                what = f"'{found[variable.gene]}' and '{variable.name}' both state {variable.gene}"
                raise section.error("", what, "Keep one of them: they could contradict each other")
            found[variable.gene] = variable.name
    return tuple(found)


def _drugs(section: Section, outcome: Outcome) -> dict[str, str]:
    if outcome.treatment is None:
        dosed = outcome.quantity is not None and outcome.quantity.tolerance is not None
        told = outcome.quantity.name if dosed and outcome.quantity is not None and "drug" not in section else None
        drug = (told or section.text("drug")).lower()
        if "drugs" in section:
            raise section.error("drugs", "drugs goes with the arms of a treatment", 'Write drug = "..."')
        return {drug: drug}
    if "drug" in section:
        raise section.error("drug", "a treatment has a drug for each arm", "Write [guidance.drugs], arm = drug")
    table = section.below("drugs", needed=True)
    for arm in table.names():
        if arm not in outcome.treatment.arms:
            raise table.error(arm, f"there is no arm '{arm}'", nearest(arm, outcome.treatment.arms))
    if not table.names():
        raise table.error("", "no arm is named", "Write arm = drug for each arm that guidance is known of")
    return {arm: table.text(arm).lower() for arm in table.names()}


def _record(section: Section, schema: Schema) -> tuple[Variable, ...]:
    found = []
    for name in section.names():
        here = section.below(name)
        if name in schema.names:
            raise here.error("", f"'{name}' is a predictor already", "Guidance reads predictors too: drop it here")
        gene = read_gene(here)
        if gene is not None and "categories" in here:
            raise here.error("categories", "guidance reads every genotype of the gene", "Drop categories")
        found.append(read_variable(here, name, gene_alone=True))
    return tuple(found)


def _contraindications(section: Section, schema: Schema, drugs: dict[str, str]) -> tuple[Contraindication, ...]:
    found = []
    for name in section.names():
        here = section.below(name)
        about = tuple(drug.lower() for drug in here.texts("about") or ())
        for drug in about:
            if drug not in drugs.values():
                raise here.error("about", f"'{drug}' is no drug of this study", nearest(drug, tuple(drugs.values())))
        conditions = [here.text("when")] if isinstance(here.values.get("when"), str) else here.texts("when") or ()
        if not conditions:
            raise here.error("when", "nothing says when it applies", 'Write when = "pregnant == yes", say')
        action = here.one_of("action", _ACTIONS, "avoid")
        found.append(
            Contraindication(
                name=name,
                drugs=about,
                when=tuple(read_condition(here, "when", text, schema) for text in conditions),
                action=action,  # type: ignore[arg-type]
                reason=here.text("reason").rstrip("."),
                source=here.text("source").rstrip("."),
            )
        )
    return tuple(found)


def _medications(section: Section, schema: Schema) -> str | None:
    name = section.optional_text("medications")
    if name is not None and name in schema.names:
        what = f"'{name}' is a variable already"
        raise section.error("medications", what, "Name what no predictor and no [record] is called")
    return name


def _refuse_unused(record: Section, variables: tuple[Variable, ...], stated: tuple[Contraindication, ...]) -> None:
    looked_at = {condition.variable for one in stated for condition in one.when}
    for variable in variables:
        if variable.gene is None and variable.name not in looked_at:
            what = f"no contraindication looks at '{variable.name}'"
            raise record.below(variable.name).error("", what, "Drop it, or declare a contraindication")


def _refuse_unheard(
    section: Section,
    record: Section,
    variables: tuple[Variable, ...],
    stated: tuple[Contraindication, ...],
    drugs: dict[str, str],
    medications: str | None,
) -> None:
    """What is asked for, and of which nothing can ever be said, would look like an all-clear."""
    names, known = " or ".join(dict.fromkeys(drugs.values())), guidance_table()
    warned = {drug for row in interaction_table().rows for drug in row.drugs}
    near = next(
        (told for drug in drugs.values() if (told := nearest(drug, sorted({*known.drugs, *warned} - {drug})))), ""
    )
    if medications is not None and not warned & set(drugs.values()):
        what = f"no interaction of {names} is in the table"
        raise section.error("medications", what, f"{near} Or drop medications".lstrip())
    judged = {row.gene for row in known.rows if set(row.drugs) & set(drugs.values())}
    looked_at = {condition.variable for one in stated for condition in one.when}
    for variable in variables:
        if variable.gene is not None and variable.gene not in judged and variable.name not in looked_at:
            what = f"no guideline in the table judges {names} by {variable.gene}"
            raise record.below(variable.name).error("gene", what, f"{near} Or drop the variable".lstrip())


def _refuse_unknown(
    section: Section,
    key: str,
    drug: str,
    genes: tuple[str, ...],
    medications: str | None,
    stated: tuple[Contraindication, ...],
) -> None:
    """Guidance of which nothing can ever be said would look like an all-clear."""
    about = {row.gene for row in guidance_table().rows if drug in row.drugs}
    warned = medications is not None and any(drug in row.drugs for row in interaction_table().rows)
    if about & set(genes) or warned or any(not one.drugs or drug in one.drugs for one in stated):
        return
    place, name = (section.below("drugs"), key) if "drugs" in section else (section, "drug")
    if about:
        what = f"guidelines judge {drug} by {' and '.join(sorted(about))}, which no variable states"
        raise place.error(name, what, f'Add [record.{min(about)}] with gene = "{min(about)}"')
    known = {name for row in interaction_table().rows for name in row.drugs} | set(guidance_table().drugs)
    remedy = nearest(drug, tuple(sorted(known))) or "Declare a contraindication, or drop it"
    raise place.error(name, f"nothing is known of '{drug}'", remedy)


def _indications(section: Section, drugs: dict[str, str], genes: tuple[str, ...]) -> dict[str, str]:
    table, found = section.below("indications"), {}
    for drug in table.names():
        known = guidance_table().indications(drug)
        if drug not in drugs.values() or not known:
            raise table.error(drug, f"no guideline tells indications of '{drug}' apart here", "Drop it")
        found[drug] = table.one_of(drug, known)
    for drug in drugs.values():
        rows = [row for row in guidance_table().rows if drug in row.drugs and row.gene in genes]
        known = guidance_table().indications(drug)
        if rows and known and drug not in found:
            what = f"guidelines judge {drug} differently in different patients"
            raise table.error("", what, f'Write indications = {{ {drug} = "..." }}: {"; ".join(known)}')
    return found
