"""The reduction of two windows: a lookup-free path for complete panels that agrees with the general one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.panel import Panel


def frame(holes: float, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n, months = 30, 8
    unit, month = np.repeat(np.arange(n), months), np.tile(np.arange(months), n)
    rows = pd.DataFrame(
        {
            "u": unit,
            "t": month,
            "y": rng.normal(1e6, 5, n)[unit] + rng.normal(0, 3, months)[month] + rng.normal(0, 1, n * months),
            "start": np.where(unit < 12, 4.0, np.nan),
            "team": unit // 3,
            "w": rng.uniform(0.5, 2, n)[unit],
        }
    )
    return rows[rng.random(len(rows)) >= holes]


def build(rows: pd.DataFrame) -> Panel:
    return Panel.from_frame(rows, unit="u", period="t", outcome="y", adopted="start", cluster="team", weight="w")


def by_hand(rows: pd.DataFrame, baseline: list[int], followup: list[int]) -> dict[str, float]:
    """Return the terms by plain pandas: periods freed of the controls' deviation, then window means, then arm means."""
    levels: dict[str, pd.Series] = {}
    for name, window in (("before", baseline), ("after", followup)):
        inside = rows[rows["t"].isin(window)].dropna(subset="y")
        controls = inside[inside["start"].isna()]
        weighted = (controls["y"] * controls["w"]).groupby(controls["t"]).sum()
        mean = weighted / controls["w"].groupby(controls["t"]).sum()
        deviation = mean - mean.mean()
        levels[name] = (inside["y"] - inside["t"].map(deviation)).groupby(inside["u"]).mean()
    change = levels["after"] - levels["before"]
    unit = rows.drop_duplicates("u").set_index("u")
    arm = unit["start"].notna().reindex(change.index)
    means = {
        trained: float(np.average(change[arm == trained], weights=unit["w"].reindex(change.index)[arm == trained]))
        for trained in (True, False)
    }
    return {"change": means[True], "background": means[False], "effect": means[True] - means[False]}


@pytest.mark.parametrize("holes", [0.0, 0.02, 0.3])
def test_the_terms_are_those_of_a_plain_computation(holes: float) -> None:
    rows = frame(holes)
    estimate = at.did(build(rows), baseline=[0, 1, 2], followup=[5, 6])
    # Who lacks a window leaves, and takes no part in the months' means either.
    expected = by_hand(rows[rows["u"].isin(np.flatnonzero(estimate.clusters >= 0))], [0, 1, 2], [5, 6])
    seen = rows.assign(window=rows["t"].map({0: 0, 1: 0, 2: 0, 5: 1, 6: 1})).groupby("u")["window"].nunique()
    assert estimate.n.units_left_out == int((seen < 2).sum())
    for term, value in expected.items():
        # The KPI is about 1e6: ten digits of it remain.
        assert estimate.value(term) == pytest.approx(value, abs=1e-8)


def test_both_paths_give_the_same_record_on_complete_windows() -> None:
    # A single row absent outside the windows sends the panel down the general path.
    whole = frame(0.0)
    holed = whole[~((whole["u"] == 3) & (whole["t"] == 7))]
    one, two = (at.did(build(rows), baseline=[0, 1, 2], followup=[5, 6]) for rows in (whole, holed))
    assert two.values == pytest.approx(one.values, abs=1e-8)
    assert two.influence == pytest.approx(one.influence, abs=1e-8)
    assert two.covariance == pytest.approx(one.covariance, abs=1e-8)
    assert (two.clusters == one.clusters).all()
    assert two.outcome_range == pytest.approx(one.outcome_range, rel=1e-12)
    assert two.notes == one.notes == ()
    rng = np.random.default_rng(0)
    weights = rng.poisson(1.0, (30, len(one.strata))) + 0.5
    assert one.replay is not None
    assert two.replay is not None
    assert two.replay(weights) == pytest.approx(one.replay(weights), abs=1e-8)


def test_a_large_level_costs_no_digits_of_the_variance() -> None:
    rows = frame(0.0)
    small = rows.assign(y=rows["y"] - 1e6)
    one, two = (at.did(build(r), baseline=[0, 1, 2], followup=[5, 6]) for r in (rows, small))
    assert two.std_error("effect") == pytest.approx(one.std_error("effect"), rel=1e-8)


def test_one_window_may_be_complete_and_the_other_not() -> None:
    rows = frame(0.0)
    rows = rows[~((rows["t"] == 5) & (rows["u"] % 5 == 0))]
    estimate = at.did(build(rows), baseline=[0, 1, 2], followup=[5, 6])
    expected = by_hand(rows, [0, 1, 2], [5, 6])
    assert estimate.value("effect") == pytest.approx(expected["effect"], abs=1e-8)
    assert estimate.n.coverage.largest_gap()[1] == "5"
