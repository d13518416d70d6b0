"""Cohorts: one weight per unit, or an error that says which."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.cohort import Cohort, Propensity
from attribution.errors import DataError


@pytest.fixture
def panel() -> at.Panel:
    frame = pd.DataFrame(
        {"u": [1, 1, 2, 2, 3, 3], "t": [0, 1] * 3, "y": [1.0, 3, 1, 4, 2, 2], "start": [1, 1, 1, 1, None, None]}
    )
    return at.Panel.from_frame(frame, unit="u", period="t", outcome="y", adopted="start")


def test_a_cohort_weighs_its_units(panel: at.Panel) -> None:
    weighted = panel.with_cohort(Cohort("given", "ATT", np.array([3.0, 1.0, 0.5])))
    assert weighted.weights.tolist() == [3.0, 1.0, 0.5]
    assert panel.weights.tolist() == [1.0, 1.0, 1.0]  # the panel it came from is as it was
    change = at.prepost(weighted, baseline=[0], followup=[1]).value("change")
    assert change == pytest.approx((3 * 2 + 1 * 3) / 4)


def test_cohort_weights_multiply_unit_weights(panel: at.Panel) -> None:
    from dataclasses import replace

    heavy = replace(panel, units=replace(panel.units, weight=np.array([2.0, 1.0, 1.0])))
    assert heavy.with_cohort(Cohort("given", "ATT", np.array([3.0, 1.0, 0.5]))).weights.tolist() == [6.0, 1.0, 0.5]


@pytest.mark.parametrize("count", [2, 4])
def test_a_cohort_of_another_panel_is_refused(panel: at.Panel, count: int) -> None:
    with pytest.raises(DataError, match=rf"cohort nearest: the cohort has {count} weights for 3 units") as error:
        panel.with_cohort(Cohort("nearest", "ATT", np.ones(count)))
    assert "same panel" in error.value.remedy


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_a_weight_that_is_none_is_refused_with_its_place(panel: at.Panel, bad: float) -> None:
    with pytest.raises(DataError, match="2 weights are negative or not finite, the first for unit 1") as error:
        panel.with_cohort(Cohort("nearest", "ATT", np.array([1.0, bad, bad])))
    assert "0 to leave one out" in error.value.remedy


def test_a_cohort_of_as_many_other_people_is_refused_by_its_trained(panel: at.Panel) -> None:
    arms = np.array([1, 0, 1], dtype=np.int8)  # the panel's third unit never was trained
    with pytest.raises(DataError, match="1 of its 2 trained never were trained in this panel; for example, u 3"):
        panel.with_cohort(Cohort("nearest", "ATT", np.ones(3), arms=arms))
    fits = Cohort("nearest", "ATT", np.ones(3), arms=np.array([1, 0, 0], dtype=np.int8))
    assert panel.with_cohort(fits).cohort is fits  # who is trained later may be a control


def test_a_propensity_says_how_far_it_reaches() -> None:
    empty = np.zeros((3, 2))
    fit = Propensity(("intercept", "age"), np.zeros(2), np.ones(2), -1.5, np.array([0.2, np.nan, 0.6]), empty, empty)
    assert repr(fit) == "Propensity(2 units, 2 columns: from 0.2 to 0.6, log-likelihood -1.5)"
