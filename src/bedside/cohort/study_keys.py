"""Every key of a study file, with its meaning in one line; the reference page is held against this list."""

from __future__ import annotations

from functools import lru_cache

KNOWN_KEYS: dict[str, str] = {
    "study.name": "name of the study and of the release: letters, digits, dots, hyphens and underscores",
    "study.version": "version of the release, as 1.2.3",
    "study.task": "the kind of question: diagnosis, prognosis, treatment or dose",
    "study.intended_use": "who uses the answer, and to decide what",
    "study.population": "the patients whom the answer is for",
    "study.valid_until": "last day on which the release answers; after it every answer abstains",
    "data.table": "the table of patients, CSV or Parquet, relative to the study file",
    "data.patient": "column that names the patient; rows of one patient never fall on both sides of a split",
    "data.site": "column that names the hospital or site",
    "data.time": "column of the index date, as 2026-03-01",
    "data.missing": "texts that mean not known in every column; an empty cell always does",
    "data.leakage_known": "predictors that the leakage check lets pass; each is named in the report",
    "predictors.<variable>.label": "how people read the variable; default: its name",
    "predictors.<variable>.column": "its column in the table, where that is not its name",
    "predictors.<variable>.unit": "UCUM unit in which the model takes it",
    "predictors.<variable>.unit_in_data": "UCUM unit of the table, where it differs; converted",
    "predictors.<variable>.range": "lowest and highest plausible value, in the unit; others become missing",
    "predictors.<variable>.reference": "the laboratory's reference range, in the unit; shown beside the value",
    "predictors.<variable>.missing": "sentinel codes of this column that mean not known, as the table writes them",
    "predictors.<variable>.max_age": 'oldest value to answer with, as "30 d"; an older one makes the answer abstain',
    "predictors.<variable>.scale": "standard, minmax, log or none; default: chosen by skewness",
    "predictors.<variable>.changeable": "whether an explanation may say what a change of it would do",
    "predictors.<variable>.code": 'its code in a terminology, as "loinc|12345-6"',
    "predictors.<variable>.categories": "the category texts; makes the variable a category",
    "predictors.<variable>.gene": "the gene whose genotype it is; its categories are then diplotypes or phenotypes",
    "predictors.<variable>.labels": "how people read each category, in the same order",
    "outcome.column": "column that holds the answer",
    "outcome.positive": "text, or list of texts, of the outcome column that mean the condition is there",
    "outcome.negative": "texts that mean it is not there; needed where more than one is left over",
    "outcome.classes": "for more than two classes: their texts, in the order of the outputs",
    "outcome.names": "how people read the classes: [not there, there], or one for each of classes",
    "outcome.time": "column with the time to the event or to the end of follow-up",
    "outcome.unit": "unit of all times: d, wk, mo or a; of an outcome that is a number: its UCUM unit",
    "outcome.event": "column that says what happened at that time",
    "outcome.event_value": "text, or list of texts, of the event column that mean the event asked about",
    "outcome.competing": "texts of the event column that mean another event, and its name: { transplanted = ... }",
    "outcome.censored": "texts that mean no event was seen; needed where more than one is left over",
    "outcome.name": "how people read the event, or the number; default: event_value if a word, else the column",
    "outcome.horizons": "times at which a risk is given, ascending",
    "outcome.entry": "column with the time from which on a patient was under observation (left truncation)",
    "outcome.end": "the time, or the column of each patient's time, at which follow-up ends: no later event counts",
    "outcome.landmarks": "times at which each patient then at risk is asked about; horizons count from each of them",
    "outcome.visit": "with landmarks: column with the time of each row's visit, in the unit",
    "outcome.arm": "treatment: column that says which treatment each patient got",
    "outcome.control": "treatment: the text of that column that the other treatments are compared with",
    "outcome.arms": "treatment: how people read the texts of that column, as { A = ..., B = ... }; default: the texts",
    "outcome.better": "treatment: which outcomes are wanted, lower or higher",
    "outcome.propensity": "of a trial: how probable each treatment was; left out: observational records",
    "outcome.until": "treatment: time up to which the time without the event is averaged",
    "outcome.range": "lowest and highest possible number; others are errors",
    "outcome.drug": "dose: the drug, in words",
    "outcome.comparators": "dose: columns with what other rules would give, as { name = column }",
    "outcome.tolerance": "dose: share of the therapeutic dose within which a dose counts as right; default 0.2",
    "training.network": "residual (default), plain or floor",
    "training.members": "how many networks the estimate is the mean of",
    "training.distil": "true: one student learns the networks' mean probability and is packed in their place",
    "training.prune": "share of the hidden units that is taken out after training; what is left is trained on",
    "validation.holdout": "share of the patients held out at random, stratified by outcome",
    "validation.by": "site column: one site is held out whole",
    "validation.held_out": "with by: the site that is held out; default: the one nearest to a quarter of the patients",
    "validation.after": "patients with an index date from this day on are held out",
    "validation.threshold": "risk at which the physician would act; with classes: one per class",
    "validation.decision": "prognosis: the horizon that the threshold is about; default: the last",
    "validation.alpha": "share that a conformal set, the band of a curve or an interval may miss",
    "validation.overlap": "treatment: one that fewer patients alike got is not judged; default 0.05",
    "validation.subgroups": 'groups to judge separately: a category, or a condition as "age >= 65"',
    "validation.seed": "seed of the split and of everything random after it",
    "accept.<measure>.min": "least acceptable value of the measure",
    "accept.<measure>.max": "largest acceptable value of the measure",
    "accept.<measure>.bound": "low or high: judge that end of the interval, not the point value",
    "accept.net_benefit.better_than": "strategies that the net benefit must exceed: treat-all, treat-none",
    "accept.subgroups.<measure>.max_gap": "largest gap between a subgroup and all other patients",
    "accept.subgroups.<measure>.min_events": "subgroups with fewer events or non-events are not judged; default 20",
    "accept.targets.auroc_loss": "how much AUROC a compressed target may lose",
    "accept.targets.flips": "share of patients whose side of the threshold a compressed target may change",
    "accept.targets.largest_change": "how far a compressed target may move any patient's risk",
    "review.queue": "which answers wait for a physician: alert, abstained, asked, all",
    "review.expires_after_days": "days after which an answer that nobody signed is void",
    "review.own_estimate_first": "whether a clinician must give an estimate of their own before seeing the model's",
    "record.<variable>.label": "how people read a variable that only guidance looks at; it is no column of the table",
    "record.<variable>.unit": "UCUM unit of its number",
    "record.<variable>.range": "lowest and highest plausible value, in the unit; others are refused",
    "record.<variable>.categories": "its category texts",
    "record.<variable>.labels": "how people read each category, in the same order",
    "record.<variable>.gene": "the gene whose genotype it is",
    "record.<variable>.code": 'its code in a terminology, as "loinc|12345-6"',
    "guidance.drug": "the drug that the study is about, as guidelines call it",
    "guidance.drugs": 'treatment: the drug of each arm, as { new = "clopidogrel" }; an arm without one is not judged',
    "guidance.indications": 'drug → indication, where guidelines judge by it: { clopidogrel = "neurovascular" }',
    "guidance.medications": "under which name a patient's medications are sent, as a list of texts",
    "guidance.contraindications.<name>.when": 'when it applies, as "pregnant == yes"; a list: where all hold',
    "guidance.contraindications.<name>.about": "the drugs that it is about; default: every drug of the study",
    "guidance.contraindications.<name>.action": "avoid (default: a veto), alternative, reduce, increase or monitor",
    "guidance.contraindications.<name>.reason": "why, in words",
    "guidance.contraindications.<name>.source": "where that stands: a label, a guideline",
    "adoption.order": 'the inputs of a model from elsewhere, in its order: predictors, or indicators as "sex = male"',
    "adoption.inputs.<variable>.fill": "what stands for an unknown value: a number, or the text of a category",
    "adoption.inputs.<variable>.unit": "UCUM unit that the model was trained in; converted inside the graph",
    "adoption.inputs.<variable>.transform": "log, log10 or log1p of the value; default: none",
    "adoption.inputs.<variable>.subtract": "subtracted from the value (the mean of the model's training data, say)",
    "adoption.inputs.<variable>.divide": "the value is then divided by this (the standard deviation, say)",
    "adoption.inputs.<variable>.codes": "the number that the model takes for each category, as { no = 0, yes = 1 }",
    "adoption.inputs.<variable>.one_hot": "true: one indicator for each category, in the order of its categories",
    "adoption.unknown": "where a predictor without a fill is unknown: abstain, median, or model (it takes nan itself)",
    "adoption.output": "which of the model's outputs is used, where it has several",
    "adoption.outputs": "what the model gives: probabilities (default) or logits",
    "adoption.classes": "the class of each output column; of a single column: the class whose probability it is",
    "adoption.trained_on": "on whom the model was trained, as far as the author of the study knows; default: unknown",
    "adoption.trained_how": "how it was trained; default: unknown",
    "adoption.unseen": "true: the author states that none of the table's patients was used to train it",
    "targets.names": "what to build beside server-cpu",
}
"""Dotted key → meaning; ``<variable>`` and ``<measure>`` stand for any name."""

LATER_KEYS: dict[str, str] = {
    "privacy": "differentially private training",
    "data.images": "image data",
    "data.fhir": "FHIR data",
    "data.omop": "OMOP data",
    "data.dicom": "DICOM data",
    "data.vcf": "genomic data",
    "data.genome": "genomic data",
}
"""Keys of the interface that this version does not have: refused by name, never ignored."""

TARGETS = ("server-cpu", "server-cpu-int8", "server-gpu", "browser", "phone")
"""Targets that bedside brings; `bedside.release.target` says where each is."""


def known_below(path: str) -> tuple[str, ...]:
    """The known names of keys directly below a dotted path (``""`` for the file itself).

    >>> known_below("accept.targets")
    ('auroc_loss', 'flips', 'largest_change')
    """
    parts = path.split(".") if path else []
    return known_under(tuple(parts))


@lru_cache(maxsize=4096)
def known_under(keys: tuple[str, ...]) -> tuple[str, ...]:
    """`known_below` for a path whose names may hold dots themselves."""
    found: dict[str, None] = {}
    for key in KNOWN_KEYS:
        steps = key.split(".")
        if len(steps) > len(keys) and all(_fits(steps, place, keys[place]) for place in range(len(keys))):
            found[steps[len(keys)]] = None
    return tuple(found)


def _fits(steps: list[str], place: int, name: str) -> bool:
    own_table = steps[:place] == ["accept"] and name in {"subgroups", "targets"}
    if steps[:place] in (["accept"], ["accept", "subgroups"]):
        name = name.split("_at_")[0]  # a measure at a horizon has the keys of the measure
    return steps[place] == name or (steps[place].startswith("<") and not own_table)
