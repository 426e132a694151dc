"""What every kind of question has: what the model said of each patient, and what happened."""

from __future__ import annotations

from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int


@runtime_checkable
class Given(Protocol):
    """Predictions and outcomes of the patients to be judged; see `registry` for what is computed from them.

    Attributes
    ----------
    measures: name of the set of measures, as in ``Task.measures``.
    outcome: position of what happened among `classes`. positive: the class asked about; None with more than two.
    probability: the graph's columns, in double precision. estimates: what an answer estimates.
    abstained: patients without an estimate.
    seed: of every bootstrap.
    """

    measures: ClassVar[str]

    @property
    def outcome(self) -> Int[np.ndarray, " patient"]: ...  # noqa: D102
    @property
    def probability(self) -> Float[np.ndarray, "patient column"]: ...  # noqa: D102
    @property
    def estimates(self) -> Float[np.ndarray, "patient estimate"]: ...  # noqa: D102
    @property
    def classes(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def positive(self) -> int | None: ...  # noqa: D102
    @property
    def abstained(self) -> Bool[np.ndarray, " patient"]: ...  # noqa: D102
    @property
    def seed(self) -> int: ...  # noqa: D102
    @property
    def answered(self) -> Given:
        """The patients with an estimate."""

    @property
    def as_if_answered(self) -> Given:
        """The same patients, with what the model would have said of those without an estimate."""

    def __len__(self) -> int: ...

    def take(self, mask: Bool[np.ndarray, " patient"]) -> Given:
        """The patients of a mask."""

    def instead(self, probability: Float[np.ndarray, "patient column"]) -> Given:
        """The same patients with what another model says of them."""
