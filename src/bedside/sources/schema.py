"""What a predictor is, as declared: the part of a study that travels into the signed release."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["number", "category"]


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """One declared predictor.

    Attributes
    ----------
    name: how the study and the API call it.
    kind: ``"number"`` or ``"category"``.
    label: how people read it.
    column: its column in the study's table, where that is not `name`.
    unit: UCUM unit in which the model takes it; None for a category or a number without one.
    unit_in_data: UCUM unit of the study's table, where it differs; converted on reading.
    range: plausible values, in `unit`, both ends included.
    reference: the laboratory's reference range, in `unit`; shown beside a value, and nothing is decided by it.
    categories: the category texts; a category's code is its position here.
    labels: how people read each category, in the same order; None: as its text.
    gene: the categories are its diplotypes in their canonical form, or its phenotypes; cells are diplotypes, however
        they are written.
    missing: sentinel codes of this column that stand for "not known", in the table's own unit and text.
    max_age_days: an older value makes the answer abstain.
    changeable: whether a counterfactual may touch it.
    code: ``"system|code"``, for example ``"loinc|12345-6"``.
    """

    name: str
    kind: Kind
    label: str
    column: str | None = None
    unit: str | None = None
    unit_in_data: str | None = None
    range: tuple[float, float] | None = None
    reference: tuple[float, float] | None = None
    categories: tuple[str, ...] | None = None
    labels: tuple[str, ...] | None = None
    gene: str | None = None
    missing: tuple[str, ...] = ()
    max_age_days: float | None = None
    changeable: bool = True
    code: str | None = None

    def category_label(self, text: str) -> str:
        """How people read one of the categories.

        >>> sex = Variable(name="sex", kind="category", label="Sex", categories=("0", "1"), labels=("female", "male"))
        >>> sex.category_label("1")
        'male'
        """
        if self.labels is None or self.categories is None or text not in self.categories:
            return text
        return self.labels[self.categories.index(text)]


class Schema(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """The declared predictors in the order of the graph's input, and how a table states them.

    Attributes
    ----------
    variables: one `Variable` per column of the graph's ``values`` input, in that order.
    missing: texts that stand for "not known" in any column of a table.
    patient, site, time: the table's columns that name the patient, the site and the index date.
    """

    variables: tuple[Variable, ...]
    missing: tuple[str, ...] = ("", "NA")
    patient: str | None = None
    site: str | None = None
    time: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The variables' names in the order of the graph's input."""
        return tuple(variable.name for variable in self.variables)

    def __getitem__(self, name: str) -> Variable:
        return self.variables[self.names.index(name)]
