"""Small frames, and what their readers must say: shared by the tests of reading a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from attribution.core.panel import Panel
from attribution.errors import DataError


def small() -> pd.DataFrame:
    """Return four units over three years, one unit a row short, one KPI value missing, in mixed row order."""
    frame = pd.DataFrame(
        {
            "id": [30, 10, 20, 40, 10, 20, 30, 40, 10, 30, 40],
            "year": [2001, 2001, 2001, 2001, 2002, 2002, 2002, 2002, 2003, 2003, 2003],
            "kpi": [3.1, 1.1, 2.1, 4.1, 1.2, 2.2, np.nan, 4.2, 1.3, 3.3, 4.3],
        }
    )
    frame["start"] = frame["id"].map({10: 2002.0, 20: np.nan, 30: 2003.0, 40: np.inf})
    frame["team"] = frame["id"].map({10: "b", 20: "a", 30: "b", 40: "a"})
    frame["w"] = frame["id"] / 10.0
    frame["drawn"] = frame["id"].isin([10, 30]).astype(int)
    frame["age"] = frame["year"] - 1960.0 - frame["id"]
    frame["site"] = frame["id"].map({10: "north", 20: None, 30: "south", 40: "north"})
    return frame


def read(frame: Any, **options: Any) -> Panel:
    roles = {"unit": "id", "period": "year", "outcome": "kpi", "adopted": "start"} | options
    return Panel.from_frame(frame, **roles)


def everything(frame: Any) -> Panel:
    return read(frame, cluster="team", weight="w", assigned="drawn", covariates=["age", "site"], groups=["site"])


def refused(frame: Any, *parts: str, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        read(frame, **options)
    for part in parts:
        assert part in str(caught.value)
    assert caught.value.remedy
    return caught.value


def assert_same(one: Panel, other: Panel) -> None:
    pd.testing.assert_index_equal(one.units.label, other.units.label)
    pd.testing.assert_index_equal(one.units.cluster_labels, other.units.cluster_labels)
    pd.testing.assert_index_equal(one.periods.labels, other.periods.labels)
    assert one.periods.kind == other.periods.kind
    for record in ("units", "observations"):
        for name in getattr(one, record).__slots__:
            left, right = getattr(getattr(one, record), name), getattr(getattr(other, record), name)
            if isinstance(left, np.ndarray):
                np.testing.assert_array_equal(left, right, strict=True)
            elif isinstance(left, dict):
                assert left.keys() == right.keys()
                for key in left:
                    np.testing.assert_array_equal(left[key], right[key], strict=True)
    for name in one.counts.__slots__:
        if name != "never_read_as":
            assert getattr(one.counts, name) == getattr(other.counts, name)
