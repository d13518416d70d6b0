"""Arms and windows: who is trained between two windows, and which windows are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.arms import CONTROL, LEFT_OUT, TRAINED, two_window_arms, windows
from attribution.errors import DataError, MethodError

ADOPTED = [1, 2, 3, 4, 5, 6, 9, None]  # periods are 1 … 6


@pytest.fixture
def panel() -> at.Panel:
    rows = [(unit, t, float(t), start) for unit, start in enumerate(ADOPTED) for t in range(1, 7)]
    frame = pd.DataFrame(rows, columns=["u", "t", "y", "start"])
    return at.Panel.from_frame(frame, unit="u", period="t", outcome="y", adopted="start")


def test_windows_are_sorted_codes_without_repeats(panel: at.Panel) -> None:
    before, after = windows(panel, [2, 1, 2], (5, 4))
    assert (before.name, before.codes.tolist()) == ("baseline", [0, 1])
    assert (after.name, after.codes.tolist()) == ("followup", [3, 4])


@pytest.mark.parametrize(
    ("controls", "codes"),
    [
        ("not_yet", [LEFT_OUT, LEFT_OUT, TRAINED, TRAINED, TRAINED, CONTROL, CONTROL, CONTROL]),
        ("never", [LEFT_OUT, LEFT_OUT, TRAINED, TRAINED, TRAINED, LEFT_OUT, LEFT_OUT, CONTROL]),
    ],
)
def test_arms_by_adoption(panel: at.Panel, controls: Any, codes: list[int]) -> None:
    # Baseline 1–2, follow-up 4–5: adoption in 3 (between the windows), 4 and 5 is trained, in 1 and 2 left out.
    arms = two_window_arms(panel, *windows(panel, [1, 2], [4, 5]), controls)
    assert arms.code.tolist() == codes
    assert arms.labels.tolist() == [
        *["trained before follow-up"] * 2,
        *["trained"] * 3,
        *["trained later"] * 2,
        "never trained",
    ]


@pytest.mark.parametrize("empty", [[], "12", np.array([])])
def test_a_window_that_is_no_list_of_periods_is_refused(panel: at.Panel, empty: Any) -> None:
    with pytest.raises(MethodError, match="baseline is") as error:
        windows(panel, empty, [4])
    assert error.value.where == "baseline"
    assert "at least one period, e.g. baseline=[1]" in error.value.remedy


@pytest.mark.parametrize(("baseline", "followup"), [([4], [1]), ([1, 4], [4, 5]), ([1, 5], [3])])
def test_windows_that_overlap_or_are_swapped_are_refused(panel: at.Panel, baseline: Any, followup: Any) -> None:
    with pytest.raises(MethodError, match=f"the baseline ends in {max(baseline)}, the follow-up starts in") as error:
        windows(panel, baseline, followup)
    assert "before every follow-up period" in error.value.remedy


def test_a_period_that_is_not_there_is_refused_with_the_nearest(panel: at.Panel) -> None:
    with pytest.raises(DataError, match="there is no period 12; the nearest is 6"):
        windows(panel, [1], [12])
