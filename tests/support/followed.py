"""Patients followed over time whose true risks are known: exponential hazards, censoring that knows nothing of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from lifelines import KaplanMeierFitter


@dataclass(frozen=True)
class Followed:
    """Times, events (0 censored, 1 asked about, 2 competing), entries, and what hazards made them."""

    time: np.ndarray
    event: np.ndarray
    entry: np.ndarray
    hazard: np.ndarray
    competing: float

    def risk(self, t: float | np.ndarray) -> np.ndarray:
        """The true cumulative incidence of event 1 by ``t``, for each patient (and each t)."""
        t = np.asarray(t, dtype=np.float64)
        hazard = self.hazard.reshape(-1, *[1] * t.ndim)
        both = hazard + self.competing
        return hazard / both * (1 - np.exp(-both * t))

    @property
    def parts(self) -> tuple[np.ndarray, np.ndarray]:
        """Times and events."""
        return self.time, self.event


def followed(
    seed: int, n: int = 200, *, competing: float = 0.0, late: float = 0.0, unit: float = 0.0, censored: float = 8.0
) -> Followed:
    """``n`` patients who were seen: hazards 0.1 exp(x), an even competing one, uniform censoring up to ``censored``.

    ``late``: entries are uniform up to it, and who had an event before entry is never seen. ``unit``: times are
    rounded up to it, so that there are ties.
    """
    rng = np.random.default_rng(seed)
    kept: list[np.ndarray] = []
    while sum(len(rows) for rows in kept) < n:
        hazard = 0.1 * np.exp(rng.normal(size=n))
        event_at = rng.exponential(1 / hazard)
        other_at = rng.exponential(1 / competing, size=n) if competing else np.full(n, np.inf)
        end = rng.uniform(0.2, censored, size=n)
        entry = rng.uniform(0, late, size=n) if late else np.zeros(n)
        time = np.minimum(np.minimum(event_at, other_at), end)
        event = np.where(time == event_at, 1, np.where(time == other_at, 2, 0))
        if unit:
            time = np.ceil(time / unit) * unit
        kept.append(np.column_stack([time, event, entry, hazard])[entry < time])
    time, event, entry, hazard = np.concatenate(kept)[:n].T
    return Followed(time, event.astype(np.int64), entry, hazard, competing)


def average_risk(t: float, competing: float = 0.0) -> float:
    """The true share of all such patients with event 1 by ``t``, by numerical integration over x."""
    x, weight = np.polynomial.hermite_e.hermegauss(60)
    whole = Followed(x, x, x, 0.1 * np.exp(x), competing)
    return float(whole.risk(t) @ weight / weight.sum())


def inverse_weights(one: Followed, horizon: float) -> np.ndarray:
    """1 / (n G) of each patient with a known state, from lifelines' curve of censoring."""
    # A hair later, so that events come first at equal times.
    curve = KaplanMeierFitter().fit(one.time + 1e-7 * (one.event == 0), one.event == 0)
    had = (one.event > 0) & (one.time <= horizon)
    free = (one.time > horizon) | ((one.time == horizon) & (one.event == 0))
    G = curve.predict(np.minimum(one.time, horizon) - 1e-9).to_numpy()
    at_horizon = float(curve.predict(horizon - 1e-9))
    return np.where(had, 1 / G, 0) / len(G) + np.where(free, 1 / at_horizon, 0) / len(G)
