"""``[guidance]`` and ``[record]`` of a study, read: its drugs, and what else of the patient guidance looks at."""

from __future__ import annotations

import msgspec

from bedside.genome import Contraindication
from bedside.sources import Variable


class GuidancePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Guidance that stands beside the answers and can only veto.

    Attributes
    ----------
    drugs: what an answer is about → the drug, as guidelines call it: each arm of a treatment, else the drug itself.
    indications: drug → indication, for drugs that guidelines judge differently in different diseases.
    record: variables that only guidance reads: no column of the table, never in the model.
    genes: names of the genes whose result is known, by a predictor or from the record.
    medications: under which name a patient's medications are sent; None: interactions are not looked at.
    contraindications: as declared.
    """

    drugs: dict[str, str]
    indications: dict[str, str]
    record: tuple[Variable, ...]
    genes: tuple[str, ...]
    medications: str | None
    contraindications: tuple[Contraindication, ...]
