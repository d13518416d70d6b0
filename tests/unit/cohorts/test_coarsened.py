"""Coarsened exact matching: how numbers are cut, and what the cuts decide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.cohorts.coarsened import coarsened
from attribution.cohorts.exact import exact
from attribution.errors import MethodError


def frame(n: int = 400, seed: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 8, n).round(1)
    return pd.DataFrame(
        {
            "rep": np.arange(n),
            "age": age,
            "score": rng.gamma(2, 2, n),
            "senior": (age > 45).astype(int),
            "site": rng.choice(["a", "b", "c"], n),
            "trained": (rng.random(n) < 1 / (1 + np.exp(-(age - 42) / 8))).astype(int),
            "sales": rng.normal(size=n),
        }
    )


def build(rows: pd.DataFrame) -> at.Panel:
    return at.Panel.from_frame(
        rows,
        unit="rep",
        outcome="sales",
        trained="trained",
        covariates=["age", "score", "senior", "site"],
        kind="cross_section",
    )


def by_hand(rows: pd.DataFrame, keys: Any) -> Any:
    """Return the ATT weights of strata `keys`, by counting."""
    counts = rows.assign(key=keys).groupby("key")["trained"].agg(["sum", "count"])
    trained, control = counts["sum"].loc[keys].to_numpy(), (counts["count"] - counts["sum"]).loc[keys].to_numpy()
    kept = (trained > 0) & (control > 0)
    return np.where(kept, np.where(rows["trained"] == 1, 1.0, trained / np.maximum(control, 1)), 0.0)


def test_bins_are_of_equal_width_and_categories_are_not_cut() -> None:
    rows = frame()
    age = np.minimum(np.floor((rows["age"] - rows["age"].min()) / (np.ptp(rows["age"]) / 5)), 4).astype(int)
    keys = age.astype(str) + rows["site"] + rows["senior"].astype(str)
    found = coarsened(build(rows), covariates=["age", "site", "senior"], bins=5)
    assert found.weights == pytest.approx(by_hand(rows, keys), rel=1e-12)


def test_cut_points_of_one_covariate_and_a_rule_for_the_rest() -> None:
    rows = frame()
    edges = np.linspace(rows["score"].min(), rows["score"].max(), int(np.ceil(np.log2(400) + 1)) + 1)[1:-1]
    keys = pd.Series(np.searchsorted([35, 45], rows["age"], side="right")).astype(str) + pd.Series(
        np.searchsorted(edges, rows["score"], side="right")
    ).astype(str).str.zfill(2)
    found = coarsened(build(rows), covariates=["age", "score"], cutpoints={"age": [45, 35]})
    assert found.weights == pytest.approx(by_hand(rows, keys), rel=1e-12)
    assert any(note.startswith("bins that hold anyone: age 3, score ") for note in found.notes)


def test_a_value_at_a_border_is_in_the_bin_above() -> None:
    rows = pd.DataFrame({"rep": range(4), "age": [30, 40, 39, 41], "trained": [1, 1, 0, 0], "sales": 1.0})
    panel = at.Panel.from_frame(
        rows, unit="rep", outcome="sales", trained="trained", covariates=["age"], kind="cross_section"
    )
    matches = coarsened(panel, covariates=["age"], cutpoints={"age": [40]}).matches
    assert matches is not None
    assert matches.sets is not None
    assert matches.sets.tolist() == [0, 1, 0, 1]


def test_exact_cuts_are_exact_matching_and_one_bin_compares_nothing() -> None:
    panel = build(frame().assign(age=lambda rows: rows["age"].round(-1)))
    uncut = coarsened(panel, covariates=["age", "site"], cutpoints={"age": "exact"})
    assert uncut.weights.tolist() == exact(panel, covariates=["age", "site"]).weights.tolist()
    alone = coarsened(panel, covariates=["age", "site"], cutpoints={"age": 1})
    assert alone.weights.tolist() == exact(panel, covariates=["site"]).weights.tolist()
    assert "age" in alone.labels


def test_wider_bins_keep_more_of_the_trained() -> None:
    panel = build(frame())
    kept = []
    for bins in (40, 12, 3):
        cohort = coarsened(panel, covariates=["age", "score"], bins=bins)
        assert cohort.arms is not None
        kept.append(int(((cohort.weights > 0) & (cohort.arms == 1)).sum()))
    assert kept[0] < kept[1] < kept[2]


def test_the_order_of_rows_changes_nothing() -> None:
    rows = frame()
    one = coarsened(build(rows), covariates=["age", "site"])
    other = coarsened(build(rows.sample(frac=1, random_state=4)), covariates=["age", "site"])
    assert one.weights.tolist() == other.weights.tolist()
    assert one.matches is not None
    assert other.matches is not None
    assert np.array_equal(one.matches.sets, other.matches.sets)


def test_strata_of_one_arm_only_are_an_error() -> None:
    rows = frame().assign(trained=lambda rows: (rows["age"] > 40).astype(int))
    with pytest.raises(MethodError, match="no trained unit has a control in the same stratum") as caught:
        coarsened(build(rows), covariates=["age"], cutpoints={"age": [40.05]})
    assert "wider bins" in caught.value.remedy


def test_three_trained_and_ten_thousand_controls() -> None:
    rows = frame(10_003, seed=5)
    rows["trained"] = (np.arange(len(rows)) < 3).astype(int)
    cohort = coarsened(build(rows), covariates=["age", "site"])
    assert cohort.arms is not None
    assert cohort.weights[cohort.arms == 0].sum() == pytest.approx(3.0, rel=1e-12)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"bins": 0}, "bins is 0"),
        ({"bins": True}, "bins is True"),
        ({"bins": "quantile"}, "bins is 'quantile'"),
        ({"cutpoints": {"site": [1]}}, "'site' is a category"),
        ({"cutpoints": {"tenure": [1]}}, "'tenure' is not among the covariates"),
        ({"cutpoints": {"age": []}}, "the cut points are"),
        ({"cutpoints": {"age": [np.nan]}}, "the cut points are"),
        ({"cutpoints": {"age": "nice"}}, "is 'nice'"),
        ({"covariates": ["age:score"]}, "is a product"),
    ],
)
def test_cuts_that_make_no_sense(options: dict[str, Any], says: str) -> None:
    with pytest.raises(MethodError, match=says) as caught:
        coarsened(build(frame()), **({"covariates": ["age", "site"]} | options))
    assert caught.value.remedy


def test_numbers_of_bins_may_come_from_numpy() -> None:
    panel = build(frame())
    one = coarsened(panel, covariates=["age", "score"], bins=np.int64(4), cutpoints={"score": np.int64(3)})
    other = coarsened(panel, covariates=["age", "score"], bins=4, cutpoints={"score": 3})
    assert one.weights.tolist() == other.weights.tolist()


def test_the_kpi_before_the_training_is_a_number_like_any_other() -> None:
    rng = np.random.default_rng(8)
    rows = pd.DataFrame(
        [
            (unit, month, 10.0 + unit % 7 + month + rng.normal(), 3 if unit % 3 == 0 else None)
            for unit in range(60)
            for month in range(1, 5)
        ],
        columns=["rep", "month", "sales", "start"],
    )
    panel = at.Panel.from_frame(rows, unit="rep", period="month", outcome="sales", adopted="start")
    cohort = coarsened(
        panel, kpi="path", baseline=[1, 2], followup=[3, 4], bins=3, cutpoints={"sales in 2": [14.0, 17.0]}
    )
    first = rows[rows["month"] == 1]["sales"].to_numpy()
    second = rows[rows["month"] == 2]["sales"].to_numpy()
    edges = np.linspace(first.min(), first.max(), 4)[1:-1]
    keys = 10 * np.searchsorted(edges, first, side="right") + np.searchsorted([14.0, 17.0], second, side="right")
    expected = by_hand(pd.DataFrame({"trained": (np.arange(60) % 3 == 0).astype(int)}), pd.Series(keys))
    assert cohort.weights == pytest.approx(expected, rel=1e-12)
    assert cohort.labels == ("sales in 1", "sales in 2")
