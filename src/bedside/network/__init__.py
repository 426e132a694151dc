"""Architectures and their training; torch is imported when a network is trained, not before."""

from __future__ import annotations

from bedside.network.members import Members, linear_members, logits, untrained
from bedside.network.pruning import pruned
from bedside.network.settings import Settings, plain, residual
from bedside.network.torch_operations import TorchOperations
from bedside.network.training_loop import Trained, cross_entropy, train

__all__ = [
    "Members",
    "Settings",
    "TorchOperations",
    "Trained",
    "cross_entropy",
    "linear_members",
    "logits",
    "plain",
    "pruned",
    "residual",
    "train",
    "untrained",
]
