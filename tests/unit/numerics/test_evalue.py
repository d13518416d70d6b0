"""The E-value: its definition and its corners."""

from __future__ import annotations

import numpy as np
import pytest

from attribution.numerics.evalue import e_value, e_value_of_difference, ratio_of_hazards, ratio_of_odds


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
    assert ratio_of_hazards(1 / 0.56, rare=False) == pytest.approx(1 / ratio_of_hazards(0.56, rare=False), rel=1e-12)
    # Nearer to 1 than the hazard ratio: with a common outcome, risks part less than hazards do.
    assert 0.56 < ratio_of_hazards(0.56, rare=False) < 1
