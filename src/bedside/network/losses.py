"""What training minimises, by the name that a task gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
else:
    Tensor = Any  # torch takes seconds to import

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Of logits [member, patient, output], a target [member, patient, column] and weights [member, patient]: the weighted
mean of each member."""

LARGEST_LOG_HAZARD = 10.0
"""Nobody outlives an interval whose hazard is e^10; beyond it a logit changes nothing."""


def cross_entropy(logits: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy in nats, one weighted mean per member.

    - sum_k y_k log f_k with f the softmax of the logits; with two classes that is - [y log f + (1 - y) log(1 - f)].
    ``logits`` [member, patient, class], ``y`` [member, patient, class]: 1 for the patient's class and 0 for others, or
    a teacher's probabilities; ``weight`` [member, patient].
    """
    log_f = logits - logits.logsumexp(dim=-1, keepdim=True)
    return -(weight * (y * log_f).sum(dim=-1)).sum(dim=-1) / weight.sum(dim=-1)


def piecewise_exponential(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Negative log-likelihood of hazards that are constant within intervals, one weighted mean per member.

    sum over events and intervals of exposure * exp(z) - d * z: exact for who is censored, and for who comes under
    observation, inside an interval (Friedman, Ann Stat 1982;10:101-113; Holford, Biometrics 1980;36:299-305). A logit
    z is the logarithm of the hazard over the whole interval. ``logits`` [member, patient, event * interval], event
    after event; ``target`` [member, patient, event * interval + interval]: d, how often each event happened in each
    interval, then the share of each interval that the patient was under observation.
    """
    outputs = logits.shape[-1]
    events, exposure = target[..., :outputs], target[..., outputs:]
    z = logits.clamp(max=LARGEST_LOG_HAZARD)
    each = exposure.repeat(*(1,) * (exposure.dim() - 1), outputs // exposure.shape[-1]) * z.exp() - events * z
    return (weight * each.sum(dim=-1)).sum(dim=-1) / weight.sum(dim=-1)


def squared(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Squared error, summed over outputs, one weighted mean per member.

    ``logits`` and ``target`` [member, patient, output], in the same unit; ``weight`` [member, patient].
    """
    return (weight * (logits - target).square().sum(dim=-1)).sum(dim=-1) / weight.sum(dim=-1)


LOSSES: Mapping[str, Loss] = {
    "cross-entropy": cross_entropy,
    "piecewise-exponential": piecewise_exponential,
    "squared": squared,
}
