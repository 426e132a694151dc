from __future__ import annotations

import math

import numpy as np
import pytest
from followed import average_risk, followed
from lifelines import AalenJohansenFitter, KaplanMeierFitter
from scipy.stats import norm
from sksurv.nonparametric import cumulative_incidence_competing_risks, kaplan_meier_estimator

from bedside.errors import DataError
from bedside.measures import Steps, aalen_johansen, kaplan_meier, median_follow_up, number_at_risk

# Of 6 patients: events at 1 and 3, censored at 3 (after the event of that time), 4 and 6, another cause at 5.
TIME = np.array([1.0, 3.0, 3.0, 4.0, 5.0, 6.0])
EVENT = np.array([1, 1, 0, 0, 2, 0])


def test_a_small_curve_by_hand() -> None:
    found = kaplan_meier(TIME, EVENT)
    assert found.time.tolist() == [1, 3, 5]
    assert found.at_risk.tolist() == [6, 5, 2]
    assert found.events.tolist() == [1, 1, 1]
    np.testing.assert_allclose(found.value, [5 / 6, 5 / 6 * 4 / 5, 5 / 6 * 4 / 5 / 2])
    np.testing.assert_allclose(found.at(np.array([0.0, 0.99, 1.0, 2.0, 3.0, 6.0])), [1, 1, 5 / 6, 5 / 6, 2 / 3, 1 / 3])
    assert math.isnan(found.at(6.01))
    one, other = aalen_johansen(TIME, EVENT), aalen_johansen(TIME, EVENT, cause=2)
    np.testing.assert_allclose(one.value, [1 / 6, 1 / 3, 1 / 3])
    np.testing.assert_allclose(other.value, [0, 0, 1 / 3])
    assert one.events.tolist() == [1, 1, 0]
    assert np.isnan(other.low[:2]).all()
    assert not math.isnan(other.low[2])


def at_events(time: np.ndarray, event: np.ndarray, values: np.ndarray, found: Steps) -> np.ndarray:
    """What the other library gives at our times: theirs also has those of censoring."""
    return values[..., np.isin(time, found.time)]


@pytest.mark.parametrize("late", [0.0, 3.0])
@pytest.mark.parametrize("unit", [0.0, 0.5])
def test_kaplan_meier_is_sksurvs(unit: float, late: float) -> None:
    one = followed(1, unit=unit, late=late)
    found = kaplan_meier(one.time, one.event, one.entry)
    kwargs = {"time_enter": one.entry} if late else {}
    time, value, band = kaplan_meier_estimator(one.event > 0, one.time, conf_type="log-log", **kwargs)
    inside = (found.value > 0) & (found.value < 1)
    np.testing.assert_allclose(found.value, at_events(time, one.event, value, found), rtol=1e-10)
    low, high = at_events(time, one.event, band, found)
    np.testing.assert_allclose(found.low[inside], low[inside], rtol=1e-9)
    np.testing.assert_allclose(found.high[inside], high[inside], rtol=1e-9)
    theirs = KaplanMeierFitter().fit(one.time, one.event, entry=one.entry if late else None)
    table = theirs.event_table.loc[found.time]
    np.testing.assert_array_equal(found.events, table["observed"])
    if not late:
        np.testing.assert_array_equal(found.at_risk, table["at_risk"])
    times = np.linspace(0.6, found.until, 40)
    np.testing.assert_allclose(found.at(times), theirs.predict(times), rtol=1e-9)


@pytest.mark.parametrize("unit", [0.0, 0.5])
def test_aalen_johansen_is_sksurvs(unit: float) -> None:
    one = followed(2, competing=0.15, unit=unit)
    time, value, band = cumulative_incidence_competing_risks(
        one.event, one.time, conf_type="log-log", var_type="Dinse_Approx"
    )
    for cause in (1, 2):
        found = aalen_johansen(one.time, one.event, cause)
        F = at_events(time, one.event, value[cause], found)
        np.testing.assert_allclose(found.value, F, rtol=1e-10)
        held = (F > 0) & (F < 1) & ~np.isnan(found.low)
        # Their band is on the scale of log(-log F), ours on that of log(-log(1 - F)); the standard error is the same.
        low = at_events(time, one.event, band[cause], found)[0, held]
        F = F[held]
        error = np.log(np.log(low) / np.log(F)) * np.abs(F * np.log(F)) / norm.ppf(0.975)
        half = norm.ppf(0.975) * error / np.abs((1 - F) * np.log(1 - F))
        np.testing.assert_allclose(found.low[held], 1 - (1 - F) ** np.exp(-half), rtol=1e-6)
        np.testing.assert_allclose(found.high[held], 1 - (1 - F) ** np.exp(half), rtol=1e-6)


def test_aalen_johansen_with_late_entry_is_lifelines() -> None:
    one = followed(3, competing=0.15, late=3.0)
    for cause in (1, 2):
        theirs = AalenJohansenFitter(calculate_variance=False).fit(one.time, one.event, cause, entry=one.entry)
        times = np.linspace(0.5, one.time.max(), 30)
        np.testing.assert_allclose(
            aalen_johansen(one.time, one.event, cause, one.entry).at(times),
            theirs.cumulative_density_.iloc[:, 0].reindex(times, method="ffill"),
            rtol=1e-9,
        )


def test_without_competing_events_both_curves_are_one() -> None:
    one = followed(4, unit=0.25, late=2.0)
    of_all, of_one = kaplan_meier(*one.parts, one.entry), aalen_johansen(*one.parts, 1, one.entry)
    np.testing.assert_allclose(of_one.value, 1 - of_all.value, atol=1e-12)
    np.testing.assert_allclose(of_one.low, 1 - of_all.high, atol=1e-9)
    np.testing.assert_allclose(of_one.high, 1 - of_all.low, atol=1e-9)


def test_the_causes_and_survival_sum_to_one() -> None:
    one = followed(5, competing=0.2, unit=0.5)
    t = np.linspace(0, one.time.max(), 50)
    whole = kaplan_meier(*one.parts).at(t) + sum(aalen_johansen(*one.parts, cause).at(t) for cause in (1, 2))
    np.testing.assert_allclose(whole, 1.0, rtol=1e-12)


@pytest.mark.parametrize("late", [0.0, 1.0])
def test_the_bands_cover_the_truth(late: float) -> None:
    truth = average_risk(3.0, 0.1), average_risk(3.0)
    hits = np.zeros(2)
    for seed in range(300):
        one = followed(seed, n=120, competing=0.1, late=late)
        found = aalen_johansen(one.time, one.event, 1, one.entry)
        step = np.searchsorted(found.time, 3.0, side="right") - 1
        hits[0] += found.low[step] <= truth[0] <= found.high[step]
        one = followed(seed, n=120, late=late)
        found = kaplan_meier(one.time, one.event, one.entry)
        step = np.searchsorted(found.time, 3.0, side="right") - 1
        hits[1] += found.low[step] <= 1 - truth[1] <= found.high[step]
    assert (hits / 300 > 0.915).all() and (hits / 300 < 0.985).all()


def test_what_the_data_do_not_tell_is_nan() -> None:
    nobody = kaplan_meier(np.array([]), np.array([], dtype=np.int64))
    assert len(nobody.time) == 0
    assert math.isnan(nobody.at(0.0))
    all_censored = kaplan_meier(np.array([2.0, 3.0]), np.array([0, 0]))
    assert all_censored.at(np.array([1.0, 3.0])).tolist() == [1.0, 1.0]
    assert math.isnan(all_censored.at(3.1))
    all_had_one = aalen_johansen(np.array([1.0, 2.0, 3.0]), np.array([1, 2, 1]))
    assert float(all_had_one.at(1e9)) == pytest.approx(2 / 3)
    gone = kaplan_meier(np.array([1.0, 2.0]), np.array([1, 1]))
    assert gone.at(5.0) == 0.0
    assert math.isnan(gone.low[-1]) and math.isnan(gone.high[-1])


def test_number_at_risk_is_counted() -> None:
    one = followed(6, late=3.0, unit=0.5)
    at = np.array([0.0, 0.5, 1.0, 2.25, 5.0, 99.0])
    expected = [sum(e < t <= d for d, e in zip(one.time, one.entry, strict=True)) for t in at.tolist()]
    assert number_at_risk(one.time, at, one.entry).tolist() == expected
    assert number_at_risk(TIME, np.array([0.0, 1.0, 1.5, 3.0, 6.0, 7.0])).tolist() == [6, 6, 5, 5, 1, 0]
    with pytest.raises(DataError, match="at, row 1"):
        number_at_risk(TIME, np.array([0.0, -1.0]))


@pytest.mark.parametrize("late", [0.0, 3.0])
def test_median_follow_up_is_that_of_lifelines(late: float) -> None:
    one = followed(4, unit=0.5, late=late)
    theirs = KaplanMeierFitter().fit(one.time, one.event == 0, entry=one.entry if late else None)
    assert median_follow_up(one.time, one.event, one.entry) == theirs.median_survival_time_
    assert math.isnan(median_follow_up(TIME, np.ones(6, dtype=int)))
    assert math.isnan(median_follow_up(TIME[:0], EVENT[:0]))


def test_limits_of_a_band_are_those_of_the_step_before() -> None:
    curve = aalen_johansen(TIME, EVENT)
    low, high = curve.limits_at(np.array([0.5, 1.0, 2.9, 6.0, 6.01]))
    np.testing.assert_array_equal(low, [math.nan, curve.low[0], curve.low[0], curve.low[2], math.nan])
    np.testing.assert_array_equal(high, [math.nan, curve.high[0], curve.high[0], curve.high[2], math.nan])


def test_bad_input_names_its_row() -> None:
    for time, event, entry, place in (
        (np.array([1.0, 0.0]), np.array([1, 0]), None, "time, row 1"),
        (np.array([1.0, math.nan]), np.array([1, 0]), None, "time, row 1"),
        (np.array([math.inf, 1.0]), np.array([1, 0]), None, "time, row 0"),
        (np.array([1.0, 2.0]), np.array([1, -1]), None, "event, row 1"),
        (np.array([1.0, 2.0]), np.array([1, 0]), np.array([0.0, 2.0]), "entry, row 1"),
        (np.array([1.0, 2.0]), np.array([1, 0]), np.array([math.nan, 1.0]), "entry, row 0"),
    ):
        for curve in (kaplan_meier, lambda t, e, s: aalen_johansen(t, e, 1, s)):
            with pytest.raises(DataError, match=place):
                curve(time, event, entry)
    with pytest.raises(DataError, match="cause"):
        aalen_johansen(TIME, EVENT, 0)
