"""Architectures and their training; torch is imported when a network is trained, not before."""

from __future__ import annotations

from bedside.network.losses import LARGEST_LOG_HAZARD, LOSSES, cross_entropy, piecewise_exponential, squared
from bedside.network.members import Members, beside, linear_members, logits, untrained
from bedside.network.pruning import pruned
from bedside.network.settings import Settings, plain, residual
from bedside.network.torch_operations import TorchOperations
from bedside.network.training_loop import Trained, train

__all__ = [
    "LARGEST_LOG_HAZARD",
    "LOSSES",
    "Members",
    "Settings",
    "TorchOperations",
    "Trained",
    "beside",
    "cross_entropy",
    "linear_members",
    "logits",
    "piecewise_exponential",
    "plain",
    "pruned",
    "residual",
    "squared",
    "train",
    "untrained",
]
