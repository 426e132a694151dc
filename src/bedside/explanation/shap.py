"""SHAP values of any model, exact for few variables and by antithetic permutation sampling for many."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.errors import DataError
from bedside.explanation.explanation import Explanation
from bedside.explanation.logistic_game import LogisticGame, logit

PredictOne = Callable[[Float[np.ndarray, "case variable"]], Float[np.ndarray, " case"]]
"""Cases in, one number for each out: the output that is explained."""

EXACT_ROWS = 17_408
"""All coalitions are enumerated where that takes at most so many rows: it is exact, and costs little more."""
MOST_ROWS = 10_240
"""Rows that the model is asked for one explanation: at half a microsecond each, what an answer at the bedside may
cost. Where that is not enough for the target, the error that is stated is larger."""
ROWS_AT_ONCE = 512
"""Few, so that several explanations at once need little memory."""
PILOTS = 2
"""Rounds through all prototypes from which a game near the model's is fitted."""
FEWEST_DEGREES = 20
"""A standard error from fewer degrees of freedom is too noisy to stop by."""


def shap(
    predict: PredictOne,
    case: Float[np.ndarray, " variable"],
    background: Float[np.ndarray, "prototype variable"],
    weights: Float[np.ndarray, " prototype"],
    names: Sequence[str],
    *,
    output: str,
    compared_with: str,
    max_samples: int = MOST_ROWS,
    target_error: float = 0.003,
    seed: int = 0,
) -> Explanation:
    """Shapley values of ``predict(case)`` against a weighted background.

    The game is ``v(S) = sum_b weights[b] * predict(case in S, background[b] elsewhere)``, the interventional (marginal)
    expectation of Lundberg and Lee, NeurIPS 2017; unknown values (``nan``) are values like any other. A variable in
    which the case equals every prototype gets exactly 0.

    With few variables that differ all coalitions are enumerated and `error` is 0. Otherwise variables are switched from
    prototype to case one by one in random orders (Strumbelj and Kononenko, Knowl Inf Syst 2014;41:647-665), each order
    forwards and backwards (antithetic pairs: Mitchell, Cooper, Frank and Holmes, J Mach Learn Res 2022;23(43):1-46).
    Every prototype gets pairs of its own, so that prototypes are strata without a sampling error of their own. Where
    the output is a probability, only its difference from a game that is additive on the logit scale is sampled: that
    game's own values are known (`LogisticGame`; a control variate). Pairs are added until the largest standard error,
    from the spread between the pairs of each stratum, is at most `target_error`, or `max_samples` is spent; one pair
    for each prototype and a second one for 20 of them are always made. Every order's steps add up to ``predict(case) -
    predict(prototype)``, so ``base_value + sum(values)`` equals ``predict(case)`` by construction.

    Parameters
    ----------
    names: of the variables. output: what `predict` gives, in words. compared_with: what the background is, in words.
    max_samples: rows that `predict` may be asked. seed: of the random orders; the same seed gives the same values.

    Raises
    ------
    DataError: shapes do not fit, weights are negative or do not sum to 1, or `predict` gives ``nan``.
    """
    start = time.perf_counter()
    _check(case, background, weights, names)
    # nan equals nan here: unknown in both is no difference.
    same = (background == case) | (np.isnan(background) & np.isnan(case))
    game = _Game(predict, case, background, np.asarray(weights, dtype=np.float64), np.flatnonzero(~same.all(axis=0)))
    ends = game.ask(np.concatenate([background, case[None]]))
    at_prototypes, at_case = ends[:-1], float(ends[-1])
    if len(game.active) <= 1:
        found = _Found(np.full(len(game.active), at_case - float(game.weights @ at_prototypes)), 0.0, len(ends))
    elif (1 << len(game.active)) * len(background) <= (EXACT_ROWS if max_samples >= MOST_ROWS else max_samples):
        found = _enumerated(game, at_case)
    else:
        found = _sampled(game, at_prototypes, at_case, max_samples, target_error, np.random.default_rng(seed))
    values = np.zeros(len(case))
    values[game.active] = found.values
    return Explanation(
        method="shap",
        output=output,
        base_value=float(game.weights @ at_prototypes),
        values=dict(zip(names, values.tolist(), strict=True)),
        error=found.error,
        samples=found.samples,
        seconds=time.perf_counter() - start,
        compared_with=compared_with,
    )


@dataclass(frozen=True)
class _Game:
    """The players are the positions in `active`: variables in which the case differs from some prototype."""

    predict: PredictOne
    case: Float[np.ndarray, " variable"]
    background: Float[np.ndarray, "prototype variable"]
    weights: Float[np.ndarray, " prototype"]
    active: Int[np.ndarray, " player"]

    def ask(self, rows: Float[np.ndarray, "row variable"]) -> Float[np.ndarray, " row"]:
        answers = np.asarray(self.predict(rows), dtype=np.float64)
        if answers.shape != rows.shape[:1] or np.isnan(answers).any():
            raise DataError(
                "the model gives something that is no number for a case of the explanation", where="predict"
            )
        return answers


@dataclass(frozen=True)
class _Found:
    values: Float[np.ndarray, " player"]
    error: float
    samples: int


def _check(
    case: Float[np.ndarray, " variable"],
    background: Float[np.ndarray, "prototype variable"],
    weights: Float[np.ndarray, " prototype"],
    names: Sequence[str],
) -> None:
    if background.shape != (len(weights), len(case)) or len(names) != len(case) or not len(weights):
        raise DataError(
            f"background {background.shape}, {len(weights)} weights and {len(names)} names for {len(case)} values",
            where="shap",
        )
    if (np.asarray(weights) < 0).any() or abs(float(np.sum(weights)) - 1.0) > 1e-6:
        raise DataError("weights must not be negative and must sum to 1", where="shap")


def _enumerated(game: _Game, at_case: float) -> _Found:
    """Every coalition; a coalition is a number whose bit j says whether player j has the case's value."""
    players, prototypes = len(game.active), len(game.background)
    coalitions = np.arange(1 << players)
    inside = (coalitions[:, None] >> np.arange(players) & 1).astype(bool)
    worth = np.empty(len(coalitions))
    step = max(1, ROWS_AT_ONCE // prototypes)
    for at in range(0, len(coalitions), step):
        worth[at : at + step] = _worth(game, inside[at : at + step])
    worth[-1] = at_case
    values = np.empty(players)
    size = inside.sum(axis=1)
    shares = _shapley_weights(players)
    for j in range(players):
        without = coalitions[~inside[:, j]]
        values[j] = shares[size[without]] @ (worth[without | 1 << j] - worth[without])
    return _Found(values, 0.0, len(coalitions) * prototypes + prototypes + 1)


def _worth(game: _Game, inside: Bool[np.ndarray, "coalition player"]) -> Float[np.ndarray, " coalition"]:
    rows = np.repeat(game.background[None], len(inside), axis=0)
    rows[:, :, game.active] = np.where(inside[:, None, :], game.case[game.active], game.background[:, game.active])
    answers = game.ask(rows.reshape(-1, len(game.case)))
    return np.asarray(answers.reshape(len(inside), -1) @ game.weights)


def _shapley_weights(players: int) -> Float[np.ndarray, " size"]:
    """``size! (players - size - 1)! / players!``: the weight of one coalition of ``size`` others."""
    weights = np.empty(players)
    weights[0] = 1.0 / players
    for size in range(1, players):
        weights[size] = weights[size - 1] * size / (players - size)
    return weights


def _sampled(
    game: _Game,
    at_prototypes: Float[np.ndarray, " prototype"],
    at_case: float,
    max_samples: int,
    target_error: float,
    rng: np.random.Generator,
) -> _Found:
    strata = len(game.background)
    walker = _Walker.of(game, at_prototypes, at_case)
    tally = _Tally.empty(strata, len(game.active), game.weights)
    first_again = rng.permutation(strata)
    # Every prototype once, then some of them again to see the spread, then the others, then whole rounds.
    everyone = np.arange(strata)
    batches = [everyone, first_again[:FEWEST_DEGREES], first_again[FEWEST_DEGREES:]]
    control, samples = _control(walker, everyone, max_samples, rng)
    known = 0.0 if control is None else control.shapley()
    samples += strata + 1
    while True:
        batch = batches.pop(0) if batches else everyone
        walks = walker.walk(batch, rng)
        moves = walks.moves()
        tally.add(batch, moves if control is None else moves - walks.of(control.take(batch)).moves())
        samples += len(batch) * walker.rows_a_walk
        if tally.degrees < 1:
            continue
        coming = len(batches[0] if batches else everyone) * walker.rows_a_walk
        done = tally.error() <= target_error and tally.degrees >= FEWEST_DEGREES
        if done or samples + coming > max_samples:
            return _Found(game.weights @ (tally.mean + known), tally.error(), samples)


def _control(
    walker: _Walker, everyone: Int[np.ndarray, " walk"], max_samples: int, rng: np.random.Generator
) -> tuple[LogisticGame | None, int]:
    """A game near the model's, whose Shapley values are known, and the rows that were asked to find it.

    What is then sampled is only how the model differs from it (a control variate); walks that it was fitted to are not
    used again, so that nothing is biased. None where the model gives no probabilities, or too few rows are left.
    """
    round_of_all = len(everyone) * walker.rows_a_walk
    ends = np.append(walker.at_prototypes, walker.at_case)
    if (PILOTS + 2) * round_of_all > max_samples or ends.min() < 0 or ends.max() > 1:
        return None, 0
    pilots = [walker.walk(everyone, rng) for _ in range(PILOTS)]
    inside = np.concatenate([walks.inside() for walks in pilots], axis=1)
    answers = np.concatenate([walks.answers.reshape(len(everyone), -1) for walks in pilots], axis=1)
    if answers.min() < 0 or answers.max() > 1:
        return None, PILOTS * round_of_all
    usual = np.mean([_Walks(walks.rank, logit(walks.answers)).moves() for walks in pilots], axis=0)
    return LogisticGame.fitted(inside, answers, usual), PILOTS * round_of_all


@dataclass
class _Tally:
    """Mean and spread of the moves in each stratum, by Welford's update: no cancellation where the spread is small."""

    weights: Float[np.ndarray, " prototype"]
    count: Int[np.ndarray, " prototype"]
    mean: Float[np.ndarray, "prototype player"]
    squares: Float[np.ndarray, "prototype player"]

    @staticmethod
    def empty(strata: int, players: int, weights: Float[np.ndarray, " prototype"]) -> _Tally:
        nothing = np.zeros((strata, players))
        return _Tally(weights, np.zeros(strata, dtype=np.int64), nothing, nothing.copy())

    @property
    def degrees(self) -> int:
        """Degrees of freedom of the spread."""
        return int(np.maximum(self.count - 1, 0).sum())

    def add(self, batch: Int[np.ndarray, " walk"], moves: Float[np.ndarray, "walk player"]) -> None:
        """One more pair for each stratum in `batch`."""
        self.count[batch] += 1
        before = moves - self.mean[batch]
        self.mean[batch] += before / self.count[batch][:, None]
        self.squares[batch] += before * (moves - self.mean[batch])

    def error(self) -> float:
        """Standard error of the stratified mean, of the player with the largest.

        Each stratum's variance counts with its squared weight, over its pairs. A stratum with one pair so far takes
        the mean variance of those with more, which were drawn at random.
        """
        seen = self.count > 1
        variance = np.zeros_like(self.squares)
        variance[seen] = self.squares[seen] / (self.count[seen] - 1)[:, None]
        variance[~seen] = variance[seen].mean(axis=0)
        return float(np.sqrt(((self.weights**2 / self.count) @ variance).max()))


@dataclass(frozen=True)
class _Walks:
    """A random order from each of some prototypes, forwards and backwards.

    Attributes
    ----------
    rank: when each player switches. answers: after each step, forwards (from the prototype to the case), and along the
        complements of the same coalitions (from the case to the prototype).
    """

    rank: Int[np.ndarray, "walk player"]
    answers: Float[np.ndarray, "walk 2 step"]

    def moves(self) -> Float[np.ndarray, "walk player"]:
        """How far each player moved the output, mean of both directions."""
        there, back = np.diff(self.answers[:, 0], axis=1), -np.diff(self.answers[:, 1], axis=1)
        both: Float[np.ndarray, "walk player"] = np.take_along_axis(there + back, self.rank, axis=1) / 2
        return both

    def inside(self) -> Bool[np.ndarray, "walk coalition player"]:
        """The coalitions that were asked about, in the order of the answers; the first is the empty one."""
        forward = self.rank[:, None, :] < np.arange(self.answers.shape[2])[None, :, None]
        return np.concatenate([forward, ~forward], axis=1)

    def of(self, game: LogisticGame) -> _Walks:
        """The same walks through another game."""
        order = np.argsort(self.rank, axis=1)
        back = game.walked(order[:, ::-1])[:, ::-1]
        return _Walks(self.rank, np.stack([game.walked(order), back], axis=1))


@dataclass(frozen=True)
class _Walker:
    """Walks from prototypes to the case, a random order forwards and backwards, in one reused buffer."""

    game: _Game
    at_prototypes: Float[np.ndarray, " prototype"]
    at_case: float
    buffer: Float[np.ndarray, "walk direction step variable"]

    @staticmethod
    def of(game: _Game, at_prototypes: Float[np.ndarray, " prototype"], at_case: float) -> _Walker:
        """With room for as many walks as are asked at once."""
        steps = len(game.active) - 1
        walks = min(len(game.background), max(1, ROWS_AT_ONCE // (2 * steps)))
        dtype = np.result_type(game.case, game.background)
        return _Walker(game, at_prototypes, at_case, np.empty((walks, 2, steps, len(game.case)), dtype=dtype))

    @property
    def rows_a_walk(self) -> int:
        """Rows that `predict` is asked for one pair of orders."""
        return 2 * (len(self.game.active) - 1)

    def walk(self, batch: Int[np.ndarray, " walk"], rng: np.random.Generator) -> _Walks:
        """An antithetic pair from each prototype in `batch`."""
        players = len(self.game.active)
        rank = np.argsort(np.argsort(rng.random((len(batch), players)), axis=1), axis=1)
        answers = np.empty((len(batch), 2, players + 1))
        for at in range(0, len(batch), len(self.buffer)):
            piece = slice(at, at + len(self.buffer))
            answers[piece, :, 1:-1] = self._asked(batch[piece], rank[piece])
        answers[:, 0, 0], answers[:, 0, -1] = self.at_prototypes[batch], self.at_case
        answers[:, 1, 0], answers[:, 1, -1] = self.at_case, self.at_prototypes[batch]
        return _Walks(rank, answers)

    def _asked(
        self, batch: Int[np.ndarray, " walk"], rank: Int[np.ndarray, "walk player"]
    ) -> Float[np.ndarray, "walk 2 step"]:
        walks, players = rank.shape
        game, rows = self.game, self.buffer[:walks]
        # A variable that is no player is equal in both, so its rank does not matter.
        order = np.zeros((walks, 1, len(game.case)), dtype=np.int32)
        order[:, 0, game.active] = rank
        switched = order < np.arange(1, players, dtype=np.int32)[None, :, None]
        prototype = game.background[batch][:, None, :]
        # The backward walk meets the complements of the forward walk's coalitions.
        rows[:, 0] = np.where(switched, game.case, prototype)
        rows[:, 1] = np.where(switched, prototype, game.case)
        return game.ask(rows.reshape(-1, rows.shape[-1])).reshape(walks, 2, players - 1)
