"""Regression to the mean: the formula against the printed value, and against people who were picked and left alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.diagnostics.kpi_table import outcome_table
from attribution.diagnostics.planned import known_arms
from attribution.diagnostics.regression import (
    picked_deviation,
    reliability,
    spearman_brown,
)
from attribution.errors import MethodError


def _people(rng: np.random.Generator, n: int, periods: int, lasting: float) -> np.ndarray:
    """Return scores of variance 1 in each period, of which a share lasts: their reliability."""
    return np.sqrt(lasting) * rng.normal(size=(n, 1)) + np.sqrt(1 - lasting) * rng.normal(size=(n, periods))


def _panel(scores: np.ndarray, picked: np.ndarray, cluster: np.ndarray | None = None) -> at.Panel:
    n, periods = scores.shape
    frame = pd.DataFrame(
        {
            "person": np.repeat(np.arange(n), periods),
            "month": np.tile(np.arange(periods), n),
            "score": scores.ravel(),
            "start": np.repeat(np.where(picked, periods - 1.0, np.nan), periods),
            "team": np.repeat(np.arange(n) if cluster is None else cluster, periods),
        }
    )
    return at.Panel.from_frame(frame, unit="person", period="month", outcome="score", adopted="start", cluster="team")


def test_the_bottom_30_percent_by_one_score_of_reliability_6_rise_by_46() -> None:
    # The value of METHODS 4.8, to its printed digits; and the same people simulated, 4 Monte Carlo errors.
    back = (1 - 0.6) * picked_deviation(0.3)
    assert round(back, 2) == 0.46
    scores = _people(np.random.default_rng(1), 200_000, 2, 0.6)
    picked = scores[:, 0] < np.quantile(scores[:, 0], 0.3)
    rise = (scores[picked, 1] - scores[picked, 0]).mean()
    assert rise == pytest.approx(back, abs=0.013)


def test_the_tail_is_as_far_at_either_end() -> None:
    # Half of a normal lies √(2/π) from its mean.
    assert picked_deviation(0.5) == pytest.approx(np.sqrt(2 / np.pi), rel=1e-12)
    for share in (0.0, 1.0, -0.1):
        with pytest.raises(MethodError, match="share is"):
            picked_deviation(share)


@pytest.mark.parametrize("by", ["the mean of the baseline", "its last period"])
def test_spearman_and_brown_hold_whichever_period_people_were_picked_by(by: str) -> None:
    scores = _people(np.random.default_rng(2), 100_000, 4, 0.5)
    before = scores[:, :3].mean(axis=1)
    by_what = before if by.startswith("the mean") else scores[:, 2]
    picked = by_what < np.quantile(by_what, 0.3)
    gap = before[picked].mean() - before.mean()
    rise = (scores[picked, 3] - before[picked]).mean() - (scores[:, 3] - before).mean()
    assert rise == pytest.approx(-(1 - spearman_brown(0.5, 3)) * gap, abs=0.02)


def test_reliability_is_that_of_all_who_could_be_picked() -> None:
    scores = _people(np.random.default_rng(3), 20_000, 5, 0.7)
    before = scores[:, :4].mean(axis=1)
    panel = _panel(scores, before < np.quantile(before, 0.3))
    arms = known_arms(panel, None, [0, 1, 2, 3])
    assert arms is not None
    found = reliability(panel, arms.before, 2, arms.trained | arms.control)
    assert found is not None
    assert (found.lag, found.pairs, found.mean_of) == (2, 2, 4)
    # The mean of two correlations, 4 standard errors of one.
    assert found.correlation == pytest.approx(0.7, abs=0.015)
    table = outcome_table(panel, arms.before)
    assert found.correlation == pytest.approx(
        np.mean([np.corrcoef(table[:, 0], table[:, 2])[0, 1], np.corrcoef(table[:, 1], table[:, 3])[0, 1]]), rel=1e-12
    )
    # A lag that the baseline does not have takes the longest one there is.
    far = reliability(panel, arms.before, 9, arms.trained | arms.control)
    assert far is not None
    assert (far.lag, far.pairs) == (3, 1)


def test_clusters_are_picked_and_their_means_are_more_reliable_than_a_person() -> None:
    rng = np.random.default_rng(4)
    team = np.repeat(np.arange(400), 10)
    scores = _people(rng, 400, 3, 0.8)[team] * 0.5 + rng.normal(size=(4000, 3))
    panel = _panel(scores, team < 100, team)
    inside = np.ones(4000, dtype=bool)
    before = np.array([0, 1], dtype=np.int16)
    found = reliability(panel, before, 1, inside)
    assert found is not None
    # Of a team of ten .2 lasts of a variance of .25 + .1.
    assert found.correlation == pytest.approx(0.2 / 0.35, abs=0.12)


def test_without_two_periods_or_a_kpi_that_varies_there_is_none() -> None:
    scores = _people(np.random.default_rng(5), 30, 3, 0.5)
    panel = _panel(scores, np.arange(30) < 10)
    inside = np.ones(30, dtype=bool)
    assert reliability(panel, np.array([1], dtype=np.int16), 1, inside) is None
    flat = _panel(np.ones((30, 3)), np.arange(30) < 10)
    assert reliability(flat, np.array([0, 1], dtype=np.int16), 1, inside) is None


def test_arms_before_an_estimate_are_those_of_the_column_of_the_training() -> None:
    panel = _panel(_people(np.random.default_rng(6), 12, 3, 0.5), np.arange(12) < 4)
    arms = known_arms(panel, None, [0, 1])
    assert arms is not None
    assert (arms.trained.sum(), arms.control.sum(), arms.before.tolist()) == (4, 8, [0, 1])
    assert known_arms(panel, None, []) is None
    # Trained in the baseline, or nobody trained: no two arms.
    assert known_arms(panel, None, [0, 1, 2]) is None
