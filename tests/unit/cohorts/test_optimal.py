"""Optimal pairs: the least total distance, what a caliper and exact covariates leave out, and who gets nobody."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.cohorts.nearest import nearest
from attribution.cohorts.optimal import optimal
from attribution.errors import MethodError
from attribution.numerics import assignment


def frame(n: int = 200, seed: int = 6, lean: float = 0.12) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 8, n)
    return pd.DataFrame(
        {
            "rep": [f"{one:05d}" for one in range(n)],
            "age": age,
            "tenure": rng.gamma(2, 3, n),
            "site": rng.choice(["a", "b"], n),
            "size": rng.uniform(0.5, 2.0, n),
            "trained": (rng.random(n) < 1 / (1 + np.exp(1 - lean * (age - 40)))).astype(int),
            "sales": age + rng.normal(size=n),
        }
    )


def build(rows: pd.DataFrame, **more: Any) -> at.Panel:
    return at.Panel.from_frame(
        rows,
        unit="rep",
        outcome="sales",
        trained="trained",
        covariates=["age", "tenure", "site"],
        kind="cross_section",
        **more,
    )


def gaps(cohort: at.Cohort) -> Any:
    """Return the differences of the links' logits."""
    assert cohort.propensity is not None
    assert cohort.matches is not None
    index = cohort.propensity.design @ cohort.propensity.coefficients
    return np.abs(index[cohort.matches.trained] - index[cohort.matches.control])


def counts(cohort: at.Cohort) -> dict[tuple[str, str], int]:
    return {(one.arm, one.reason): one.units for one in cohort.dropped}


def test_the_total_distance_is_less_than_that_of_a_greedy_match() -> None:
    panel = build(frame())
    best, greedy = (method(panel, covariates=["age", "tenure"]) for method in (optimal, nearest))
    assert len(gaps(best)) == len(gaps(greedy))
    assert gaps(best).sum() < gaps(greedy).sum()
    assert best.matches is not None
    assert best.matches.n_sets == int((best.arms == 1).sum())
    assert best.weights[best.arms == 1].tolist() == [1.0] * best.matches.n_sets


def test_every_control_serves_once_and_sets_hold_their_links() -> None:
    matches = optimal(build(frame()), covariates=["age"], ratio=2).matches
    assert matches is not None
    assert matches.sets is not None
    assert len(np.unique(matches.control)) == len(matches.control)
    assert (matches.sets[matches.trained] == matches.sets[matches.control]).all()
    assert np.bincount(matches.trained, matches.share)[np.unique(matches.trained)] == pytest.approx(1.0)
    assert (np.sort(matches.trained) == matches.trained).all()


def test_a_caliper_is_never_exceeded_and_matches_as_many_as_it_can() -> None:
    panel = build(frame(lean=0.25))
    cohort = optimal(panel, covariates=["age", "tenure"], caliper=0.05)
    assert cohort.propensity is not None
    index = cohort.propensity.design @ cohort.propensity.coefficients
    assert gaps(cohort).max() <= 0.05 * index.std(ddof=1)
    greedy = nearest(panel, covariates=["age", "tenure"], caliper=0.05)
    assert len(gaps(cohort)) > len(gaps(greedy))
    lost = {reason: number for (arm, reason), number in counts(cohort).items() if arm == "trained"}
    assert set(lost) <= {"no control within the caliper", "no control left within the caliper"}
    assert sum(lost.values()) == int((cohort.arms == 1).sum()) - len(gaps(cohort))
    assert any("not of all trained" in note for note in cohort.notes)


def test_a_caliper_on_the_propensity_and_the_mahalanobis_distance_within_it() -> None:
    cohort = optimal(
        build(frame()), covariates=["age", "tenure"], distance="mahalanobis", caliper=0.1, caliper_on="propensity"
    )
    assert cohort.propensity is not None
    assert cohort.matches is not None
    assert not cohort.matches.on_propensity
    score = cohort.propensity.probability
    apart = np.abs(score[cohort.matches.trained] - score[cohort.matches.control])
    assert apart.max() <= 0.1 * score.std(ddof=1)


def test_exact_covariates_agree_and_a_level_without_controls_is_named() -> None:
    rows = frame()
    rows.loc[rows.index[rows["trained"] == 1][:2], "site"] = "c"
    panel = build(rows)
    cohort = optimal(panel, covariates=["age", "tenure"], exact=["site"])
    site = panel.units.covariates["site"]
    assert cohort.matches is not None
    assert (site[cohort.matches.trained] == site[cohort.matches.control]).all()
    assert counts(cohort)["trained", "no control with the same site"] == 2


def test_more_trained_than_controls_leave_the_farthest_without() -> None:
    rows = frame().assign(trained=lambda rows: 1 - rows["trained"])
    cohort = optimal(build(rows), covariates=["age", "tenure"])
    controls, trained = int((cohort.arms == 0).sum()), int((cohort.arms == 1).sum())
    assert len(gaps(cohort)) == controls < trained
    assert counts(cohort) == {("trained", "no control left"): trained - controls}


def test_units_count_by_their_own_weights() -> None:
    panel = build(frame(), weight="size")
    cohort = optimal(panel, covariates=["age"], ratio=2)
    assert cohort.matches is not None
    assert cohort.matches.sets is not None
    whole = panel.units.weight * cohort.weights
    for one in range(cohort.matches.n_sets):
        here = cohort.matches.sets == one
        assert whole[here & (cohort.arms == 0)].sum() == pytest.approx(whole[here & (cohort.arms == 1)].sum())


def test_the_order_of_rows_changes_nothing() -> None:
    rows = frame()
    for options in ({}, {"caliper": 0.1}, {"ratio": 2}, {"distance": "mahalanobis"}):
        one = optimal(build(rows), covariates=["age", "tenure"], **options)
        other = optimal(build(rows.sample(frac=1, random_state=3)), covariates=["age", "tenure"], **options)
        assert one.weights.tolist() == other.weights.tolist()
        assert one.matches is not None
        assert other.matches is not None
        assert one.matches.control.tolist() == other.matches.control.tolist()


def test_three_trained_and_ten_thousand_controls() -> None:
    rows = frame(10_003)
    rows["trained"] = (np.arange(len(rows)) < 3).astype(int)
    assert optimal(build(rows), covariates=["age", "tenure"], ratio=4).matches.n_sets == 3


def test_identical_covariates_are_told_apart_by_label() -> None:
    rows = frame(60).assign(age=lambda rows: np.where(rows["age"] > 40, 1.0, 0.0))
    cohort = optimal(build(rows), covariates=["age"])
    assert cohort.matches is not None
    assert cohort.matches.n_sets == int((cohort.arms == 1).sum())


def test_nobody_within_the_caliper_is_an_error_with_the_reasons() -> None:
    rows = frame(40).assign(age=lambda rows: rows["trained"] * 4.0 + np.arange(40) * 0.001)
    rows.loc[[0, 1], "age"] = [0.0, 4.0]
    rows.loc[[0, 1], "trained"] = [1, 0]
    with pytest.raises(MethodError, match="no trained unit has a match") as caught:
        optimal(build(rows), covariates=["age"], caliper=1e-7)
    assert "no control within the caliper" in caught.value.what
    assert "widen the caliper" in caught.value.remedy


def test_arms_that_a_covariate_tells_apart() -> None:
    rows = frame().assign(trained=lambda rows: (rows["age"] > 40).astype(int))
    with pytest.raises(MethodError, match="'age'"):
        optimal(build(rows), covariates=["age", "tenure"])


def test_too_many_pairs_are_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignment, "LARGEST", 100)
    with pytest.raises(MethodError, match="pairs of a trained and a control unit") as caught:
        optimal(build(frame()), covariates=["age"])
    assert "nearest" in caught.value.remedy


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"ratio": 0}, "ratio is 0"),
        ({"caliper": 0.0}, "caliper is 0.0"),
        ({"caliper": np.nan}, "caliper is nan"),
        ({"caliper_on": "logit"}, "there is no caliper"),
        ({"distance": "euclid"}, "distance is 'euclid'"),
        ({"exact": ["age:site"]}, "is a product"),
        ({"exact": ["team"]}, "there is no covariate 'team'"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], says: str) -> None:
    with pytest.raises(MethodError, match=says) as caught:
        optimal(build(frame()), covariates=["age"], **options)
    assert caught.value.remedy
