"""Weights against censoring: the share of all patients that each patient with a known state stands for."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.measures.survival_curves import life_table, survival


def free_at(
    time: Float[np.ndarray, "patient"], event: Int[np.ndarray, "patient"], at: Float[np.ndarray, "moment"]
) -> Bool[np.ndarray, "patient moment"]:
    """Who is known to have had no event by each moment: followed beyond it, or censored at it."""
    return np.asarray((time[:, None] > at) | ((time[:, None] == at) & (event == 0)[:, None]))


def known_free(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    at: Float[np.ndarray, "moment"],
    entry: Float[np.ndarray, "patient"],
) -> Bool[np.ndarray, "patient moment"]:
    """Who is under observation at each moment and has had no event, see `free_at`."""
    return np.asarray(free_at(time, event, at) & (entry[:, None] <= at))


def standing_by(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    horizon: float,
    entry: Float[np.ndarray, "patient"],
) -> Float[np.ndarray, "patient"]:
    """`standing_at` at one moment."""
    return standing_at(time, event, np.array([horizon]), entry)[:, 0]


def standing_at(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    at: Float[np.ndarray, "moment"],
    entry: Float[np.ndarray, "patient"],
) -> Float[np.ndarray, "patient moment"]:
    """Share of the population that each patient stands for at each moment; 0 where the state there is unknown.

    A patient with an event by then stands for the jump of the Aalen-Johansen curve that is theirs, S(t-) / at risk;
    those known to be free of any event share S(at) equally. The shares sum to 1. Without ``entry`` they are the
    inverse probability of censoring weights 1 / (n G(t-)) and 1 / (n G(at-)) with the Kaplan-Meier estimate of G
    (Satten and Datta, Am Stat 2001;55:207-210), events before censorings at equal times; with it, also those against
    left truncation. nan at a moment that nobody without an event was followed to, and where the curve came to 0 early,
    among the few who had entered, while later patients are free.
    """
    times, at_risk, events, _ = life_table(time, event, entry)
    free = survival(at_risk, events)
    had = event > 0
    jump = np.zeros(len(time))
    jump[had] = (free[:-1] / at_risk)[np.searchsorted(times, time[had])]
    known = known_free(time, event, at, entry)
    left = free[np.searchsorted(times, at, side="right")]
    count = known.sum(axis=0)
    # Nobody known to be free stands for those whom the curve says there are, or the other way round: no weights.
    each = np.divide(left, count, out=np.zeros(len(at)), where=count > 0)
    each[(left > 1e-12) != (count > 0)] = math.nan
    of_events = np.where(had[:, None] & (time[:, None] <= at), jump[:, None], 0.0)
    return np.asarray(of_events + np.where(known | np.isnan(each), each, 0.0))
