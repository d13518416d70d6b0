"""The pre-period record: its test, its slopes, its words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import f as f_distribution
from scipy.stats import t as t_distribution

from attribution.core.estimate import Estimate
from attribution.errors import MethodError
from attribution.inference.pretrends import pretrends
from attribution.numerics.honest_power import detectable
from tests.unit.inference.paths import event_study

VALUES = {-4: 0.02, -3: -0.10, -2: 0.05, 0: 0.9, 1: 1.2}
SIGMA = 0.01 * (0.5 + 0.5 * np.eye(5))


@pytest.fixture(scope="module")
def estimate() -> Estimate:
    return event_study(VALUES, SIGMA)


def test_the_joint_test_is_a_wald_test_against_f(estimate: Estimate) -> None:
    found = pretrends(estimate)
    beta = np.array([0.02, -0.10, 0.05])
    # One covariance with 40 degrees of freedom: Hotelling's T².
    statistic = beta @ np.linalg.inv(SIGMA[:3, :3]) @ beta * 38 / (40 * 3)
    assert found.statistic == pytest.approx(statistic)
    assert found.df == pytest.approx((3, 38))
    assert found.p_value == pytest.approx(f_distribution.sf(statistic, 3, 38))


def test_many_pre_periods_do_not_reject_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """60 clusters without any trend, 20 pre-periods: a plain Wald test at 5% rejects in 28% of studies."""
    # The detectable slope of 20 coefficients takes seconds, and is not what is looked at here.
    small = detectable(0.01 * np.eye(2), np.array([-1.0]), np.array([1.0]), power=0.8, level=0.95)
    monkeypatch.setattr("attribution.inference.pretrends.detectable", lambda *_, **__: small)
    rejected, slopes, n_pre, n_each = 0, [], 20, 30
    rng = np.random.default_rng(1)
    for _ in range(400):
        levels = [rng.normal(0, 1, (n_each, n_pre + 2)) for _ in range(2)]
        moves = [np.delete(one - one[:, [n_pre]], n_pre, axis=1) for one in levels]
        values = moves[0].mean(axis=0) - moves[1].mean(axis=0)
        layers = np.array([np.cov(one.T) / n_each for one in moves])
        events = [*range(-n_pre - 1, -1), 0]
        made = event_study(dict(zip(events, values, strict=True)), np.eye(n_pre + 1))
        found = pretrends(replace(made, covariance=layers, stratum_df=np.array([n_each - 1.0] * 2)))
        rejected += found.p_value < 0.05
        slopes.append((found.slope, found.slope_error))
    assert 0.02 < rejected / 400 < 0.085  # 3 Monte Carlo standard errors around .05
    found_slopes, errors = np.array(slopes).T
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(found_slopes.std(), rel=0.12)  # SD of an SD, 400 studies: 3.5%


def test_without_degrees_of_freedom_there_is_no_joint_test() -> None:
    layers = np.array([SIGMA, 0.01 * np.eye(5)]) / 2
    found = pretrends(replace(event_study(VALUES, SIGMA), covariance=layers, stratum_df=np.array([1.0, 1.0])))
    assert np.isnan(found.p_value)
    assert "for want of clusters" in found.sentence
    assert any("there is no joint test" in note for note in found.notes)


def test_the_slope_is_generalised_least_squares_through_the_reference(estimate: Estimate) -> None:
    found = pretrends(estimate)
    times, inverse = np.array([-3.0, -2.0, -1.0]), np.linalg.inv(SIGMA[:3, :3])
    precision = times @ inverse @ times
    assert found.slope == pytest.approx(times @ inverse @ [0.02, -0.10, 0.05] / precision)
    # With an estimated covariance: ν/(ν − q + 1) · (ν − 1)/(ν − q) times as large a variance, ν = 40 and q = 3.
    assert found.slope_error == pytest.approx((precision * 38 / 40 * 37 / 39) ** -0.5)


def test_a_straight_line_is_found_as_it_is() -> None:
    line = {event: 0.3 * (event + 1) for event in (-4, -3, -2, 0, 1)}
    assert pretrends(event_study(line, SIGMA)).slope == pytest.approx(0.3)


def test_the_detectable_slope_and_what_it_would_do(estimate: Estimate) -> None:
    found = pretrends(estimate, power=0.7, level=0.9)
    expected = detectable(SIGMA, np.array([-3.0, -2.0, -1.0]), np.array([1.0, 2.0]), power=0.7, level=0.9)
    assert found.detectable.slope == expected.slope
    assert found.average_bias == pytest.approx(1.5 * expected.slope)
    frame = found.tidy().set_index("event")
    assert list(frame["window"]) == ["pre", "pre", "pre", "reference", "post", "post"]
    np.testing.assert_allclose(frame["detectable_trend"], expected.slope * np.array([-3, -2, -1, 0, 1, 2]))
    np.testing.assert_allclose(frame["after_pretest"].dropna(), expected.bias_after)
    half = t_distribution.ppf(0.95, 40) * 0.1
    assert frame.loc[0, "conf_high"] == pytest.approx(0.9 + half)
    assert frame.loc[-4, "conf_low"] == pytest.approx(0.02 - half)


def test_its_sentence_states_numbers_and_no_verdict(estimate: Estimate) -> None:
    found = pretrends(estimate)
    assert "could have shown a slope of at least" in found.sentence
    assert "with probability 80%" in found.sentence
    assert f"p = {found.p_value:.3g}" in found.sentence
    for text in (found.sentence, repr(found), found._repr_html_()):
        assert "passed" not in text
        assert "parallel trends hold" not in text
    assert "<table>" in found._repr_html_()


def test_too_few_periods_or_clusters_are_said() -> None:
    few = pretrends(event_study({-2: 0.1, 0: 1.0}, 0.01 * np.eye(2), df=6.0))
    assert any("2 periods before the start: too few" in note for note in few.notes)
    assert any("6 degrees of freedom" in note for note in few.notes)
    assert pretrends(event_study(VALUES, SIGMA)).notes == ()


@pytest.mark.parametrize("options", [{"power": 1.0}, {"power": 0.0}, {"level": 0.0}, {"power": 0.1}])
def test_what_is_asked_wrongly_is_refused(estimate: Estimate, options: dict[str, float]) -> None:
    with pytest.raises(MethodError, match=r"power|level"):
        pretrends(estimate, **options)
