"""The E-value: published numbers, its definition, and its corners."""

from __future__ import annotations

import numpy as np
import pytest

from attribution.numerics.evalue import e_value, e_value_of_difference, ratio_of_hazards, ratio_of_odds


def test_published_numbers() -> None:
    """VanderWeele & Ding (2017): RR 3.9 (1.8 to 8.7) has 7.26 and 3.0; RR .80 (.71 to .91) has 1.8 and 1.43."""
    found = e_value(3.9, 1.8, 8.7)
    assert [round(found.point, 2), round(found.limit, 2)] == [7.26, 3.0]
    found = e_value(0.80, 0.71, 0.91)
    assert [round(found.point, 2), round(found.limit, 2)] == [1.81, 1.43]


@pytest.mark.parametrize("ratio", [1.1, 2.0, 7.5])
def test_something_exactly_so_strong_accounts_for_the_ratio(ratio: float) -> None:
    # The bounding factor of two relative risks (Ding & VanderWeele 2016): ab / (a + b − 1).
    e = e_value(ratio).point
    assert e * e / (2 * e - 1) == pytest.approx(ratio, rel=1e-12)
    assert e_value(1 / ratio).point == pytest.approx(e, rel=1e-12)
    assert e_value(3 * ratio, null=3.0).point == pytest.approx(e, rel=1e-12)


def test_the_limit_is_one_where_the_interval_holds_no_effect() -> None:
    assert e_value(1.4, 0.9, 2.2).limit == 1.0
    assert e_value(0.7, 0.4, 1.1).limit == 1.0
    assert e_value(1.0, 0.9, 1.1).limit == 1.0
    assert e_value(1.0).point == 1.0
    assert np.isnan(e_value(1.4).limit)
    assert np.isnan(e_value(float("nan")).point)
    assert e_value_of_difference(0.2, 0.2).limit == 1.0


def test_the_nearer_end_counts() -> None:
    assert e_value(2.0, 1.5, 3.0).limit == e_value(1.5).point
    assert e_value(0.5, 0.3, 0.8).limit == e_value(0.8).point
    below, above = e_value_of_difference(-0.5, 0.1), e_value_of_difference(0.5, 0.1)
    assert [below.point, below.limit] == pytest.approx([above.point, above.limit], rel=1e-12)


def test_other_ratios_become_risk_ratios() -> None:
    assert ratio_of_odds(4.0, rare=False) == 2.0
    assert ratio_of_odds(4.0, rare=True) == 4.0
    assert ratio_of_hazards(1.0, rare=False) == 1.0
    assert ratio_of_hazards(0.56, rare=True) == 0.56
    # EValue's vignette: HR .56 of a common outcome is a risk ratio of .67.
    assert ratio_of_hazards(0.56, rare=False) == pytest.approx(0.67, abs=0.005)
