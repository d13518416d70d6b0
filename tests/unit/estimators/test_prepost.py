"""The observed change alone: no effect, no comparison, no share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.errors import MethodError


def panel(frame: pd.DataFrame) -> at.Panel:
    return at.Panel.from_frame(frame, unit="u", period="t", outcome="y", adopted="start")


def rows(changes: list[float], *, controls: int = 0) -> pd.DataFrame:
    found = [(u, t, 10.0 * u + t * c, 1.0) for u, c in enumerate(changes) for t in (0, 1)]
    found += [(100 + u, t, 5.0 * t, None) for u in range(controls) for t in (0, 1)]
    return pd.DataFrame(found, columns=["u", "t", "y", "start"])


def test_the_only_term_is_the_change() -> None:
    estimate = at.prepost(panel(rows([1, 2, 6])), baseline=[0], followup=[1])
    assert estimate.terms == ("change",)
    assert estimate.value("change") == pytest.approx(3.0)
    assert estimate.std_error("change") == pytest.approx(np.sqrt(7 / 3))
    assert estimate.contrast({"change": 1.0}).df == pytest.approx(2.0)
    with pytest.raises(MethodError, match="there is no term 'effect'"):
        estimate.value("effect")


def test_controls_are_left_out_and_counted() -> None:
    estimate = at.prepost(panel(rows([1, 2, 6], controls=4)), baseline=[0], followup=[1])
    assert (estimate.n.trained.units, estimate.n.control.units) == (3, 0)
    assert [(part.arm, part.reason, part.units, part.rows) for part in estimate.n.left_out] == [
        ("never trained", "not of the trained arm", 4, 8)
    ]
    assert estimate.n.later == ()


def test_no_trained_is_refused() -> None:
    with pytest.raises(MethodError, match="no trained unit has a KPI value in both windows") as error:
        at.prepost(panel(rows([], controls=4)), baseline=[0], followup=[1])
    assert "add trained units" in error.value.remedy


def test_one_unit_and_equal_changes_have_no_standard_error() -> None:
    for changes in ([4.0], [4.0, 4.0, 4.0]):
        estimate = at.prepost(panel(rows(changes)), baseline=[0], followup=[1])
        assert estimate.value("change") == pytest.approx(4.0)
        assert np.isnan(estimate.std_error("change"))
        assert estimate.interval().kind == "undefined"


def test_with_missing_periods_the_trained_are_their_own_reference() -> None:
    # Two months of follow-up, a season of +6 in the second, from which one of three is absent: no change is read.
    found = [(u, 0, 10.0 * u, 1.0) for u in range(3)] + [(u, 1, 10.0 * u, 1.0) for u in range(3)]
    found += [(u, 2, 10.0 * u + 6.0, 1.0) for u in (0, 1)]
    frame = pd.DataFrame(found, columns=["u", "t", "y", "start"])
    estimate = at.prepost(panel(frame), baseline=[0], followup=[1, 2])
    # Months: mean 10 (all) and 11 (two): deviations −½ and +½; values 2 + 1·u … by hand 0.0+3, 10+3, 20+½.
    assert estimate.value("change") == pytest.approx((3.0 + 3.0 + 0.5) / 3)
    assert estimate.notes == ("periods are missing: each is freed of the trained arm's deviation before window means",)


def test_it_has_no_share_and_says_why() -> None:
    factor = at.attribution_factor(at.prepost(panel(rows([1, 2, 6])), baseline=[0], followup=[1]), draws=99)
    assert np.isnan(factor.share)
    assert factor.interval.kind == "undefined"
    assert factor.reason == "prepost has no comparison: its share would be 1 by construction"
    assert factor.draws is not None
    assert factor.draws.terms == ("change",)
