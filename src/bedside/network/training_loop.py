"""Train all members of an ensemble at once, each on its own patients, each stopped at its own epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from bedside.network.losses import LOSSES, Loss
from bedside.network.members import Members, logits, untrained
from bedside.network.settings import Settings
from bedside.network.torch_operations import TorchOperations

if TYPE_CHECKING:
    from torch import Tensor
else:
    Tensor = Any  # torch takes seconds to import


@dataclass(frozen=True)
class Trained:
    """An ensemble after training.

    Attributes
    ----------
    members: weights as NumPy arrays in double precision, exact in single precision.
    epochs: the epoch whose weights each member kept; 0: the member stayed as it began.
    stopping_loss: loss of each member on its own stopping patients; nan without early stopping.
    """

    members: Members
    epochs: tuple[int, ...]
    stopping_loss: tuple[float, ...]


def train(
    x: Float[np.ndarray, "patient feature"],
    target: Float[np.ndarray, "patient column"],
    outputs: int,
    settings: Settings,
    *,
    seed: tuple[int, ...],
    loss: str = "cross-entropy",
    start: Members | None = None,
    begun: Members | None = None,
    teacher: Float[np.ndarray, "patient column"] | None = None,
    stopping: Bool[np.ndarray, "member patient"] | None = None,
    shapes: Float[np.ndarray, "shape output"] | None = None,
    device: str | None = None,
) -> Trained:
    """Fit an ensemble to features and to what its loss compares its logits with.

    Parameters
    ----------
    x: features of the fitting patients. target: for cross-entropy 1 for the patient's class and 0 for others.
    outputs: how many logits there are. loss: its name, see `LOSSES`.
    settings: architecture and optimiser.
    seed: everything random follows from it, member by member; torch's own generator is not touched.
    start: the linear model (of one member, or one per member) that a residual network begins at.
    begun: whole networks to go on from, in place of `start`.
    teacher: what a larger model expects, learned in place of the target (distillation: Hinton, Vinyals and Dean
        2015, arXiv:1503.02531, at temperature 1). Early stopping looks at the target all the same.
    stopping: patients that each member is not fitted on but stopped by; needed where the settings have a patience.
    shapes: see `Members`.
    device: of torch; default: the first GPU where there is one, else the CPU.
    """
    import torch

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    ops = TorchOperations(device)
    varies = np.ptp(x, axis=0) > 0
    generators = [np.random.default_rng([*seed, member]) for member in range(settings.members)]
    if begun is None:
        begun = untrained(start if settings.linear else None, varies, outputs, settings.hidden, generators, shapes)
    learned = target if teacher is None else teacher
    held = np.zeros((settings.members, len(x)), dtype=bool) if stopping is None else stopping
    data = _Data(ops.constant(x), ops.constant(learned), ops.constant(target), ~held, ops.constant(held * 1.0))
    run = _Run(
        ops,
        settings,
        LOSSES[loss],
        data,
        torch.Generator(device=device).manual_seed(int(generators[0].integers(2**62))),
    )
    return run.train(begun.map(lambda array: ops.constant(array).clone()), generators)


@dataclass(frozen=True)
class _Data:
    x: Tensor
    learned: Tensor
    target: Tensor
    fitting: Bool[np.ndarray, "member patient"]
    stopping: Tensor


@dataclass(frozen=True)
class _Run:
    """What stays the same through one training."""

    ops: TorchOperations
    settings: Settings
    loss: Loss
    data: _Data
    generator: Any

    def train(self, members: Members, generators: list[np.random.Generator]) -> Trained:
        learned = _learned(members)
        step = _adam(self.settings, learned) if self.settings.optimiser == "adam" else _descent(self.settings, learned)
        kept = _Kept.at(members, self.stopping_loss(members))
        for epoch in range(1, self.settings.epochs + 1):
            for rows, weight in self.batches(generators):
                step(self.gradients(members, learned, rows, weight))
            if self.settings.patience is not None:
                kept.consider(members, self.stopping_loss(members), epoch, self.settings.patience)
                if int((epoch - kept.epoch).min()) >= self.settings.patience:
                    break
        if self.settings.patience is None:
            return Trained(_arrays(members), (self.settings.epochs,) * members.count, (float("nan"),) * members.count)
        return Trained(_arrays(kept.members), tuple(kept.epoch.tolist()), tuple(kept.loss.tolist()))

    def batches(self, generators: list[np.random.Generator]) -> Iterator[tuple[Tensor, Tensor]]:
        """Rows [member, batch] in a new order of each member's own, and their weights; fillers weigh 0."""
        orders = [rng.permutation(np.flatnonzero(own)) for rng, own in zip(generators, self.data.fitting, strict=True)]
        longest = max(len(order) for order in orders)
        rows = np.stack([np.resize(order, longest) for order in orders])
        weight = np.stack([np.arange(longest) < len(order) for order in orders]) * 1.0
        for first in range(0, longest, self.settings.batch):
            part = slice(first, first + self.settings.batch)
            if weight[:, part].any(axis=1).all():
                yield self.ops.index(rows[:, part]), self.ops.constant(weight[:, part])

    def gradients(self, members: Members, learned: list[Tensor], rows: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
        for array in learned:
            array.requires_grad_(True)
        out = logits(self.ops, members, self.data.x[rows], self.dropped if self.settings.dropout else None)
        # Members share no weight: the gradient of the sum is each one's own.
        loss = self.loss(out, self.data.learned[rows], weight).sum()
        found: tuple[Tensor, ...] = self.ops._torch.autograd.grad(loss, learned)
        for array in learned:
            array.requires_grad_(False)
        return found

    def dropped(self, layer: Tensor) -> Tensor:
        torch, keep = self.ops._torch, 1 - self.settings.dropout
        drawn = torch.rand(layer.shape, generator=self.generator, device=self.ops.device)
        kept: Tensor = layer * (drawn < keep) / keep
        return kept

    def stopping_loss(self, members: Members) -> Tensor:
        out = logits(self.ops, members, self.data.x)
        return self.loss(out, self.data.target.expand(members.count, -1, -1), self.data.stopping)


@dataclass
class _Kept:
    """The best weights so far, member by member."""

    members: Members
    loss: Tensor
    epoch: Tensor

    @classmethod
    def at(cls, members: Members, loss: Tensor) -> _Kept:
        return cls(members.map(lambda array: array.clone()), loss, loss.new_zeros(loss.shape).long())

    def consider(self, members: Members, loss: Tensor, epoch: int, patience: int) -> None:
        better = (loss < self.loss) & (epoch - self.epoch <= patience)  # a member that has stopped stays stopped
        for best, now in zip(self.members.arrays(), members.arrays(), strict=True):
            best[better] = now[better]
        self.loss = loss.where(better, self.loss)
        self.epoch = self.epoch.masked_fill(better, epoch)


def _learned(members: Members) -> list[Tensor]:
    """What the optimiser changes: all but the floor's linear term, and, where there are shapes, its bias.

    Where logits are many and hold together, as those of the intervals of a course, each bias would only follow noise.
    """
    kept = (None,) if members.linear is None else (members.linear, None if members.shapes is None else members.bias)
    return [array for array in members.arrays() if not any(array is one for one in kept)]


def _adam(settings: Settings, learned: list[Tensor]) -> Callable[[tuple[Tensor, ...]], None]:
    """Adam (Kingma and Ba, ICLR 2015) with decoupled weight decay (Loshchilov and Hutter, ICLR 2019).

    Written out because torch's own optimisers import its compiler, which takes longer than the training.
    """
    first, second = [array * 0 for array in learned], [array * 0 for array in learned]
    decay = [settings.weight_decay if array.shape[1] > 1 else 0.0 for array in learned]
    beta_1, beta_2, epsilon, steps = 0.9, 0.999, 1e-8, 0

    def step(gradients: tuple[Tensor, ...]) -> None:
        nonlocal steps
        steps += 1
        for array, gradient, m, v, shrink in zip(learned, gradients, first, second, decay, strict=True):
            m.mul_(beta_1).add_(gradient, alpha=1 - beta_1)
            v.mul_(beta_2).addcmul_(gradient, gradient, value=1 - beta_2)
            array.mul_(1 - settings.learning_rate * shrink)
            size = (v / (1 - beta_2**steps)).sqrt_().add_(epsilon)
            array.addcdiv_(m, size, value=-settings.learning_rate / (1 - beta_1**steps))

    return step


def _descent(settings: Settings, learned: list[Tensor]) -> Callable[[tuple[Tensor, ...]], None]:
    """Stochastic gradient descent, nothing added."""

    def step(gradients: tuple[Tensor, ...]) -> None:
        for array, gradient in zip(learned, gradients, strict=True):
            array.sub_(gradient, alpha=settings.learning_rate)

    return step


def _arrays(members: Members) -> Members:
    return members.map(lambda array: array.cpu().numpy().astype(np.float64))
