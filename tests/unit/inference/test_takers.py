"""The effect on takers: the Wald ratio of two regressions, its set the test of it inverted, and where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.estimate import Estimate
from attribution.errors import MethodError
from attribution.inference.takers import effect_on_takers


def make(n: int = 200, *, take_up: float = 0.6, also: float = 0.1, effect: float = 2.0, seed: int = 7) -> pd.DataFrame:
    """Return people assigned at random, of whom some are not trained and some others are; the effect is on takers."""
    rng = np.random.default_rng(seed)
    assigned = rng.permutation(n) < n // 2
    trained = np.where(assigned, rng.random(n) < take_up, rng.random(n) < also)
    level = rng.normal(20, 2, n)
    kpi = level[:, None] + np.array([0.0, 1.0]) + effect * trained[:, None] * [0.0, 1.0] + rng.normal(0, 1, (n, 2))
    return pd.DataFrame(
        {
            "person": np.repeat(np.arange(n), 2),
            "month": np.tile([0, 1], n),
            "sales": kpi.ravel(),
            "start": np.repeat(np.where(trained, 1.0, np.nan), 2),
            "assigned": np.repeat(assigned.astype(int), 2),
        }
    )


def itt(frame: pd.DataFrame, **options: Any) -> Estimate:
    panel = at.Panel.from_frame(
        frame, unit="person", period="month", outcome="sales", adopted="start", assigned="assigned"
    )
    return at.did(panel, baseline=[0], followup=[1], as_assigned=True, **options)


def test_the_value_is_that_of_two_stage_least_squares() -> None:
    from linearmodels.iv import IV2SLS

    frame = make()
    wide = frame.pivot_table("sales", "person", "month")
    first = frame.drop_duplicates("person")
    data = pd.DataFrame({"change": (wide[1] - wide[0]).to_numpy(), "one": 1.0})
    data["trained"] = first["start"].notna().to_numpy(dtype=float)
    data["assigned"] = first["assigned"].to_numpy(dtype=float)
    oracle = IV2SLS(data["change"], data[["one"]], data[["trained"]], data[["assigned"]]).fit()
    takers = effect_on_takers(itt(frame))
    assert takers.value == pytest.approx(oracle.params["trained"], rel=1e-10)
    assert abs(takers.value - 2.0) < 4 * oracle.std_errors["trained"]
    assert takers.interval.kind == "bounded"
    assert 2.0 in takers.interval


def test_the_set_holds_what_the_test_of_the_reduced_form_does_not_reject() -> None:
    # Anderson & Rubin (1949): f is in the set where assignment has no effect on the change less f·trained.
    frame = make()
    takers = effect_on_takers(itt(frame), level=0.9)
    assert takers.interval.kind == "bounded"
    for end in (takers.interval.low, takers.interval.high):
        shifted = frame.assign(sales=frame["sales"] - end * frame["start"].notna() * frame["month"])
        p_value = itt(shifted).tidy().set_index("term").loc["effect", "p_value"]
        assert p_value == pytest.approx(0.1, rel=1e-6)


def test_with_full_compliance_it_is_the_effect() -> None:
    estimate = itt(make(take_up=1.0, also=0.0))
    takers = effect_on_takers(estimate)
    interval = estimate.interval()
    assert takers.take_up == 1.0
    assert takers.value == pytest.approx(estimate.value("effect"), rel=1e-12)
    assert [takers.interval.low, takers.interval.high] == pytest.approx([interval.low, interval.high], rel=1e-9)
    assert takers.reason == ""
    panel = at.Panel.from_frame(
        make(take_up=1.0, also=0.0), unit="person", period="month", outcome="sales", adopted="start"
    )
    assert estimate.value("effect") == pytest.approx(at.did(panel, baseline=[0], followup=[1]).value("effect"))


def test_a_take_up_within_noise_of_zero_bounds_nothing_and_says_so() -> None:
    takers = effect_on_takers(itt(make(take_up=0.15, also=0.12)))
    assert takers.interval.kind in ("unbounded", "disjoint")
    assert "is within noise of 0" in takers.reason
    assert "within noise" in repr(takers)


def test_no_difference_in_take_up_has_no_effect_on_takers() -> None:
    takers = effect_on_takers(itt(make(take_up=0.0, also=0.0)))
    assert np.isnan(takers.value)
    assert takers.interval.kind == "undefined"
    assert takers.reason == "as many were trained without being assigned as with"


def test_an_undefined_variance_leaves_the_set_undefined() -> None:
    takers = effect_on_takers(itt(make().query("person < 4 or assigned == 0").query("person != 1")))
    lone = effect_on_takers(itt(make(40).query("person == 0 or assigned == 0")))
    assert takers.interval.kind != "undefined"
    assert lone.interval.kind == "undefined"
    assert "variance of the numerator or the denominator is undefined" in lone.reason


def test_the_record_shows_itself() -> None:
    takers = effect_on_takers(itt(make()))
    tidy = takers.tidy()
    assert list(tidy.columns) == ["estimate", "take_up", "method", "low", "high", "kind", "level", "reason"]
    assert tidy.loc[0, "estimate"] == takers.value
    assert repr(takers).startswith(f"TakersEffect({takers.value:.5g}, fieller [")
    assert "Effect on takers on sales" in takers._repr_html_()


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_a_level_outside_the_unit_interval_is_refused(level: float) -> None:
    with pytest.raises(MethodError, match="level is"):
        effect_on_takers(itt(make()), level=level)


def test_an_estimate_that_is_not_as_assigned_is_refused() -> None:
    panel = at.Panel.from_frame(make(), unit="person", period="month", outcome="sales", adopted="start")
    with pytest.raises(MethodError, match="was not estimated as assigned") as error:
        effect_on_takers(at.did(panel, baseline=[0], followup=[1]))
    assert "as_assigned=True" in error.value.remedy
    with pytest.raises(MethodError, match="estimate is a float"):
        effect_on_takers(0.5)
