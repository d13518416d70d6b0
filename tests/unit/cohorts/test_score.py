"""The propensity of a cohort: statsmodels' logit, its influence, and the columns that an error names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import attribution as at
from attribution.cohorts.score import fit_propensity, separating
from attribution.cohorts.subjects import subjects
from attribution.core.cohort import Propensity
from attribution.errors import MethodError

NAMES = ["age", "income", "site"]


def people(n: int = 300, seed: int = 5) -> pd.DataFrame:
    """Return people whose income is in cents, so that columns differ in size by six orders, of four sites."""
    rng = np.random.default_rng(seed)
    age, income = rng.normal(40, 8, n), 1e6 * rng.gamma(3, 1, n)
    lean = 0.05 * (age - 40) - 2e-7 * (income - 3e6) - 0.3
    return pd.DataFrame(
        {
            "person": np.arange(n),
            "age": age,
            "income": income,
            "site": rng.choice(list("abcd"), n),
            "trained": (rng.random(n) < 1 / (1 + np.exp(-lean))).astype(int),
            "sales": rng.normal(size=n),
            "weight": rng.uniform(0.5, 2.0, n),
        }
    )


def build(frame: pd.DataFrame, names: list[str], **options: Any) -> at.Panel:
    return at.Panel.from_frame(
        frame, unit="person", outcome="sales", trained="trained", covariates=names, kind="cross_section", **options
    )


def score(frame: pd.DataFrame, names: list[str], **options: Any) -> Propensity:
    panel = build(frame, names, **options)
    return fit_propensity(subjects(panel, covariates=names), panel, "propensity")


def refused(frame: pd.DataFrame, names: list[str], *parts: str) -> None:
    with pytest.raises(MethodError) as caught:
        score(frame, names)
    for part in parts:
        assert part in str(caught.value), str(caught.value)
    assert caught.value.where == "propensity"
    assert caught.value.remedy


def test_it_is_the_logit_of_statsmodels() -> None:
    frame = people()
    found = score(frame, NAMES)
    assert found.labels == ("intercept", "age", "income", "site[b]", "site[c]", "site[d]")
    fitted = sm.GLM(frame["trained"].to_numpy(), found.design, family=sm.families.Binomial()).fit(tol=1e-14)
    # statsmodels solves on the columns as they are, of very different size.
    assert found.coefficients == pytest.approx(fitted.params, rel=1e-7)
    assert found.std_error == pytest.approx(fitted.bse, rel=1e-7)
    assert found.probability == pytest.approx(fitted.fittedvalues, rel=1e-8)
    assert found.log_likelihood == pytest.approx(fitted.llf, rel=1e-12)


def test_unit_weights_count_as_that_many_units() -> None:
    frame = people()
    found = score(frame, NAMES, weight="weight")
    family = sm.families.Binomial()
    fitted = sm.GLM(frame["trained"].to_numpy(), found.design, family=family, freq_weights=frame["weight"]).fit(
        tol=1e-14
    )
    assert found.coefficients == pytest.approx(fitted.params, rel=1e-7)
    assert found.std_error == pytest.approx(fitted.bse, rel=1e-7)
    assert found.log_likelihood == pytest.approx(fitted.llf, rel=1e-12)


def test_the_influence_is_the_derivative_by_a_unit() -> None:
    frame = people()
    found = score(frame, NAMES, weight="weight")
    assert np.abs(found.influence.sum(axis=0) / found.coefficients).max() <= 1e-10
    step, scale = 1e-4, np.abs(found.influence).max(axis=0)
    for person in (0, 17, 120):
        moved = []
        for sign in (1, -1):
            changed = frame.copy()
            changed.loc[person, "weight"] *= 1 + sign * step
            moved.append(score(changed, NAMES, weight="weight").coefficients)
        derivative = (moved[0] - moved[1]) / (2 * step)
        assert np.abs((derivative - found.influence[person]) / scale).max() <= 1e-6


def test_units_that_do_not_take_part_have_no_propensity() -> None:
    frame = people()
    frame.loc[[3, 8], "sales"] = np.nan
    found = score(frame, NAMES)
    assert np.flatnonzero(np.isnan(found.probability)).tolist() == [3, 8]
    assert (found.design[[3, 8]] == 0).all()
    assert (found.influence[[3, 8]] == 0).all()


def test_a_column_that_separates_alone_is_named() -> None:
    frame = people()
    refused(frame.assign(score=frame["trained"] * 10 + frame["age"] / 100), [*NAMES, "score"], "'score'", "0 or 1")


def test_a_level_of_one_arm_is_named() -> None:
    frame = people()
    frame.loc[frame["trained"] == 1, "site"] = frame["site"].where(frame["site"] != "c", "b")
    refused(frame, NAMES, "'site[c]'")


def test_the_level_without_a_column_is_named_too() -> None:
    frame = people()
    frame.loc[frame["trained"] == 1, "site"] = frame["site"].where(frame["site"] != "a", "b")
    refused(frame, NAMES, "'site, its first level'")


def test_a_combination_that_separates_is_named() -> None:
    frame = people(2_000)
    frame["tests"] = np.random.default_rng(1).normal(0, 8, len(frame))
    frame["trained"] = (frame["age"] + frame["tests"] > 45).astype(int)
    with pytest.raises(MethodError) as caught:
        score(frame, ["age", "income", "tests"])
    assert "'age', 'tests'" in str(caught.value)
    assert "income" not in str(caught.value)


def test_three_trained_among_ten_thousand() -> None:
    rng = np.random.default_rng(7)
    frame = people(10_003)
    frame["trained"] = 0
    frame.loc[rng.choice(len(frame), 3, replace=False), "trained"] = 1
    found = score(frame, ["age"])
    assert np.nansum(found.probability) == pytest.approx(3, rel=1e-9)


def test_two_hundred_levels() -> None:
    rng = np.random.default_rng(3)
    frame = people(8_000)
    frame["site"] = rng.integers(0, 201, len(frame)).astype(str)
    found = score(frame, NAMES)
    assert len(found.labels) == 203
    # The equations of a category: in each of its levels the propensities sum to the trained.
    sums = pd.DataFrame({"site": frame["site"], "e": found.probability, "t": frame["trained"]}).groupby("site").sum()
    assert sums["e"].to_numpy() == pytest.approx(sums["t"].to_numpy(), rel=1e-9)
    gone = frame[~((frame["site"] == "77") & (frame["trained"] == 1))]
    refused(gone, NAMES, "'site[77]'")


def test_arms_that_are_all_but_separate_name_every_column() -> None:
    x = np.random.default_rng(1).normal(size=(50, 2))
    assert separating(x, ["a", "b"], np.arange(50) % 2 == 0) == ["a", "b"]
