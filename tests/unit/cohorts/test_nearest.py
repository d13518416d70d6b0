"""Nearest matching as a cohort: who is matched, with which weight, who is not and why, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.cohorts.nearest import nearest
from attribution.core.cohort import Cohort
from attribution.errors import AttributionError, DataError, MethodError


def people(n: int = 120, seed: int = 4, **columns: Any) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age, tenure = rng.normal(40, 8, n).round(1), rng.gamma(4, 2, n).round(1)
    trained = rng.random(n) < 1 / (1 + np.exp(-(0.08 * (age - 44) - 0.1 * (tenure - 8))))
    return pd.DataFrame(
        {
            "rep": range(n),
            "sales": 10 + 0.2 * age + rng.normal(0, 1, n) + trained,
            "trained": trained.astype(int),
            "age": age,
            "tenure": tenure,
            "site": rng.choice(["north", "south", "west"], n),
            **columns,
        }
    )


def panel(frame: pd.DataFrame, **options: Any) -> at.Panel:
    names = [name for name in frame.columns if name not in ("rep", "sales", "trained", "weight", "team")]
    return at.Panel.from_frame(
        frame, unit="rep", outcome="sales", trained="trained", covariates=names, kind="cross_section", **options
    )


def reasons(cohort: Cohort) -> dict[str, int]:
    return {f"{part.arm}: {part.reason}": part.units for part in cohort.dropped}


def index_of(cohort: Cohort) -> np.ndarray:
    assert cohort.propensity is not None
    return cohort.propensity.design @ cohort.propensity.coefficients


def test_pairs_stay_within_the_caliper_and_the_lost_are_counted() -> None:
    cohort = nearest(panel(people()), covariates=["age", "tenure"], caliper=0.2)
    assert cohort.matches is not None
    assert cohort.arms is not None
    index = index_of(cohort)
    gap = np.abs(index[cohort.matches.trained] - index[cohort.matches.control])
    assert gap.max() <= 0.2 * index.std(ddof=1) * (1 + 1e-9)
    assert len(np.unique(cohort.matches.control)) == len(cohort.matches.control)
    trained = cohort.arms == 1
    lost = int((trained & (cohort.weights == 0)).sum())
    assert lost > 0
    assert sum(count for reason, count in reasons(cohort).items() if reason.startswith("trained")) == lost
    assert cohort.notes[0].startswith(f"{lost} of {int(trained.sum())} trained have no match")
    # Each of a pair counts once.
    assert cohort.weights[cohort.matches.trained].tolist() == [1.0] * len(gap)
    assert cohort.weights[cohort.matches.control].tolist() == [1.0] * len(gap)
    assert cohort.weights.sum() == 2 * len(gap)


def test_reasons_tell_who_was_never_near_from_who_came_too_late() -> None:
    frame = people(60)
    frame["trained"] = (np.arange(60) < 25).astype(int)
    frame["age"] = np.where(frame["trained"] == 1, 40.0, 60.0) + np.arange(60) % 7
    frame.loc[[30, 31, 32], "age"] = [40.0, 41.0, 42.0]
    frame.loc[0, "age"] = 90.0
    frame.loc[[1, 2], "site"] = "nowhere"
    cohort = nearest(panel(frame), covariates=["tenure"], distance="mahalanobis", exact=["site"])
    assert reasons(cohort)["trained: no control with the same site"] == 2
    by_age = nearest(panel(frame.assign(age=frame["age"] + 0.0)), covariates=["age"], caliper=0.05)
    counted = reasons(by_age)
    assert counted["trained: no control within the caliper"] >= 1
    assert counted["trained: no control left within the caliper"] >= 1
    assert counted["control: not matched"] > 0


def test_controls_share_a_trained_unit() -> None:
    cohort = nearest(panel(people()), covariates=["age"], ratio=2)
    assert cohort.matches is not None
    assert cohort.arms is not None
    each = np.bincount(cohort.matches.trained)[np.unique(cohort.matches.trained)]
    assert set(each) == {1, 2}
    assert f"{int((each == 1).sum())} trained have fewer than 2 controls" in cohort.notes
    share = np.bincount(cohort.matches.trained, weights=cohort.matches.share)
    assert share[share > 0] == pytest.approx(1.0, rel=1e-12)
    assert cohort.weights[cohort.arms == 0].sum() == pytest.approx(len(each), rel=1e-12)
    sets = cohort.matches.sets
    assert sets is not None
    assert (sets[cohort.matches.trained] == sets[cohort.matches.control]).all()
    assert ((sets >= 0) == (cohort.weights > 0)).all()
    assert cohort.matches.n_sets == len(each)


def test_with_replacement_a_control_serves_many() -> None:
    cohort = nearest(panel(people()), covariates=["age"], replacement=True)
    assert cohort.matches is not None
    assert cohort.matches.sets is None
    assert cohort.matches.on_propensity
    use = np.bincount(cohort.matches.control, minlength=120)
    assert use.max() > 1
    assert cohort.weights[use > 0] == pytest.approx(use[use > 0].astype(float), rel=1e-12)
    assert any(f"one of them {use.max()}" in note for note in cohort.notes)
    assert cohort.matches.n_sets == int((cohort.arms == 1).sum())


def test_all_ties_share() -> None:
    frame = people(20)
    frame["trained"] = [1] * 4 + [0] * 16
    frame["age"] = [30.0, 40.0, 50.0, 60.0] + [29.0, 30.0, 30.0, 30.0] + [40.0, 41.0] + [55.0] * 10
    cohort = nearest(panel(frame), covariates=["age"], replacement=True, ties="all")
    assert cohort.matches is not None
    links = list(zip(cohort.matches.trained.tolist(), cohort.matches.control.tolist(), strict=True))
    assert [control for trained, control in links if trained == 0] == [5, 6, 7]
    assert cohort.matches.share[:3] == pytest.approx(1 / 3, rel=1e-12)
    assert len([control for trained, control in links if trained == 3]) == 10
    first = nearest(panel(frame), covariates=["age"], replacement=True)
    assert first.matches is not None
    assert len(first.matches.trained) == 4


def test_unit_weights_make_the_arms_weigh_the_same() -> None:
    frame = people(weight=np.random.default_rng(2).uniform(0.5, 3.0, 120))
    weighed = panel(frame, weight="weight")
    for options in ({"ratio": 2}, {"replacement": True, "ratio": 3}, {"caliper": 0.2}):
        cohort = nearest(weighed, covariates=["age", "tenure"], **options)
        assert cohort.matches is not None
        total = weighed.units.weight * cohort.weights
        for one in np.unique(cohort.matches.trained):
            mine = cohort.matches.trained == one
            own = weighed.units.weight[cohort.matches.control[mine]]
            assert cohort.matches.share[mine] == pytest.approx(own / own.sum(), rel=1e-12)
        assert total[cohort.arms == 1].sum() == pytest.approx(total[cohort.arms == 0].sum(), rel=1e-12)


@pytest.mark.parametrize("distance", ["mahalanobis", "standardised", "logit", "propensity"])
def test_exact_is_exact(distance: str) -> None:
    data = panel(people())
    cohort = nearest(data, covariates=["age", "tenure"], distance=distance, exact=["site"])
    assert cohort.matches is not None
    site = data.units.covariates["site"]
    assert (site[cohort.matches.trained] == site[cohort.matches.control]).all()
    # Columns that made no distance are none of the cohort's.
    assert cohort.covariates == ("age", "tenure")


def test_the_order_says_who_chooses_first() -> None:
    data = panel(people())
    found = {
        order: nearest(data, covariates=["age", "tenure"], order=order)
        for order in ("largest", "smallest", "data", None)
    }
    assert (found["largest"].weights == found[None].weights).all()
    index = index_of(found["largest"])
    first = {"largest": np.argmax, "smallest": np.argmin}
    for order, choose in first.items():
        matches = found[order].matches
        assert matches is not None
        trained = np.flatnonzero(found[order].arms == 1)
        controls = np.flatnonzero(found[order].arms == 0)
        one = trained[choose(index[trained])]
        assert matches.control[matches.trained == one] == controls[np.argmin(np.abs(index[controls] - index[one]))]
    # Without a propensity the units' order decides; it can be asked for.
    plain = nearest(data, covariates=["age", "tenure"], distance="mahalanobis")
    assert plain.propensity is None
    led = nearest(data, covariates=["age", "tenure"], distance="mahalanobis", order="largest")
    assert led.propensity is not None
    assert led.matches is not None
    assert not led.matches.on_propensity


def test_a_caliper_may_be_on_the_other_scale() -> None:
    data = panel(people())
    one = nearest(data, covariates=["age", "tenure"], distance="propensity", caliper=0.05)
    other = nearest(data, covariates=["age", "tenure"], distance="propensity", caliper=0.05, caliper_on="logit")
    probability = one.propensity.probability
    for cohort, score in ((one, probability), (other, index_of(one))):
        assert cohort.matches is not None
        gap = np.abs(score[cohort.matches.trained] - score[cohort.matches.control])
        assert gap.max() <= 0.05 * score.std(ddof=1) * (1 + 1e-9)
    both = nearest(data, covariates=["age", "tenure"], distance="mahalanobis", caliper=0.1, caliper_on="propensity")
    assert both.matches is not None
    gap = np.abs(probability[both.matches.trained] - probability[both.matches.control])
    assert gap.max() <= 0.1 * probability.std(ddof=1) * (1 + 1e-9)


def test_the_path_before_the_training_can_make_units_alike() -> None:
    rng = np.random.default_rng(1)
    level = rng.normal(20, 4, 80)
    rows = [
        (unit, month, level[unit] + rng.normal(), 4 if level[unit] + rng.normal(0, 4) > 21 else None)
        for unit in range(80)
        for month in range(6)
    ]
    frame = pd.DataFrame(rows, columns=["rep", "month", "sales", "start"])
    frame["start"] = frame.groupby("rep")["start"].transform("first")
    data = at.Panel.from_frame(frame, unit="rep", period="month", outcome="sales", adopted="start")
    cohort = nearest(data, baseline=[1, 2, 3], followup=[4, 5], kpi="path", caliper=0.5)
    assert cohort.labels == ("sales in 1", "sales in 2", "sales in 3")
    estimate = at.did(data.with_cohort(cohort), baseline=[1, 2, 3], followup=[4, 5])
    assert np.isfinite(estimate.std_error("effect"))


def test_a_category_of_many_levels_and_a_few_trained() -> None:
    rng = np.random.default_rng(3)
    n = 10_003
    frame = people(n)
    frame["trained"] = 0
    frame.loc[[7, 700, 7_000], "trained"] = 1
    cohort = nearest(panel(frame), covariates=["age", "tenure"], caliper=0.2)
    assert (cohort.tidy()["units"] == [3, 3, 10_000 - 3]).all()
    levels = people(4_000)
    levels["shop"] = rng.integers(0, 200, 4_000).astype(str)
    many = nearest(panel(levels), covariates=["age", "shop"])
    assert many.matches is not None
    assert len(many.labels) == 200


def test_no_overlap_is_an_error_with_a_remedy() -> None:
    frame = people()
    frame["age"] = np.where(frame["trained"] == 1, 60.0, 30.0) + np.arange(120) % 5
    with pytest.raises(MethodError, match="propensities are 0 or 1: 'age'") as caught:
        nearest(panel(frame), covariates=["age"], caliper=0.2)
    assert "counterpart" in caught.value.remedy
    # On the distance of the columns there is always somebody; a caliper says that nobody is near.
    assert nearest(panel(frame), covariates=["age"], distance="mahalanobis").tidy()["units"].iloc[0] > 0
    frame["site"] = np.where(frame["trained"] == 1, "north", "south")
    with pytest.raises(MethodError, match=r"no trained unit has a match: .* no control with the same site") as caught:
        nearest(panel(frame), covariates=["tenure"], exact=["site"])
    assert "widen the caliper" in caught.value.remedy


def test_nobody_within_a_tiny_caliper_is_an_error() -> None:
    with pytest.raises(MethodError, match="no control within the caliper"):
        nearest(panel(people()), covariates=["age", "tenure"], caliper=1e-9)


def test_columns_that_say_the_same_are_named() -> None:
    frame = people().assign(years=lambda rows: rows["age"])
    with pytest.raises(DataError, match="'years' is a linear combination of 'age'"):
        nearest(panel(frame), covariates=["age", "years"])


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"ratio": 0}, "ratio"),
        ({"ratio": 1.5}, "ratio"),
        ({"ratio": True}, "ratio"),
        ({"caliper": 0.0}, "caliper"),
        ({"caliper": -0.1}, "caliper"),
        ({"caliper": np.inf}, "caliper"),
        ({"caliper_on": "logit"}, "caliper_on"),
        ({"distance": "euclid"}, "distance"),
        ({"order": "random"}, "order"),
        ({"order": "largest", "replacement": True}, "order"),
        ({"ties": "some"}, "ties"),
        ({"ties": "all"}, "ties"),
        ({"ties": "all", "replacement": True, "tolerance": -1.0}, "tolerance"),
        ({"tolerance": 0.1}, "tolerance"),
        ({"exact": ["site:age"]}, "exact"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], where: str) -> None:
    with pytest.raises(MethodError) as caught:
        nearest(panel(people()), covariates=["age", "tenure"], **options)
    assert caught.value.where == where
    assert caught.value.remedy


def test_a_misspelt_exact_covariate_is_refused() -> None:
    with pytest.raises(AttributionError, match="sitte") as caught:
        nearest(panel(people()), covariates=["age"], exact=["sitte"])
    assert "did you mean 'site'" in caught.value.remedy


def test_values_missing_in_exact_follow_the_policy() -> None:
    frame = people()
    frame.loc[[3, 5, 90], "site"] = None
    data = panel(frame)
    with pytest.raises(DataError, match=r"3 of 120 units .* have no value; for example, rep 3"):
        nearest(data, covariates=["age"], exact=["site"])
    complete = nearest(data, covariates=["age"], exact=["site"], missing="complete")
    assert sum(count for reason, count in reasons(complete).items() if "no value of site" in reason) == 3
    own = nearest(data, covariates=["age"], exact=["site"], missing="indicator")
    assert own.matches is not None
    lost = pd.isna(data.units.covariates["site"])
    assert (lost[own.matches.trained] == lost[own.matches.control]).all()
    assert not any("no value" in reason for reason in reasons(own))
    frame.loc[frame["trained"] == 1, "site"] = None
    with pytest.raises(MethodError, match="no trained unit has a value of every covariate in exact"):
        nearest(panel(frame), covariates=["age"], exact=["site"], missing="complete")


def test_equal_units_are_taken_in_the_order_of_their_labels() -> None:
    frame = people(40)
    frame["trained"] = [1, 1, 0, 0] * 10
    frame["age"] = np.repeat([30.0, 35.0, 41.0, 52.0, 60.0], 8)
    frame.loc[0, "age"] = 31.0
    for options in ({}, {"distance": "mahalanobis"}, {"replacement": True}, {"order": "smallest"}):
        one = nearest(panel(frame), covariates=["age"], **options)
        other = nearest(panel(frame.sample(frac=1, random_state=5)), covariates=["age"], **options)
        assert (one.weights == other.weights).all()
