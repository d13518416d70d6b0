"""The pre-period record: its test, its slopes, its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import f as f_distribution
from scipy.stats import t as t_distribution

import attribution as at
from attribution.core.estimate import Estimate
from attribution.errors import MethodError
from attribution.inference.pretrends import pretrends
from attribution.numerics.honest_power import detectable


def event_study(values: Mapping[object, float], sigma: np.ndarray, df: float = 40.0) -> Estimate:
    """Return an estimate with effects by event time, these values and this covariance."""
    panel = at.Panel.from_frame(
        at.dataset("jobtraining"), unit="fcode", period="year", outcome="lscrap", trained="grant"
    )
    base = at.did(panel, baseline=[1987], followup=[1988])
    terms = tuple(f"effect[event={event}]" for event in values)
    return replace(
        base,
        terms=terms,
        values=np.array(list(values.values()), dtype=float),
        influence=np.zeros((len(base.influence), len(terms))),
        covariance=np.asarray(sigma, dtype=float)[None],
        stratum_df=np.array([df]),
        replay=None,
        no_replay="made by hand",
    )


VALUES = {-4: 0.02, -3: -0.10, -2: 0.05, 0: 0.9, 1: 1.2}
SIGMA = 0.01 * (0.5 + 0.5 * np.eye(5))


@pytest.fixture(scope="module")
def estimate() -> Estimate:
    return event_study(VALUES, SIGMA)


def test_the_joint_test_is_a_wald_test_against_f(estimate: Estimate) -> None:
    found = pretrends(estimate)
    beta = np.array([0.02, -0.10, 0.05])
    statistic = beta @ np.linalg.inv(SIGMA[:3, :3]) @ beta / 3
    assert found.statistic == pytest.approx(statistic)
    assert found.df == (3, 40)
    assert found.p_value == pytest.approx(f_distribution.sf(statistic, 3, 40))


def test_the_slope_is_generalised_least_squares_through_the_reference(estimate: Estimate) -> None:
    found = pretrends(estimate)
    times, inverse = np.array([-3.0, -2.0, -1.0]), np.linalg.inv(SIGMA[:3, :3])
    precision = times @ inverse @ times
    assert found.slope == pytest.approx(times @ inverse @ [0.02, -0.10, 0.05] / precision)
    assert found.slope_error == pytest.approx(precision**-0.5)


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
        pretrends(estimate, **options)  # type: ignore[arg-type]
