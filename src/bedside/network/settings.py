"""How a network is built and trained: the two architectures as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Settings:
    """Architecture and optimiser of an ensemble.

    Attributes
    ----------
    name: how the study calls it.
    linear: whether there is a linear term, begun at the floor's solution.
    hidden: units of each hidden layer.
    members: networks that are averaged.
    optimiser: Adam with decoupled weight decay, or plain stochastic gradient descent.
    learning_rate, batch, epochs: of the optimiser; `epochs` is the most there will be.
    weight_decay: of the hidden and last layers' weights, never of biases or the linear term.
    dropout: share of hidden units left out in each step.
    patience: epochs without improvement on a member's stopping patients after which it stops; None: no early stopping.
    stopping_share: share of the patients that a member keeps for early stopping.
    distil: whether one student learns the members' mean probability and takes their place.
    prune: share of the hidden units that is taken out afterwards; what is left is trained on.
    """

    name: Literal["residual", "plain"]
    linear: bool
    hidden: tuple[int, ...]
    members: int
    optimiser: Literal["adam", "sgd"]
    learning_rate: float
    batch: int
    epochs: int
    weight_decay: float = 0.0
    dropout: float = 0.0
    patience: int | None = None
    stopping_share: float = 0.2
    distil: bool = False
    prune: float = 0.0

    @property
    def compressed(self) -> bool:
        """Whether what is packed is smaller than what is trained first."""
        return self.distil or self.prune > 0


def residual(members: int = 5) -> Settings:
    """The default: a linear term plus a small network that begins as nothing, stopped early."""
    return Settings(
        name="residual",
        linear=True,
        hidden=(32,),
        members=members,
        optimiser="adam",
        learning_rate=0.003,
        batch=64,
        epochs=200,
        weight_decay=0.1,
        dropout=0.5,
        patience=15,
    )


def plain() -> Settings:
    """The textbook network: Dense 64 relu → softmax; SGD (rate .01), 5 epochs, batches of 32; one member."""
    return Settings(
        name="plain", linear=False, hidden=(64,), members=1, optimiser="sgd", learning_rate=0.01, batch=32, epochs=5
    )
