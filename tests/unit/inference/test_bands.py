"""Simultaneous bands: what they hold, what they leave out, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_t

from attribution.core.estimate import Estimate
from attribution.errors import MethodError
from attribution.inference.bands import simultaneous

COLUMNS = ["term", "estimate", "std_error", "conf_low", "conf_high", "critical"]
RNG = np.random.default_rng(12)
CONTROL = 2 + RNG.normal(0, 1, 14)
COHORTS = [level + RNG.normal(0, 1, 9) for level in (5.0, 6.0, 7.0)]


def test_the_band_is_around_the_effects_and_wider_than_their_intervals(by_cohort: Callable[..., Estimate]) -> None:
    estimate = by_cohort(COHORTS, CONTROL)
    band = simultaneous(estimate, "group")
    assert list(band.columns) == COLUMNS
    assert band["term"].tolist() == ["effect[group=1]", "effect[group=2]", "effect[group=3]"]
    for row, term in enumerate(band["term"]):
        interval = estimate.interval(term=term)
        assert band.loc[row, "conf_low"] < interval.low < interval.high < band.loc[row, "conf_high"]
        assert band.loc[row, "estimate"] == estimate.value(term)
        assert band.loc[row, "std_error"] == estimate.std_error(term)
    half_width = (band["conf_high"] - band["conf_low"]) / 2
    assert half_width.to_numpy() == pytest.approx((band["critical"] * band["std_error"]).to_numpy(), rel=1e-12)


def test_the_critical_value_is_that_of_the_estimates_own_correlation(by_cohort: Callable[..., Estimate]) -> None:
    estimate = by_cohort(COHORTS, CONTROL)
    terms = ["effect[group=1]", "effect[group=2]", "effect[group=3]"]
    one_layer = replace(
        estimate, covariance=estimate.covariance.sum(axis=0, keepdims=True), stratum_df=np.array([11.0])
    )
    band = simultaneous(one_layer, terms, draws=100_000)
    total = one_layer.covariance[0][3:6, 3:6]
    spread = np.sqrt(np.diag(total))
    joint = multivariate_t(np.zeros(3), total / np.outer(spread, spread), df=11, seed=1)
    critical = band["critical"].to_numpy()
    assert np.ptp(critical) < 1e-12
    assert joint.cdf(critical, lower_limit=-critical) == pytest.approx(0.95, abs=0.003)  # four Monte Carlo errors


def test_a_list_of_terms_keeps_its_order_and_names_a_term_once(by_cohort: Callable[..., Estimate]) -> None:
    band = simultaneous(by_cohort(COHORTS, CONTROL), ["change[group=2]", "effect", "change[group=2]"], level=0.5)
    assert band["term"].tolist() == ["change[group=2]", "effect"]
    single = simultaneous(by_cohort(COHORTS, CONTROL), ["effect"], level=0.9)
    interval = by_cohort(COHORTS, CONTROL).interval(0.9)
    assert single.loc[0, ["conf_low", "conf_high"]].tolist() == pytest.approx([interval.low, interval.high], rel=1e-13)


@pytest.mark.parametrize("method", ["default", "multiplier"])
def test_a_term_without_a_standard_error_is_named_and_has_no_band(
    by_cohort: Callable[..., Estimate], method: Any
) -> None:
    with_one = by_cohort([*COHORTS[:2], [8.0]], CONTROL)
    band = simultaneous(with_one, "group", method=method)
    assert band["term"].tolist() == ["effect[group=1]", "effect[group=2]", "effect[group=3]"]
    assert band.loc[2, "estimate"] == pytest.approx(8 - CONTROL.mean())
    assert band.loc[2, ["std_error", "conf_low", "conf_high", "critical"]].isna().all()
    without = simultaneous(with_one, ["effect[group=1]", "effect[group=2]"], method=method)
    assert band["critical"][:2].tolist() == without["critical"].tolist()
    with pytest.raises(MethodError, match="none of 1 terms has a standard error"):
        simultaneous(with_one, ["effect[group=3]"], method=method)


@pytest.mark.parametrize("multiplier", ["rademacher", "mammen", "webb"])
def test_multiples_give_one_critical_value_and_errors_from_quartiles(
    by_cohort: Callable[..., Estimate], multiplier: Any
) -> None:
    rng = np.random.default_rng(8)
    estimate = by_cohort([level + rng.normal(0, 1, 80) for level in (5.0, 6.0)], 2 + rng.normal(0, 1, 120))
    band = simultaneous(estimate, "group", method="multiplier", multiplier=multiplier, draws=20_000, seed=3)
    critical = band["critical"].to_numpy()
    assert critical[0] == critical[1]
    psi = estimate.influence[:, 3:5]
    assert band["std_error"].to_numpy() == pytest.approx(np.sqrt((psi**2).sum(axis=0)), rel=0.03)
    default = simultaneous(estimate, "group", draws=20_000)
    assert critical[0] == pytest.approx(default["critical"][0], abs=0.06)


def test_the_same_seed_gives_the_same_band(by_cohort: Callable[..., Estimate]) -> None:
    estimate = by_cohort(COHORTS, CONTROL)
    for method in ("default", "multiplier"):
        one, two, other = (simultaneous(estimate, "group", method=method, seed=seed) for seed in (1, 1, 2))
        assert one.equals(two)
        assert not one.equals(other)


def test_what_is_refused(by_cohort: Callable[..., Estimate]) -> None:
    estimate = by_cohort(COHORTS, CONTROL)
    with pytest.raises(MethodError, match="no parts by 'event'") as error:
        simultaneous(estimate)
    assert error.value.remedy == "choose 'group', or give a list of terms"
    plain = estimate.combine({"effect": {"effect": 1.0}})
    with pytest.raises(MethodError, match="no parts by 'event'") as error:
        simultaneous(plain)
    assert error.value.remedy == "give a list of terms"
    with pytest.raises(MethodError, match="there is no term 'efect'"):
        simultaneous(estimate, ["efect"])
    with pytest.raises(MethodError, match="no term is named"):
        simultaneous(estimate, [])
    with pytest.raises(MethodError, match="level is 95"):
        simultaneous(estimate, "group", level=95)
    with pytest.raises(MethodError, match="method is 'boot'"):
        simultaneous(estimate, "group", method="boot")
    with pytest.raises(MethodError, match="draws is 0"):
        simultaneous(estimate, "group", draws=0)
    matched = replace(estimate, replay=None, no_replay="matching with replacement")
    assert len(simultaneous(matched, "group")) == 3
    with pytest.raises(MethodError, match="cannot be resampled: matching with replacement") as error:
        simultaneous(matched, "group", method="multiplier")
    assert "default" in error.value.remedy


def test_the_mean_of_the_parts_is_no_part(by_cohort: Callable[..., Estimate]) -> None:
    estimate = by_cohort(COHORTS, CONTROL)
    names = (*estimate.terms[:3], "effect[event=0]", "effect[event=1]", "effect[event=mean]", *estimate.terms[6:])
    assert simultaneous(replace(estimate, terms=names))["term"].tolist() == ["effect[event=0]", "effect[event=1]"]


def test_parts_by_two_keys_are_no_parts_by_the_first(by_cohort: Callable[..., Estimate]) -> None:
    estimate = by_cohort(COHORTS, CONTROL)
    terms = [*estimate.terms[:3], "effect[group=1]", "effect[group=1,time=2]", "effect[group=1,time=3]"]
    both = estimate.combine({name: {estimate.terms[index]: 1.0} for index, name in enumerate(terms)})
    assert simultaneous(both, "group")["term"].tolist() == ["effect[group=1]"]
    assert simultaneous(both, "group,time")["term"].tolist() == terms[4:]
