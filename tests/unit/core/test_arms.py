"""Arms and windows: who is trained between two windows, and which windows are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.arms import CONTROL, LEFT_OUT, TRAINED, all_windows, assigned_arms, two_window_arms, windows
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


def test_a_follow_up_of_several_windows_is_all_of_them_together_and_each(panel: at.Panel) -> None:
    before, after, parts = all_windows(panel, [1, 2], [[4], (6, 5)])
    assert (before.codes.tolist(), after.codes.tolist()) == ([0, 1], [3, 4, 5])
    assert [part.codes.tolist() for part in parts] == [[3], [4, 5]]
    assert all_windows(panel, [1, 2], [4, 5])[2] == ()
    assert windows(panel, [1, 2], [[4], [5]])[1].codes.tolist() == [3, 4]


@pytest.mark.parametrize(
    ("followup", "what", "remedy"),
    [
        ([[4], 5], "windows beside periods", "one list of periods, or a list of such lists"),
        ([[4, 5], [5, 6]], "5 is in several windows of the follow-up", "each period into one window"),
        ([[4], []], "followup is []", "at least one period"),
        ([["4"], "5"], "windows beside periods", "one list of periods"),
    ],
)
def test_windows_of_the_follow_up_that_do_not_fit_are_refused(
    panel: at.Panel, followup: Any, what: str, remedy: str
) -> None:
    with pytest.raises(MethodError) as error:
        all_windows(panel, [1], followup)
    assert what in error.value.what
    assert remedy in error.value.remedy


@pytest.mark.parametrize(
    ("options", "trained", "control"),
    [
        # Adopted in 3, 4 or 5 is between baseline 1–2 and follow-up 5; 6 and 9 (after the data) come later.
        ({}, [3, 4, 5], [6, 9, None]),
        # A washout of one: trained by period 4, so that the follow-up starts after it.
        ({"washout": 1}, [3, 4], [6, 9, None]),
        ({"washout": 2}, [3], [6, 9, None]),
        # Anticipation of one: who adopts in 3 may have moved in 2, who adopts in 6 in 5. After the data is 7 or later.
        ({"anticipation": 1}, [4, 5], [9, None]),
        ({"anticipation": 2}, [5], [None]),
        ({"washout": 1, "anticipation": 1}, [4], [9, None]),
    ],
)
def test_washout_and_anticipation(
    panel: at.Panel, options: dict[str, int], trained: list[Any], control: list[Any]
) -> None:
    arms = two_window_arms(panel, *windows(panel, [1, 2], [5]), "not_yet", **options)
    assert [one for one, code in zip(ADOPTED, arms.code, strict=True) if code == TRAINED] == trained
    assert [one for one, code in zip(ADOPTED, arms.code, strict=True) if code == CONTROL] == control
    never = two_window_arms(panel, *windows(panel, [1, 2], [5]), "never", **options)
    assert [one for one, code in zip(ADOPTED, never.code, strict=True) if code == CONTROL] == [None]
    assert (never.code == TRAINED).tolist() == (arms.code == TRAINED).tolist()


def test_arms_by_assignment() -> None:
    rows = [(unit, t, float(t), start, unit % 2) for unit, start in enumerate(ADOPTED) for t in range(1, 7)]
    frame = pd.DataFrame(rows, columns=["u", "t", "y", "start", "invited"])
    read = {"unit": "u", "period": "t", "outcome": "y", "adopted": "start"}
    arms = assigned_arms(at.Panel.from_frame(frame, assigned="invited", **read))
    assert arms.code.tolist() == [CONTROL, TRAINED] * 4
    assert arms.labels.tolist() == ["not assigned", "assigned"] * 4
    with pytest.raises(MethodError) as error:
        assigned_arms(at.Panel.from_frame(frame, **read))
    assert "columns.assigned" in error.value.remedy
