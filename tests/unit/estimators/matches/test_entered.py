"""Sets enter whole: who lost its match leaves with it, and the weights of the others follow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.cohort import Cohort, Matches
from attribution.estimators.adjusted import adjusted
from attribution.estimators.matches.entered import LOST, whole_sets

NO_LINKS = np.zeros(0, dtype=np.int64)


def panel(trained: int, control: int, lost: tuple[int, ...] = ()) -> at.Panel:
    """Return a panel of two months in which the units `lost` have no KPI value in the second."""
    n = trained + control
    unit, month = np.repeat(np.arange(n), 2), np.tile([0, 1], n)
    kpi = np.random.default_rng(2).normal(10, 1, 2 * n) + 2 * ((unit < trained) & (month == 1))
    frame = pd.DataFrame({"u": unit, "t": month, "kpi": kpi, "start": np.where(unit < trained, 1.0, np.nan)})
    frame.loc[frame["u"].isin(lost) & (frame["t"] == 1), "kpi"] = np.nan
    return at.Panel.from_frame(frame, unit="u", period="t", outcome="kpi", adopted="start")


def matched(found: at.Panel, sets: Any, weights: Any, *, estimand: str = "ATT", links: Any = None) -> at.Panel:
    sets = np.array(sets, dtype=np.int32)
    arms = (found.units.adopted == 1).astype(np.int8)
    trained, control = (NO_LINKS, NO_LINKS) if links is None else (np.array(links[0]), np.array(links[1]))
    matches = Matches(False, sets, trained, control, np.ones(len(trained)))
    reasons = np.where(np.array(weights) > 0, "", "not matched").astype(object)
    cohort = Cohort("made", estimand, np.array(weights, dtype=float), arms=arms, reasons=reasons, matches=matches)
    return found.with_cohort(cohort)


def plain(found: at.Panel) -> at.Estimate:
    """Return the estimate of the weights alone."""
    assert found.cohort is not None
    weighted = found.with_cohort(replace(found.cohort, matches=None))
    return adjusted(weighted, covariates=[], adjust="none", baseline=[0], followup=[1])


def test_a_pair_that_lost_one_of_its_two_leaves() -> None:
    found = matched(panel(3, 3, lost=(1, 5)), [0, 1, 2, 0, 1, 2], np.ones(6), links=([0, 1, 2], [3, 4, 5]))
    whole = whole_sets(found, plain(found))
    assert whole.cohort is not None
    assert whole.cohort.weights.tolist() == [1, 1, 0, 1, 0, 1]
    # Who has no KPI value keeps its own reason: the estimate says it.
    assert whole.cohort.reasons is not None
    assert whole.cohort.reasons.tolist() == ["", "", LOST, "", LOST, ""]
    again = plain(whole)
    assert whole_sets(whole, again) is whole
    left = {(part.arm, part.reason): part.units for part in at.did(found, baseline=[0], followup=[1]).n.left_out}
    assert sum(left.values()) == 4


def test_what_is_left_of_a_sets_controls_shares_their_weight() -> None:
    sets, weights = [0, 1, 0, 0, 1, 1], [1, 1, 0.5, 0.5, 0.5, 0.5]
    found = matched(panel(2, 4, lost=(3,)), sets, weights, links=([0, 0, 1, 1], [2, 3, 4, 5]))
    whole = whole_sets(found, plain(found))
    assert whole.cohort is not None
    assert whole.cohort.weights[[0, 1, 2, 4, 5]] == pytest.approx([1, 1, 1, 0.5, 0.5])


def test_strata_weigh_their_controls_by_the_trained_who_are_left() -> None:
    # Two trained and two controls of weight 1; one trained is lost: the controls count half.
    found = matched(panel(3, 3, lost=(0,)), [0, 0, 1, 0, 0, 1], np.ones(6))
    whole = whole_sets(found, plain(found))
    assert whole.cohort is not None
    assert whole.cohort.weights[1:] == pytest.approx([1, 1, 0.5, 0.5, 1])
    every = matched(panel(3, 3, lost=(0,)), [0, 0, 1, 0, 0, 1], np.ones(6), estimand="ATE")
    whole = whole_sets(every, plain(every))
    assert whole.cohort is not None
    assert whole.cohort.weights[1:] == pytest.approx([2, 1, 1, 1, 1])


def test_links_with_replacement_are_shared_anew() -> None:
    found = panel(3, 3, lost=(3, 5))
    trained, control = np.array([0, 0, 1, 1, 2]), np.array([3, 4, 3, 4, 5])
    share = np.array([0.5, 0.5, 0.5, 0.5, 1.0])
    arms = (found.units.adopted == 1).astype(np.int8)
    weights = np.array([1, 1, 1, 1, 1, 1.0])
    found = found.with_cohort(
        Cohort("nearest", "ATT", weights, arms=arms, matches=Matches(True, None, trained, control, share))
    )
    whole = whole_sets(found, plain(found))
    assert whole.cohort is not None
    assert whole.cohort.matches is not None
    assert whole.cohort.weights[[0, 1, 2, 4]] == pytest.approx([1, 1, 0, 2])
    assert whole.cohort.matches.trained.tolist() == [0, 1]
    assert whole.cohort.matches.control.tolist() == [4, 4]
    assert whole.cohort.matches.share.tolist() == [1.0, 1.0]


def test_whole_sets_and_a_single_arm_stay_as_they_are() -> None:
    found = matched(panel(2, 2), [0, 1, 0, 1], np.ones(4), links=([0, 1], [2, 3]))
    assert whole_sets(found, plain(found)) is found
    lost = matched(panel(2, 2, lost=(0,)), [0, 1, 0, 1], np.ones(4), links=([0, 1], [2, 3]))
    alone = at.prepost(lost.with_cohort(replace(lost.cohort, matches=None)), baseline=[0], followup=[1])
    assert whole_sets(lost, alone) is lost
