"""A silent prognosis beside the live one, each figure against a reference that shares no code with ours."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from followed import followed
from foretold import course
from lifelines import AalenJohansenFitter, KaplanMeierFitter
from sksurv.metrics import brier_score, concordance_index_censored, concordance_index_ipcw, cumulative_dynamic_auc
from sksurv.util import Surv

from bedside.validation import (
    Answered,
    AskedOverTime,
    FollowedUp,
    SilentEvidence,
    cautions,
    compared,
    figures,
    prognosis,
    render_silent_report,
)

ASKED = AskedOverTime.of(course(), ("no event seen", "death"))
RIVALS = AskedOverTime.of(course(0.05), ("no event seen", "death", "transplant"))
Known = tuple[FollowedUp, Answered, Answered]


@pytest.fixture(autouse=True)
def _fewer_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values do not depend on them, and limits are only looked at."""
    monkeypatch.setattr(prognosis, "REPEATS", 40)


def patients(n: int = 240, seed: int = 3, **made: Any) -> Known:
    """What happened, and two releases that see the hazards with different noise; each keeps silent about some."""
    found, rng = followed(seed, n, **made), np.random.default_rng(seed)
    known = FollowedUp(found.event, found.time, found.entry)
    return known, *(said(found, rng, noise) for noise in (0.2, 1.2))


def said(found: Any, rng: Any, noise: float) -> Answered:
    hazard = found.hazard * np.exp(rng.normal(0, noise, len(found.hazard)))
    risk = 1 - np.exp(-hazard[:, None] * np.array([2.0, 5.0]))
    abstained = rng.random(len(risk)) < 0.1
    alert = (risk[:, 1] >= 0.4) & ~abstained
    risk[abstained] = np.nan
    return Answered(risk, abstained, alert)


def one_minus_km(known: FollowedUp, t: float) -> float:
    return 1 - float(KaplanMeierFitter().fit(known.time, known.outcome == 1).predict(t))


def test_own_figures_are_those_of_scikit_survival_and_lifelines() -> None:
    happened, silent, _ = patients()
    found = figures(ASKED, happened, silent)
    assert found is not None
    kept = ~silent.abstained
    known, risk = happened[kept], silent.columns[kept]
    y = Surv.from_arrays(known.outcome == 1, known.time)
    told = {name: one.value for name, one in found.measures.items()}
    assert (found.n, found.n_events, found.abstained) == (len(known), int(known.outcome.sum()), int((~kept).sum()))
    assert told["c_harrell"] == pytest.approx(concordance_index_censored(known.outcome == 1, known.time, risk[:, 1])[0])
    assert told["c_ipcw"] == pytest.approx(concordance_index_ipcw(y, y, risk[:, 1], tau=5.0)[0], abs=1e-9)
    for place, horizon in enumerate((2.0, 5.0)):
        (auc,), _ = cumulative_dynamic_auc(y, y, risk[:, place], [horizon])
        _, (brier,) = brier_score(y, y, 1 - risk[:, [place]], [horizon])
        assert told[f"auc_t_at_{horizon:g}"] == pytest.approx(auc, abs=1e-9)
        assert told[f"brier_at_{horizon:g}"] == pytest.approx(brier, abs=1e-9)
        observed = one_minus_km(known, horizon)
        expected = observed / risk[:, place].mean()
        assert told[f"observed_over_expected_at_{horizon:g}"] == pytest.approx(expected, abs=1e-9)
    assert told["auc_t"] == told["auc_t_at_5"]
    assert all(one.low < one.value < one.high for one in found.measures.values())
    assert {name.partition("_at_")[0] for name in told} == {
        "c_ipcw", "c_harrell", "auc_t", "brier", "observed_over_expected", "calibration_slope"
    }  # fmt: skip


def test_how_long_they_were_followed_is_counted_by_hand() -> None:
    happened, silent, _ = patients()
    known = happened[~silent.abstained]
    found = figures(ASKED, happened, silent)
    assert found is not None and found.follow_up.unit == "a"
    for row in found.follow_up.horizons:
        by = known.time <= row.horizon
        assert row.events == int((by & (known.outcome == 1)).sum())
        assert row.free == int((~by).sum())
        assert row.incidence.value == pytest.approx(one_minus_km(known, row.horizon), abs=1e-9)
    swapped = KaplanMeierFitter().fit(known.time, known.outcome == 0).median_survival_time_
    assert found.follow_up.median == pytest.approx(swapped)


def test_the_comparison_is_paired_and_on_the_same_patients() -> None:
    happened, silent, live = patients()
    found = compared(ASKED, happened, silent, live, ("1.0.0",))
    both = ~(silent.abstained | live.abstained)
    known, p, q = happened[both], silent.columns[both], live.columns[both]
    y = Surv.from_arrays(known.outcome == 1, known.time)
    assert found.silent is not None and found.live is not None
    assert (found.n, found.n_both, found.live.n, found.silent.n) == (len(happened), int(both.sum()), *2 * [len(known)])
    apart = cumulative_dynamic_auc(y, y, p[:, 1], [5.0])[0][0] - cumulative_dynamic_auc(y, y, q[:, 1], [5.0])[0][0]
    assert found.difference["auc_t"].value == pytest.approx(apart, abs=1e-9)
    for name in ("c_ipcw", "c_harrell", "auc_t_at_2", "brier_at_5"):
        one, first, second = found.difference[name], found.silent.measures[name], found.live.measures[name]
        assert one.value == pytest.approx(first.value - second.value, abs=1e-12)
        # Paired: what both have in common falls out.
        assert one.high - one.low < (first.high - first.low) + (second.high - second.low)
        assert one.low < one.value < one.high
    assert found.difference["c_ipcw"].value > 0, "the noisier release ranks worse"


def test_groups_by_decision_have_their_share_by_the_horizon_of_the_decision() -> None:
    happened, silent, live = patients(600)
    found = {one.group: one for one in compared(ASKED, happened, silent, live, ()).decisions}
    both = ~(silent.abstained | live.abstained)
    known, first, second = happened[both], silent.columns[both, 1] >= 0.4, live.columns[both, 1] >= 0.4
    for group, who in {
        "flagged by both": first & second,
        "newly flagged": first & ~second,
        "no longer flagged": ~first & second,
        "flagged by neither": ~first & ~second,
    }.items():
        assert (found[group].n, found[group].n_events) == (int(who.sum()), None)
        assert found[group].share.value == pytest.approx(one_minus_km(known[who], 5.0), abs=1e-9), group


def test_competing_events_are_no_end_of_follow_up() -> None:
    happened, silent, live = patients(400, competing=0.05)
    found = compared(RIVALS, happened, silent, live, ())
    both = ~(silent.abstained | live.abstained)
    neither = both & ~(silent.columns[:, 1] >= 0.4) & ~(live.columns[:, 1] >= 0.4)
    fitted = AalenJohansenFitter(calculate_variance=False).fit(
        happened.time[neither], happened.outcome[neither], event_of_interest=1
    )
    share = fitted.cumulative_density_.loc[:5.0].iloc[-1, 0]
    told = next(one for one in found.decisions if one.group == "flagged by neither")
    assert told.share.value == pytest.approx(share, abs=1e-9)
    assert found.silent is not None
    by = happened.time[both] <= 5.0
    assert found.silent.follow_up.horizons[1].competing == int((by & (happened.outcome[both] == 2)).sum())


def test_late_entries_leave_the_index_undefined_that_knows_nothing_of_them() -> None:
    happened, silent, live = patients(300, late=2.0)
    found = compared(ASKED, happened, silent, live, ())
    assert found.silent is not None
    assert found.silent.measures["c_ipcw"].value is None
    assert found.silent.measures["c_harrell"].value is not None
    assert found.silent.follow_up.late == int((happened.entry[~(silent.abstained | live.abstained)] > 0).sum())
    assert [one.code for one in cautions(ASKED, happened, silent)] == ["late-entry"]


def test_few_patients_are_counted_and_nothing_else() -> None:
    happened, silent, live = patients()
    few = np.zeros(len(happened), dtype=bool)
    answered = np.flatnonzero(~(silent.abstained | live.abstained))
    few[answered[:9]] = True
    assert figures(ASKED, happened[few], silent.take(few)) is None
    found = compared(ASKED, happened[few], silent.take(few), live.take(few), ())
    assert (found.n_both, found.silent, found.live, found.difference, found.decisions) == (9, None, None, {}, ())
    few[answered[9]] = True
    told = figures(ASKED, happened[few], silent.take(few))
    assert told is not None and told.n_events is None, "of ten patients, one to nine had the event"


def test_small_groups_and_another_that_would_give_them_away_are_withheld() -> None:
    happened, silent, live = patients()
    kept = ~(silent.abstained | live.abstained)
    alert = np.zeros(len(happened), dtype=bool)
    alert[np.flatnonzero(kept)[:3]] = True
    first = Answered(silent.columns, silent.abstained, alert | (np.arange(len(alert)) > 120))
    second = Answered(live.columns, live.abstained, np.arange(len(alert)) > 120)
    found = {one.group: one for one in compared(ASKED, happened, first, second, ()).decisions}
    hidden = [group for group, one in found.items() if one.n is None]
    assert "newly flagged" in hidden and len(hidden) == 2
    assert all(found[group].share.value is None for group in hidden)
    assert found["no longer flagged"].n == 0


def evidence(**changes: Any) -> dict[str, Any]:
    happened, silent, live = patients()
    made = SilentEvidence(
        name="relapse", version="1.1.0", digest="d" * 64, classes=ASKED.classes, positive="death", threshold=0.4,
        course=course(), date="2026-03-02", silently=True, with_outcome=240, without_outcome=12, left_out={},
        own=figures(ASKED, happened, silent), compared=compared(ASKED, happened, silent, live, ("1.0.0",)),
        warned=tuple(cautions(ASKED, happened, silent)),
    )  # fmt: skip
    return dict(msgspec.to_builtins(msgspec.structs.replace(made, **changes)))


def test_the_report_shows_the_figures_in_words() -> None:
    document = evidence()
    html = render_silent_report(document)
    assert html == render_silent_report(document)
    one = document["compared"]["difference"]["brier_at_2"]
    text = f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"
    assert text.replace("-", "\N{MINUS SIGN}") in html
    assert html.count("AUC at 5 a") == 2, "once alone and once compared, and not once more under its bare name"
    assert "by bootstrap" in html and "first answer whose follow-up is known" in html and "DeLong" not in html
    assert "Share with “death” by 5 a" in html
    row = document["own"]["follow_up"]["horizons"][0]
    assert f"<td>{row['events']}</td><td>{row['free']}</td>" in html
    assert f"{document['own']['n_events']} with “death” seen" in html
    document["compared"]["decisions"] = [
        {"group": "nobody", "n": 0, "n_events": None, "share": {"value": None, "low": None, "high": None}},
        {"group": "a few", "n": None, "n_events": None, "share": {"value": None, "low": None, "high": None}},
        {"group": "many", "n": 30, "n_events": None, "share": {"value": None, "low": None, "high": None}},
    ]
    html = render_silent_report(document)
    for told in (
        "nobody</th><td>0</td><td>–",
        "a few</th><td>withheld</td><td>withheld",
        "many</th><td>30</td><td>not de",
    ):
        assert told in html, told
    empty = render_silent_report(evidence(own=None, compared=None))
    assert "no figure is shown" in empty and "Brier" not in empty
