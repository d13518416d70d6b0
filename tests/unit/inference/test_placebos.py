"""Placebos: what a fake launch or fake arms give is what the estimator gives, and chance is what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtr

import attribution as at
from attribution.core.panel import NEVER, Observations
from attribution.errors import DataError, MethodError
from attribution.inference.placebos import (
    MOST_DATES,
    _chance,
    _welch,
    as_if,
    placebo_launches,
    placebo_trained,
    window_change,
)
from attribution.numerics.variance import JACKKNIFE_LIMIT

PERIODS = 8


def _panel(rng: np.random.Generator, clusters: int = 40, team: int = 3, missing: float = 0.0) -> at.Panel:
    """Return teams of people of whom the first half start in the last two periods; nothing happens to anybody."""
    n = clusters * team
    code = np.repeat(np.arange(clusters), team)
    kpi = rng.normal(0, 2, n)[:, None] + rng.normal(0, 1, PERIODS) + rng.normal(0, 1, (n, PERIODS))
    kpi += rng.normal(0, 0.7, (clusters, PERIODS))[code]
    frame = pd.DataFrame(
        {
            "person": np.repeat(np.arange(n), PERIODS),
            "team": np.repeat(code, PERIODS),
            "month": np.tile(np.arange(PERIODS), n),
            "start": np.repeat(np.where(code < clusters // 2, PERIODS - 2.0, np.nan), PERIODS),
            "kpi": kpi.ravel(),
        }
    )
    frame = frame[rng.random(len(frame)) >= missing]
    return at.Panel.from_frame(frame, unit="person", period="month", outcome="kpi", adopted="start", cluster="team")


def _launches(panel: at.Panel, periods: int = 6, **given: object) -> object:
    trained = panel.units.adopted != NEVER
    return placebo_launches(
        panel, trained=trained, control=~trained, baseline=np.arange(periods, dtype=np.int16), **given
    )


def test_a_fake_launch_is_the_estimate_as_if_it_had_been() -> None:
    panel = _panel(np.random.default_rng(1), missing=0.1)
    found = _launches(panel)
    assert found.dates == ("1", "2", "3", "4", "5")
    trained = panel.units.adopted != NEVER
    fake = as_if(panel, trained=trained, control=~trained, start=3)
    row = at.did(fake, baseline=[0, 1, 2], followup=[3, 4, 5]).tidy().iloc[0]
    assert found.values[2] == pytest.approx(row["estimate"], rel=1e-10)
    assert found.p_values[2] == pytest.approx(row["p_value"], rel=1e-8)


def test_many_dates_are_spread_over_the_baseline() -> None:
    rng = np.random.default_rng(2)
    panel = _panel(rng)
    found = _launches(panel, periods=PERIODS)
    assert len(found.dates) == MOST_DATES
    assert (found.dates[0], found.dates[-1]) == ("1", str(PERIODS - 1))
    assert _launches(panel, periods=1) is None
    assert _launches(panel, method="prepost").values.shape == (5,)


def test_a_date_without_an_estimate_is_left_out() -> None:
    panel = _panel(np.random.default_rng(1))
    trained = panel.units.adopted != NEVER
    # Nobody of the trained has a KPI in the first month: there is nothing before a launch in the second.
    seen = ~((panel.observations.period == 0) & trained[panel.observations.unit])
    rows = panel.observations
    kept = Observations(rows.unit[seen], rows.period[seen], rows.outcome[seen])
    assert _launches(replace(panel, observations=kept)).dates == ("2", "3", "4", "5")
    never = np.isin(rows.period, [6, 7])
    kept = Observations(rows.unit[never], rows.period[never], rows.outcome[never])
    with pytest.raises((DataError, MethodError)):
        _launches(replace(panel, observations=kept))


def test_as_if_needs_arms_that_do_not_overlap_and_leaves_others_out() -> None:
    panel = _panel(np.random.default_rng(3))
    everybody = np.ones(len(panel.units), dtype=bool)
    with pytest.raises(MethodError, match="both arms"):
        as_if(panel, trained=everybody, control=everybody, start=2)
    some = np.arange(len(panel.units)) < 30
    fake = as_if(
        panel, trained=some & (panel.units.cluster % 2 == 0), control=some & (panel.units.cluster % 2 == 1), start=2
    )
    flow = at.did(fake, baseline=[0, 1], followup=[2, 3]).n
    assert flow.trained.units + flow.control.units == 30


def test_chance_counts_how_related_the_dates_are() -> None:
    rng = np.random.default_rng(4)
    one = rng.normal(size=(500, 1))
    # One date, or the same date several times, is its own p value; dates that share nothing multiply. 4,000 draws.
    assert _chance(one, 0.03, 1) == 0.03
    assert _chance(np.repeat(one, 4, axis=1), 0.03, 1) == pytest.approx(0.03, abs=0.012)
    apart = np.kron(np.eye(4), rng.normal(size=(100, 1)))
    assert _chance(apart, 0.03, 1) == pytest.approx(1 - 0.97**4, abs=0.021)


def test_at_most_one_study_in_twenty_finds_an_effect_before_its_launch() -> None:
    rng = np.random.default_rng(5)
    warned = sum(_launches(_panel(rng, clusters=24, team=1), periods=4).chance <= 0.05 for _ in range(120))
    # Four Monte Carlo errors of 120 at .05. With 1,000 studies of 12, 24 and 40 clusters: 5.1%, 4.5%, 4.9%.
    assert abs(warned / 120 - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 120)


@pytest.mark.parametrize("missing", [0.0, 0.15])
def test_fake_arms_are_what_did_makes_of_them(missing: float) -> None:
    panel = _panel(np.random.default_rng(6), missing=missing)
    control = panel.units.adopted == NEVER
    before, after = np.arange(3), np.arange(3, 6)
    change = window_change(panel, control, before, after)
    clusters = np.unique(panel.units.cluster[control])
    fake = np.isin(np.arange(len(clusters)), [0, 2, 3, 7, 11, 15])
    inside = control & ~np.isnan(change)
    place = np.searchsorted(clusters, panel.units.cluster[inside])
    weight = np.bincount(place).astype(float)
    total = np.bincount(place, weights=change[inside])
    statistic, df = _welch(fake[None], weight, total)
    trained = control & np.isin(panel.units.cluster, clusters[fake])
    other = at.did(
        as_if(panel, trained=trained, control=control & ~trained, start=3), baseline=[0, 1, 2], followup=[3, 4, 5]
    )
    assert max(len(clusters) - 6, 6) <= JACKKNIFE_LIMIT
    row = other.contrast({"effect": 1.0})
    # Complete months: the same number. With holes did frees the months by the comparison, this by everybody.
    tolerance = 1e-9 if missing == 0 else 0.15
    assert statistic[0] == pytest.approx(row.value / row.std_error, rel=tolerance, abs=tolerance)
    assert df[0] == pytest.approx(row.df, rel=max(tolerance, 1e-9))


def test_fake_trained_reject_at_their_level_and_the_seed_says_who() -> None:
    panel = _panel(np.random.default_rng(7), clusters=120, team=1)
    control = panel.units.adopted == NEVER
    found = placebo_trained(panel, control=control, share=0.4, before=np.arange(3), after=np.arange(3, 6), seed=1)
    assert found is not None
    assert (found.draws, found.clusters) == (1_000, (24, 36))
    assert found.error == pytest.approx(0.0069, abs=1e-4)
    # One history of 60 clusters: what is left beside 4 errors of the draws is how unlike a normal it is.
    assert found.rejected == pytest.approx(0.05, abs=4 * found.error)
    again = placebo_trained(panel, control=control, share=0.4, before=np.arange(3), after=np.arange(3, 6), seed=1)
    assert again is not None
    assert again.rejected == found.rejected
    few = panel.units.cluster >= 111
    assert placebo_trained(panel, control=few, share=0.5, before=np.arange(3), after=np.arange(3, 6)) is None


def test_the_t_of_two_arms_of_equal_clusters_is_welchs() -> None:
    rng = np.random.default_rng(8)
    values = rng.normal(size=20)
    fake = np.arange(20) < 8
    statistic, df = _welch(fake[None], np.ones(20), values)
    one, other = values[:8], values[8:]
    error = [one.var(ddof=1) / 8, other.var(ddof=1) / 12]
    assert statistic[0] == pytest.approx((one.mean() - other.mean()) / np.sqrt(sum(error)))
    assert df[0] == pytest.approx(sum(error) ** 2 / (error[0] ** 2 / 7 + error[1] ** 2 / 11))
    assert 0 < 2 * stdtr(df[0], -abs(statistic[0])) < 1
