"""Weights of effects in two-way fixed effects: against a plain regression, and the smallest spread of effects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import attribution as at
from attribution.errors import MethodError
from attribution.estimators.twfe import twfe
from attribution.estimators.two_way.weights import twfe_weights


def rollout(holes: float = 0.0, weights: bool = False) -> pd.DataFrame:
    """Return 24 people over 7 months: some trained from the start, in months 2 and 5, or never."""
    rng = np.random.default_rng(3)
    person, month = np.repeat(np.arange(24), 7), np.tile(np.arange(7), 24)
    rows = pd.DataFrame(
        {
            "person": person,
            "month": month,
            "start": np.array([0.0, 2.0, 5.0, 2.0, np.nan])[person % 5],
            "kpi": rng.normal(0, 1, len(person)),
            "weight": rng.uniform(0.5, 2.0, 24)[person] if weights else 1.0,
        }
    )
    return rows[rng.random(len(rows)) >= holes] if holes else rows


def build(rows: pd.DataFrame) -> at.Panel:
    return at.Panel.from_frame(rows, unit="person", period="month", outcome="kpi", adopted="start", weight="weight")


def residual(rows: pd.DataFrame) -> NDArray[Any]:
    """Return training less its weighted least-squares fit on unit and period dummies."""
    trained = (rows["month"] >= rows["start"]).to_numpy(dtype=float)
    dummies = np.hstack([pd.get_dummies(rows[name]).to_numpy(dtype=float) for name in ("person", "month")])
    root = np.sqrt(rows["weight"].to_numpy())[:, None]
    return trained - dummies @ np.linalg.lstsq(root * dummies, root[:, 0] * trained, rcond=None)[0]


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("holes", [0.0, 0.2])
def test_weights_are_the_residuals_of_training(holes: float, weights: bool) -> None:
    rows = rollout(holes, weights)
    found = twfe_weights(build(rows)).tidy()
    rows = rows.assign(weighted=rows["weight"] * residual(rows))
    trained = rows[rows["month"] >= rows["start"]]
    expected = trained.groupby(["start", "month"])["weighted"].sum() / trained["weighted"].sum()
    shares = trained.groupby(["start", "month"])["weight"].sum() / trained["weight"].sum()
    assert found["weight"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-12)
    assert found["share"].to_numpy() == pytest.approx(shares.to_numpy(), rel=1e-12)
    assert found["weight"].sum() == pytest.approx(1.0, abs=1e-12)
    keys = [(str(int(start)), str(month)) for start, month in expected.index]
    assert list(zip(found["cohort"], found["period"], strict=True)) == keys


def test_the_coefficient_is_the_weighted_sum_of_effects() -> None:
    rng = np.random.default_rng(1)
    rows = rollout()
    effects = rng.normal(0, 1, (7, 7))
    start = rows["start"].fillna(6).astype(int).to_numpy()
    trained = (rows["month"] >= rows["start"]).to_numpy()
    kpi = rows["person"] + 2.0 * rows["month"] + np.where(trained, effects[start, rows["month"]], 0.0)
    panel = build(rows.assign(kpi=kpi))
    found = twfe_weights(panel)
    mine = np.array([effects[int(g), int(t)] for g, t in zip(found.cohort, found.period, strict=True)])
    assert found.estimate == pytest.approx(twfe(panel).value("effect"), abs=1e-12)
    assert found.weight @ mine == pytest.approx(found.estimate, abs=1e-12)


def smallest_sd(weight: NDArray[Any], share: NDArray[Any], estimate: float, *, opposite: bool) -> float:
    """Return the smallest sd of effects that give the coefficient, found by a numerical optimiser."""
    from scipy.optimize import minimize

    def variance(effects: NDArray[Any]) -> float:
        return float(share @ effects**2 - (share @ effects) ** 2)

    constraints: list[dict[str, Any]] = [{"type": "eq", "fun": lambda effects: weight @ effects - estimate}]
    bounds = None
    if opposite:
        bounds = [(None, 0.0) if estimate > 0 else (0.0, None)] * len(weight)
    else:
        constraints.append({"type": "eq", "fun": lambda effects: share @ effects})
    start = estimate * weight / (weight @ weight)
    if opposite:
        least = int(np.argmin(weight))
        start = np.where(np.arange(len(weight)) == least, estimate / weight[least], 0.0)
    done = minimize(variance, start, bounds=bounds, constraints=constraints, method="SLSQP", options={"maxiter": 2000})
    return float(np.sqrt(variance(done.x)))


@pytest.mark.parametrize("weights", [False, True])
def test_the_spread_of_effects_that_turns_the_sign_is_the_smallest(weights: bool) -> None:
    # The optimiser stops within about 1e-4 of its optimum.
    found = twfe_weights(build(rollout(weights=weights)))
    for opposite, closed in ((False, found.sd_average_zero), (True, found.sd_opposite)):
        assert closed == pytest.approx(
            smallest_sd(found.weight, found.share, found.estimate, opposite=opposite), rel=1e-3
        )
    assert found.sd_opposite >= found.sd_average_zero


def test_one_date_has_no_negative_weight() -> None:
    rows = rollout()
    found = twfe_weights(build(rows.assign(start=rows["start"].where(rows["start"] == 2))))
    assert (found.sum_negative, found.share_negative) == (0.0, 0.0)
    assert np.isnan(found.sd_opposite)
    assert np.isinf(found.sd_average_zero)
    assert "0 or more" in found.sentence


def test_the_record_shows_itself() -> None:
    found = twfe_weights(build(rollout()))
    assert "negative weight" in found.sentence
    assert found.sum_negative < 0 < found.share_negative
    assert found._repr_html_().count("<tr>") == 1 + len(found.weight)


def test_it_is_short_in_a_console() -> None:
    found = twfe_weights(build(rollout()))
    assert repr(found) == f"TwoWayWeights(estimate {found.estimate:.5g}: {found.sentence})"


def test_a_series_is_sent_to_trend() -> None:
    frame = pd.DataFrame({"month": range(9), "kpi": np.arange(9.0) % 4, "start": 5})
    series = at.Panel.from_frame(frame, period="month", outcome="kpi", adopted="start", kind="series")
    with pytest.raises(MethodError) as error:
        twfe_weights(series)
    assert "use trend" in error.value.remedy
