"""Robust intervals of an estimate: targets, magnitudes, the breakdown value, and how the record shows itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from attribution.core.estimate import Estimate
from attribution.errors import MethodError
from attribution.inference.sensitivity import trend_sensitivity
from attribution.numerics.honest import EventStudy
from attribution.numerics.honest_relative import mean_zero_draws, relative
from attribution.numerics.honest_smooth import fixed_length, frontier, pre_bend
from tests.unit.inference.paths import event_study

VALUES = {-4: 0.02, -3: -0.10, -2: 0.05, 0: 0.9, 1: 1.2, 2: 1.1}
SIGMA = 0.01 * (0.5 + 0.5 * np.eye(6))


@pytest.fixture(scope="module")
def estimate() -> Estimate:
    return event_study(VALUES, SIGMA)


@pytest.mark.parametrize(
    ("target", "weights", "words"),
    [
        ("first", [1, 0, 0], "effect of event 0"),
        ("average", [1 / 3, 1 / 3, 1 / 3], "average effect of events 0 to 2"),
        (2, [0, 0, 1], "effect of event 2"),
    ],
)
def test_the_record_holds_the_intervals_of_the_numerics(
    estimate: Estimate, target: str | int, weights: list[float], words: str
) -> None:
    study = EventStudy(np.array(list(VALUES.values())), SIGMA, 3, np.array(weights, dtype=float))
    draws = mean_zero_draws(study, seed=2)
    found = trend_sensitivity(estimate, target=target, magnitudes=[1.0, 0.0], seed=2)
    assert found.target == words
    assert found.magnitudes == (0.0, 1.0)
    assert found.estimate == pytest.approx(study.value)
    assert [(one.low, one.high) for one in found.intervals] == [relative(study, m, 0.95, draws) for m in (0.0, 1.0)]
    smooth = trend_sensitivity(estimate, kind="smoothness", target=target, magnitudes=[0.1], level=0.9)
    assert (smooth.intervals[0].low, smooth.intervals[0].high) == fixed_length(frontier(study), 0.1, 0.9)
    assert smooth.intervals[0].method == "FLCI"


def test_the_breakdown_value_is_where_the_intervals_reach_zero(estimate: Estimate) -> None:
    first = trend_sensitivity(estimate, magnitudes=[0])
    assert 0 < first.breakdown < np.inf
    around = trend_sensitivity(estimate, magnitudes=[0.97 * first.breakdown, 1.03 * first.breakdown])
    assert list(around.tidy()["excludes_zero"]) == [True, True, False]
    smooth = trend_sensitivity(estimate, kind="smoothness")
    edges = trend_sensitivity(
        estimate, kind="smoothness", magnitudes=[0.999 * smooth.breakdown, 1.001 * smooth.breakdown]
    )
    assert list(edges.tidy()["excludes_zero"]) == [True, True, False]
    assert edges.intervals[0].low == pytest.approx(0, abs=0.01)


def test_an_effect_below_zero_breaks_down_alike() -> None:
    mirrored = event_study({event: -value for event, value in VALUES.items()}, SIGMA)
    found = trend_sensitivity(mirrored, kind="smoothness")
    expected = trend_sensitivity(event_study(VALUES, SIGMA), kind="smoothness")
    assert found.breakdown == pytest.approx(expected.breakdown, rel=1e-5)


def test_the_default_magnitudes(estimate: Estimate) -> None:
    assert trend_sensitivity(estimate).magnitudes == (0.0, 0.5, 1.0, 1.5, 2.0)
    study = EventStudy(np.array(list(VALUES.values())), SIGMA, 3, np.array([1.0, 0, 0]))
    found = trend_sensitivity(estimate, kind="smoothness").magnitudes
    np.testing.assert_allclose(found, np.linspace(0, pre_bend(study, 0.95), 5))


def test_with_anticipation_the_average_starts_at_the_start() -> None:
    values = {-3: 0.1, -2: 0.0, -1: 0.3, 0: 1.0, 1: 2.0}
    found = trend_sensitivity(event_study(values, np.diag([1, 0, 1, 1, 1])), kind="smoothness", target="average")
    assert found.path.reference == -2
    assert found.estimate == pytest.approx(1.5)
    assert found.target == "average effect of events 0 to 1"


def test_a_sentence_for_each_outcome(estimate: Estimate) -> None:
    assert (
        "times the largest step between neighbouring periods before the start" in trend_sensitivity(estimate).sentence
    )
    assert "bends by no more than" in trend_sensitivity(estimate, kind="smoothness").sentence
    noise = event_study(dict.fromkeys(VALUES, 0.001), SIGMA)
    nothing = trend_sensitivity(noise, magnitudes=[0])
    assert nothing.breakdown == 0
    assert "holds 0 already" in nothing.sentence
    endless = replace(nothing, breakdown=np.inf)
    assert "whatever the violation" in endless.sentence
    for found in (nothing, endless, trend_sensitivity(estimate)):
        assert "passed" not in found.sentence


def test_few_clusters_and_one_pre_period_are_said() -> None:
    few = trend_sensitivity(event_study(VALUES, SIGMA, df=7.0), magnitudes=[1])
    assert any("7 degrees of freedom" in note for note in few.notes)
    single = trend_sensitivity(event_study({-2: 0.1, 0: 1.0}, 0.01 * np.eye(2)), magnitudes=[1])
    assert any("single difference" in note for note in single.notes)
    assert trend_sensitivity(event_study(VALUES, SIGMA), magnitudes=[1]).notes == ()


def test_it_shows_itself(estimate: Estimate) -> None:
    found = trend_sensitivity(estimate, magnitudes=[0.5, 1])
    frame = found.tidy()
    assert list(frame["method"]) == ["original", "C-LF", "C-LF"]
    assert np.isnan(frame["magnitude"][0])
    assert list(frame.columns) == ["method", "magnitude", "estimate", "low", "high", "excludes_zero", "level"]
    assert "breakdown" in repr(found)
    html = found._repr_html_()
    assert "<table>" in html
    assert "C-LF" in html


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"kind": "rough"}, "kind is 'rough'"),
        ({"level": 1.0}, "level is 1.0"),
        ({"magnitudes": []}, "magnitudes are"),
        ({"magnitudes": [-1.0]}, "magnitudes are"),
        ({"magnitudes": [np.inf]}, "magnitudes are"),
        ({"target": 7}, "no event for the target 7"),
        ({"target": "last"}, "no event for the target 'last'"),
    ],
)
def test_what_is_asked_wrongly_is_refused(estimate: Estimate, options: dict[str, object], fault: str) -> None:
    with pytest.raises(MethodError, match=fault):
        trend_sensitivity(estimate, **options)
