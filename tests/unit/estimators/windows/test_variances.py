"""Named variances beyond two windows: of each window what a regression on it alone gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at


def panel(**options: Any) -> at.Panel:
    rng = np.random.default_rng(6)
    unit, month = np.repeat(np.arange(30), 4), np.tile(np.arange(4), 30)
    frame = pd.DataFrame(
        {
            "person": unit,
            "month": month,
            "sales": rng.normal(0, 1, 30)[unit] + rng.normal(0, 1 + 0.5 * (unit < 12)) + (unit < 12) * (month > 1),
            "start": np.where(unit < 12, 2.0, np.nan),
            "team": unit // 3,
            "invited": (unit % 4 > 0).astype(int),
        }
    )
    return at.Panel.from_frame(frame, unit="person", period="month", outcome="sales", adopted="start", **options)


@pytest.mark.parametrize("variance", ["classical", "HC0", "HC1", "HC2", "HC3", "CR1", "CR1S"])
def test_each_window_has_the_variance_of_a_study_of_it_alone(variance: Any) -> None:
    both = at.did(panel(), baseline=[0, 1], followup=[[2], [3]], variance=variance)
    for number, period in ((1, 2), (2, 3)):
        alone = at.did(panel(), baseline=[0, 1], followup=[period], variance=variance)
        for term in ("effect", "change", "background"):
            found, expected = both.contrast({f"{term}[window={number}]": 1.0}), alone.contrast({term: 1.0})
            assert found.std_error == pytest.approx(expected.std_error, rel=1e-12)
            assert found.df == pytest.approx(expected.df)


def test_cr2_takes_its_df_from_the_effect_of_all_windows_together() -> None:
    both = at.did(panel(cluster="team"), baseline=[0, 1], followup=[[2], [3]], variance="CR2")
    pooled = at.did(panel(cluster="team"), baseline=[0, 1], followup=[2, 3], variance="CR2")
    assert both.std_error("effect") == pytest.approx(pooled.std_error("effect"), rel=1e-12)
    assert both.contrast({"effect": 1.0}).df == pytest.approx(pooled.contrast({"effect": 1.0}).df, rel=1e-12)


@pytest.mark.parametrize(("variance", "cov_type"), [("classical", "nonrobust"), ("HC1", "HC1"), ("HC3", "HC3")])
def test_take_up_has_the_variance_of_its_own_regression(variance: Any, cov_type: str) -> None:
    import statsmodels.api as sm

    data = panel(assigned="invited")
    estimate = at.did(data, baseline=[0, 1], followup=[2, 3], as_assigned=True, variance=variance)
    trained = (data.units.adopted <= 3).astype(float)
    assert data.units.assigned is not None
    oracle = sm.OLS(trained, sm.add_constant(data.units.assigned)).fit(cov_type=cov_type)
    assert estimate.value("take_up") == pytest.approx(oracle.params[1], rel=1e-10)
    assert estimate.std_error("take_up") == pytest.approx(oracle.bse[1], rel=1e-10)
