"""did with covariates: what the kernels give, what holes change, which variances apply, and what is refused."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray

import attribution as at
from attribution.core.estimate import UNTRAINED_LEVEL
from attribution.errors import DataError, MethodError
from attribution.numerics.pairs import Adjust, panel_pair

RULES = get_args(Adjust)
Floats = NDArray[np.float64]


def make(n: int = 120, *, gain: float = 0.2, seed: int = 5, crossed: bool = False) -> pd.DataFrame:
    """Return people whose KPI grows with age, which the trained have more of; the effect is 1."""
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 6, n)
    trained = rng.random(n) < 1 / (1 + np.exp(-(age - 41) / 8))
    unit, month = np.repeat(np.arange(n), 4), np.tile(np.arange(4), n)
    kpi = 20 + age[unit] + rng.normal(0, 1, 4 * n) + (1.0 * trained + gain * (age - 40))[unit] * (month >= 2)
    columns = {
        "person": unit,
        "month": month,
        "sales": kpi,
        "start": np.where(trained, 2.0, np.nan)[unit],
        "age": age[unit],
        "site": np.array(list("abc"))[rng.integers(0, 3, n)][unit],
    }
    frame = pd.DataFrame(columns)
    return frame[rng.random(len(frame)) < 0.5] if crossed else frame


def build(frame: pd.DataFrame, **options: Any) -> at.Panel:
    crossed = options.get("kind") == "repeated_cross_sections"
    return at.Panel.from_frame(
        frame,
        unit=None if crossed else "person",
        period="month",
        outcome="sales",
        adopted="start",
        covariates=["age", "site"],
        **options,
    )


def did(frame: pd.DataFrame, covariates: list[str], adjust: Adjust = "doubly_robust", **options: Any) -> at.Estimate:
    panel = build(frame)
    return at.did(panel, baseline=[0, 1], followup=[2, 3], covariates=covariates, adjust=adjust, **options)


@pytest.mark.parametrize("adjust", RULES)
def test_adjusting_takes_out_what_age_does_to_the_course(adjust: Adjust) -> None:
    frame = make(1500)
    plain, adjusted = did(frame, []), did(frame, ["age"], adjust)
    assert plain.value("effect") > 1.3
    assert abs(adjusted.value("effect") - 1.0) < 4 * adjusted.std_error("effect")
    # The change is what the trained did, whatever they are compared with.
    assert adjusted.value("change") == pytest.approx(plain.value("change"), abs=1e-12)
    assert adjusted.std_error("change") == pytest.approx(plain.std_error("change"), rel=1e-9)
    assert adjusted.value("background") == pytest.approx(adjusted.value("change") - adjusted.value("effect"))
    level = adjusted.value(UNTRAINED_LEVEL) + adjusted.value("effect")
    assert level == pytest.approx(plain.value(UNTRAINED_LEVEL) + plain.value("effect"))


@pytest.mark.parametrize("adjust", RULES)
def test_the_effect_is_the_kernel_on_changes_of_window_means(adjust: Adjust) -> None:
    frame = make()
    estimate = did(frame, ["age", "site"], adjust, variance="HC0")
    wide = frame.pivot_table("sales", "person", "month").to_numpy()
    first = frame.drop_duplicates("person")
    design = np.column_stack([np.ones(len(first)), first["age"], first["site"] == "b", first["site"] == "c"])
    pair = panel_pair(first["start"].notna().to_numpy(), design.astype(float), np.ones(len(first)), adjust)
    att, influence = pair.influence((wide[:, 2:].mean(axis=1) - wide[:, :2].mean(axis=1))[:, None])
    assert estimate.value("effect") == pytest.approx(att[0], rel=1e-10)
    assert estimate.std_error("effect") == pytest.approx(np.sqrt((influence**2).sum()), rel=1e-9)
    assert estimate.notes[-1] == f"adjusted by {adjust} for age, site[b], site[c]"
    assert estimate.adjusted == ("age", "site")


def test_regression_is_what_statsmodels_predicts_for_the_trained() -> None:
    frame = make()
    change = frame.assign(post=frame["month"] >= 2).pivot_table("sales", "person", "post")
    first = frame.drop_duplicates("person").set_index("person")
    change, trained = (change[True] - change[False]).to_numpy(), first["start"].notna().to_numpy()
    design = sm.add_constant(np.column_stack([first["age"], first["age"] * (first["site"] == "b")]).astype(float))
    fitted = sm.OLS(change[~trained], design[~trained]).fit()
    expected = (change[trained] - fitted.predict(design[trained])).mean()
    # The product of age with every 0/1 column of the site, beside age.
    frame = frame.assign(site=np.where(frame["site"] == "b", "b", "a"))
    assert did(frame, ["age", "age:site"], "regression").value("effect") == pytest.approx(expected, rel=1e-9)


def test_absent_months_are_freed_before_they_are_adjusted() -> None:
    # Months have shocks of their own; older people, of whom the trained are more, miss the month of the shock.
    frame = make(600)
    frame["sales"] += np.array([0.0, 0.0, 30.0, 0.0])[frame["month"]]
    rng = np.random.default_rng(1)
    absent = (frame["month"] == 2) & (frame["age"] > 42) & (rng.random(len(frame)) < 0.6)
    for adjust in RULES:
        estimate = did(frame[~absent], ["age"], adjust)
        assert abs(estimate.value("effect") - 1.0) < 4 * estimate.std_error("effect") < 2.0, adjust
    assert any("control arm's deviation" in note for note in estimate.notes)


def test_complete_windows_of_an_incomplete_panel_are_those_of_a_complete_one() -> None:
    frame = make()
    outside = frame.assign(month=frame["month"].replace({0: -1, 1: 0, 2: 1, 3: 2}))
    holed = pd.concat([frame, outside[(outside["month"] == -1) & (outside["person"] % 2 == 0)]])
    whole, other = did(frame, ["age"]), did(holed, ["age"])
    assert other.values == pytest.approx(whole.values, rel=1e-10)
    assert other.covariance == pytest.approx(whole.covariance, rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("adjust", RULES)
def test_adjust_without_covariates_does_nothing(adjust: Adjust) -> None:
    frame = make()
    assert (did(frame, [], adjust).values == did(frame, []).values).all()
    assert (did(frame, [], adjust).covariance == did(frame, []).covariance).all()


def test_windows_of_the_follow_up_share_their_fits_and_average() -> None:
    frame = make()
    panel = build(frame)
    both = at.did(panel, baseline=[0, 1], followup=[[2], [3]], covariates=["age"])
    assert both.terms == (
        *("effect", "change", "background", UNTRAINED_LEVEL),
        *("effect[window=1]", "change[window=1]", "background[window=1]"),
        *("effect[window=2]", "change[window=2]", "background[window=2]"),
    )
    # On complete windows of one month each, the pooled window is their average.
    for term in ("effect", "change", "background"):
        parts = [both.value(f"{term}[window={number}]") for number in (1, 2)]
        assert both.value(term) == pytest.approx(np.mean(parts), rel=1e-10)
        alone = at.did(panel, baseline=[0, 1], followup=[3], covariates=["age"])
        assert both.value(f"{term}[window=2]") == pytest.approx(alone.value(term), rel=1e-10)
        assert both.std_error(f"{term}[window=2]") == pytest.approx(alone.std_error(term), rel=1e-8)
    assert both.notes[:2] == ("window 1 of the follow-up: 2", "window 2 of the follow-up: 3")


@pytest.mark.parametrize("variance", ["HC0", "HC1", "CR0", "CR1", "CR1S"])
def test_named_variances_from_the_influence_apply(variance: Any) -> None:
    estimate = did(make(), ["age"], variance=variance)
    n = estimate.n.trained.units + estimate.n.control.units
    factor = {"HC1": n / (n - 2), "CR1": n / (n - 1), "CR1S": n / (n - 1) * (n - 1) / (n - 2)}.get(variance, 1.0)
    expected = np.sqrt(factor * (estimate.influence[:, 0] ** 2).sum())
    assert estimate.std_error("effect") == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("variance", ["classical", "HC2", "HC3", "CR2"])
def test_named_variances_by_leverage_are_refused(variance: Any) -> None:
    with pytest.raises(MethodError, match="covariates adjust the effect") as error:
        did(make(), ["age"], variance=variance)
    assert "'HC0', 'HC1' or 'CR1'" in error.value.remedy


def test_controls_beyond_doubt_are_counted() -> None:
    frame = make(300)
    # One control looks trained beyond doubt: so much older than all that its propensity is above .995.
    frame.loc[frame["person"] == frame.loc[frame["start"].isna(), "person"].iloc[0], "age"] = 150.0
    estimate = did(frame, ["age"], "ipw")
    assert estimate.notes[-1] == "1 of the controls (person) have a propensity of at least .995 and no weight"


def test_an_unknown_rule_or_covariate_is_refused_with_the_nearest() -> None:
    with pytest.raises(MethodError, match="adjust is 'dr'") as error:
        did(make(), ["age"], "dr")
    assert "doubly_robust" in error.value.remedy
    with pytest.raises(MethodError, match="there is no covariate 'agee'") as error:
        did(make(), ["agee"])
    assert "did you mean 'age'?" in error.value.remedy


def test_a_unit_without_a_covariate_is_an_error_only_if_it_enters() -> None:
    frame = make()
    frame.loc[frame["person"] == 7, "age"] = np.nan
    with pytest.raises(DataError, match="1 of 120 units that enter have no value before adoption") as error:
        did(frame, ["age"])
    assert "person 7" in error.value.what
    gone = frame[(frame["person"] != 7) | (frame["month"] < 2)]
    assert did(gone, ["age"]).n.units_left_out == 1


@pytest.mark.parametrize("adjust", RULES)
@pytest.mark.parametrize("kind", ["panel", "repeated_cross_sections"])
def test_what_only_one_arm_has_is_named(adjust: Adjust, kind: Any) -> None:
    frame = make(crossed=kind != "panel")
    frame["site"] = np.where(frame["start"].notna() & (frame["age"] > 42), "new", "old")
    with pytest.raises(MethodError) as error:
        at.did(build(frame, kind=kind), baseline=[0, 1], followup=[2, 3], covariates=["age", "site"], adjust=adjust)
    assert error.value.where == f"adjust {adjust!r}"
    assert "look at 'site[old]'" in error.value.what
    expected = "depend on each other" if adjust == "regression" else "tell the trained from the controls"
    assert expected in error.value.what
    assert "leave out or merge" in error.value.remedy


def test_trained_beyond_the_controls_have_no_tilting() -> None:
    frame = make()
    frame["age"] += np.where(frame["start"].notna(), 14.0, 0.0)
    assert np.isfinite(did(frame, ["age"]).value("effect"))
    with pytest.raises(MethodError, match="no weights of the controls reproduce") as error:
        did(frame, ["age"], "doubly_robust_improved")
    assert "use adjust='doubly_robust'" in error.value.remedy


def test_a_team_that_the_fit_hangs_on_leaves_no_variance_and_is_named() -> None:
    frame = make()
    frame["team"] = frame["person"] // 5
    # One team alone has controls of site c: without it, the propensity of the trained there does not exist.
    controls = frame["start"].isna() & (frame["site"] == "c")
    frame["site"] = np.where(controls & (frame["team"] != 3), "a", frame["site"])
    frame["site"] = np.where(frame["team"] == 3, "c", frame["site"])
    frame["start"] = np.where(frame["team"] == 3, np.nan, frame["start"])
    panel = build(frame, cluster="team")
    estimate = at.did(panel, baseline=[0, 1], followup=[2, 3], covariates=["age", "site"])
    assert np.isfinite(estimate.value("effect"))
    assert np.isnan(estimate.std_error("effect"))
    assert estimate.notes[-1].startswith("without one of the clusters the adjusted effect does not exist")
