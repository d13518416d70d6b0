"""How the KPI varies before the launch: parts between and within, windows, lags, what is assumed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import attribution as at
from attribution.errors import DataError, MethodError
from attribution.planning.extension import LagModel, fit_lags, least_favourable, over_span
from attribution.planning.history import declared_noise, noise_of
from attribution.planning.mde import analytic_mde
from attribution.planning.records import Plan, PlannedCohort
from tests.burlig import burlig_components, serial_variance

Floats = NDArray[np.float64]


def paths(clusters: int = 30, units: int = 5, periods: int = 14, seed: int = 3) -> Floats:
    rng = np.random.default_rng(seed)
    shared = 0.3 * rng.normal(size=(clusters, 1, periods)).cumsum(axis=2)
    return shared + rng.normal(size=(clusters, units, periods)) + 3 * rng.normal(size=periods)


def frame_of(values: Floats, starts: dict[int, int] | None = None) -> pd.DataFrame:
    units = values.shape[1]
    team, person, month = (part.ravel() for part in np.indices(values.shape))
    frame = pd.DataFrame({"team": team, "person": team * units + person, "month": month, "sales": values.ravel()})
    frame["start"] = frame["team"].map(starts or {}).astype(float)
    return frame


def panel_of(frame: pd.DataFrame) -> at.Panel:
    return at.Panel.from_frame(frame, unit="person", cluster="team", period="month", outcome="sales", adopted="start")


@pytest.mark.parametrize(("before", "after"), [(1, 1), (4, 3), (6, 8)])
def test_the_variance_of_a_before_after_comparison_is_burligs(before: int, after: int) -> None:
    values = paths()
    noise = noise_of(panel_of(frame_of(values)), span=before + after)
    one = burlig_components(values.mean(axis=1), before, after)
    expected = serial_variance(
        one.sigma2, one.psi_before, one.psi_after, one.psi_cross, before=before, after=after, share=12 / 30, clusters=30
    )
    arms = (PlannedCohort(before, np.full(12, 5.0)), PlannedCohort(None, np.full(18, 5.0)))
    plan = Plan("did", {}, arms, tuple(range(before)), tuple(range(before, before + after)))
    assert analytic_mde(plan, noise).std_error ** 2 == pytest.approx(expected, rel=1e-10)
    assert noise.assumed == ()


def test_parts_between_and_within_are_unbiased() -> None:
    # 60 histories of 12 clusters of 3, variance 1 between and 2 within, correlation .5: means within 4 errors.
    rng = np.random.default_rng(11)
    root = np.linalg.cholesky([[1.0, 0.5], [0.5, 1.0]])
    found = []
    for _ in range(60):
        shared = rng.normal(size=(12, 1, 2)) @ root.T
        own = np.sqrt(2.0) * rng.normal(size=(12, 3, 2)) @ root.T
        noise = noise_of(panel_of(frame_of(shared + own)), span=2)
        found.append([noise.between[0, 0], noise.between[0, 1], noise.within[0, 0], noise.within[0, 1]])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(60)
    assert (np.abs(mean - [1.0, 0.5, 2.0, 1.0]) < 4 * error).all()


def test_arms_may_differ_in_level_and_trained_rows_do_not_count() -> None:
    values = paths()
    base = noise_of(panel_of(frame_of(values, dict.fromkeys(range(10), 7))), span=3, until=7)
    moved = values.copy()
    moved[:10] += 50.0
    moved[:10, :, 7:] += 1000.0
    again = noise_of(panel_of(frame_of(moved, dict.fromkeys(range(10), 7))), span=3, until=None)
    first = noise_of(panel_of(frame_of(moved, dict.fromkeys(range(10), 7))), span=3, until=7)
    assert first.between == pytest.approx(base.between, abs=1e-9)
    assert first.level == pytest.approx(base.level + 50.0)
    assert again.sd < 3.0


def test_missing_values_take_the_pairs_that_there_are() -> None:
    values = paths(clusters=60)
    whole = noise_of(panel_of(frame_of(values)), span=6)
    frame = frame_of(values).sample(frac=0.7, random_state=1)
    found = noise_of(panel_of(frame), span=6)
    # The same people, a third of them unseen each month: what is left of the difference is sampling noise.
    assert found.sd == pytest.approx(whole.sd, rel=0.05)
    assert found.icc == pytest.approx(whole.icc, abs=0.06)


@pytest.mark.parametrize("until", [1, 2, 3, 6])
def test_a_short_history_says_what_is_assumed_beyond_it(until: int) -> None:
    noise = noise_of(panel_of(frame_of(paths(clusters=40))), span=12, until=until)
    assert noise.between.shape == (12, 12)
    assert len(noise.assumed) == 1
    assert ("says nothing of the next" if until == 1 else f"up to {until - 1} apart") in noise.assumed[0]
    for size in (1, 5, 500):
        values = np.linalg.eigvalsh(noise.of_mean(size))
        assert values[0] > -1e-12 * values[-1]


def test_a_stated_correlation_stands_where_the_history_is_silent() -> None:
    panel = panel_of(frame_of(paths()))
    noise = noise_of(panel, span=4, until=1, autocorrelation=0.3)
    assert noise.within[0, 1] == pytest.approx(0.3 * noise.within[0, 0])
    assert "as stated" in noise.assumed[0]
    # Two periods of history are not silent.
    assert noise_of(panel, span=2, until=2, autocorrelation=0.3).assumed == ()


def test_clusters_that_differ_by_no_more_than_their_units_have_no_negative_variance() -> None:
    values = np.random.default_rng(1).normal(size=(12, 6, 8))
    noise = noise_of(panel_of(frame_of(values)), span=8)
    assert np.linalg.eigvalsh(noise.between)[0] < 0
    for size in (1.0, 6.0, 60.0, 1e6):
        assert np.linalg.eigvalsh(noise.of_mean(size))[0] > -1e-12
    # At the size of the history it is the covariance of its cluster means, whatever lies between.
    assert noise.of_mean(6.0) == pytest.approx(np.cov(values.mean(axis=1), rowvar=False), abs=1e-12)


def test_few_clusters_are_said() -> None:
    noise = noise_of(panel_of(frame_of(paths(clusters=8))), span=2)
    assert "known from 8 of them" in noise.assumed[0]
    assert "±52%" in noise.assumed[0]


def test_clusters_of_one_unit_have_nothing_within() -> None:
    noise = noise_of(panel_of(frame_of(paths(units=1))), span=2)
    assert not noise.within.any()
    assert noise.icc == 1.0
    assert noise.source == "30 clusters (team) over 14 periods, 0 to 13"


def test_other_people_in_every_period_share_their_cluster_alone() -> None:
    frame = frame_of(paths())
    panel = at.Panel.from_frame(
        frame, cluster="team", period="month", outcome="sales", adopted="start", kind="repeated_cross_sections"
    )
    whole = noise_of(panel_of(frame), span=4)
    for until, span in ((None, 4), (3, 6)):
        noise = noise_of(panel, span=span, until=until)
        assert not (noise.within - np.diag(np.diag(noise.within))).any()
    noise = noise_of(panel, span=4)
    assert noise.of_mean(5) == pytest.approx(whole.of_mean(5), abs=1e-10)
    assert np.diag(noise.within) == pytest.approx(np.diag(whole.within), abs=1e-10)


def test_what_cannot_be_seen_is_refused() -> None:
    frame = frame_of(paths(clusters=1))
    with pytest.raises(DataError, match="a KPI value: 1,"):
        noise_of(panel_of(frame), span=2)
    with pytest.raises(DataError, match="no row before the launch"):
        noise_of(panel_of(frame_of(paths())), span=2, until=0)
    once = at.Panel.from_frame(
        pd.DataFrame({"p": [1, 2], "y": [1.0, 2.0], "t": [0, 1]}),
        unit="p",
        outcome="y",
        trained="t",
        kind="cross_section",
    )
    with pytest.raises(MethodError, match="cross_section"):
        noise_of(once, span=2)


def test_declared_noise_assumes_the_worst_of_what_is_not_stated() -> None:
    noise = declared_noise(sd=3.0, span=12)
    assert noise.sd == pytest.approx(3.0)
    assert noise.icc == pytest.approx(0.2)
    assert len(noise.assumed) == 2
    half = np.repeat([-1 / 6, 1 / 6], 6)
    worst = half @ noise.of_mean(1) @ half
    for other in np.linspace(0, 0.99, 34):
        rival = declared_noise(sd=3.0, span=12, icc=0.2, autocorrelation=float(other))
        assert half @ rival.of_mean(1) @ half <= worst * (1 + 1e-9)
    others = declared_noise(sd=1.0, icc=0.1, autocorrelation=0.5, span=3, same_units=False)
    assert others.within == pytest.approx(0.9 * np.eye(3))


@pytest.mark.parametrize(("key", "value"), [("sd", 0.0), ("sd", float("nan")), ("icc", 1.5), ("autocorrelation", 1.0)])
def test_declared_numbers_out_of_range_are_refused(key: str, value: float) -> None:
    given = {"sd": 1.0, "icc": 0.1, "autocorrelation": 0.2} | {key: value}
    with pytest.raises(MethodError, match=key):
        declared_noise(span=2, **given)


def test_a_lasting_and_a_fading_part_are_found() -> None:
    truth = LagModel(0.5, 1.5, 0.6)
    lags = np.arange(8)
    found = fit_lags(truth.at(lags.astype(float)), lags, 8.0 - lags, 20, None)
    assert (found.lasting, found.fading, found.keeps) == pytest.approx((0.5, 1.5, 0.6), abs=1e-8)
    size = np.abs(np.subtract.outer(lags, lags)).astype(float)
    extended, model, longest = over_span(truth.at(size), np.full((8, 8), 9.0), 20)
    assert longest == 7
    assert model is not None
    assert extended[0] == pytest.approx(truth.at(np.arange(20.0)), abs=1e-7)


def test_parts_of_a_course_are_never_negative() -> None:
    lags = np.arange(4)
    found = fit_lags(np.array([1.0, -0.5, 0.4, -0.3]), lags, np.ones(4), 8, None)
    assert found.lasting >= 0
    assert found.fading >= 0
    assert least_favourable(2) == 0.0
