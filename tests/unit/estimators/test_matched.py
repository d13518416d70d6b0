"""Inference on matched cohorts: sets, strata, clusters above the unit, controls that are used again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import attribution as at
from attribution.checks.clusters import standard_error
from attribution.checks.evidence import Evidence
from attribution.cohorts.exact import exact
from attribution.cohorts.nearest import nearest
from attribution.core.cohort import Cohort, Matches
from attribution.core.estimate import Estimate
from attribution.errors import MethodError
from attribution.estimators.adjusted import adjusted
from attribution.numerics.matched_variance import between

Floats = NDArray[np.float64]


def people(n: int = 160, seed: int = 4, **columns: Any) -> at.Panel:
    """Return a cross-section of which a third is trained, more so the older, with a grade of three levels."""
    rng = np.random.default_rng(seed)
    age, grade = rng.normal(40, 8, n), rng.choice(["a", "b", "c"], n)
    trained = rng.random(n) < 1 / (1 + np.exp(0.7 - 0.05 * (age - 40)))
    kpi = 10 + 0.2 * (age - 40) + (grade == "a") + trained * 2.0 + rng.normal(0, 1, n)
    frame = pd.DataFrame({"id": range(n), "kpi": kpi, "trained": trained * 1, "age": age, "grade": grade, **columns})
    return at.Panel.from_frame(
        frame,
        unit="id",
        outcome="kpi",
        trained="trained",
        covariates=["age", "grade"],
        cluster="site" if "site" in columns else None,
        kind="cross_section",
    )


def paired(panel: at.Panel, sets: Any) -> at.Panel:
    """Return the panel with pairs: the first unit of each set is its trained one."""
    sets = np.array(sets, dtype=np.int32)
    arms = (panel.units.adopted == 0).astype(np.int8)
    trained = np.array([np.flatnonzero((sets == one) & (arms == 1))[0] for one in range(sets.max() + 1)])
    control = np.array([np.flatnonzero((sets == one) & (arms == 0))[0] for one in range(sets.max() + 1)])
    matches = Matches(False, sets, trained, control, np.ones(len(trained)))
    return panel.with_cohort(Cohort("pairs", "ATT", (sets >= 0) * 1.0, arms=arms, matches=matches))


def plain(panel: at.Panel, **options: Any) -> Estimate:
    return adjusted(panel, covariates=[], adjust="none", **options)


@pytest.mark.parametrize("n", [160, 900])
def test_pairs_have_the_paired_standard_error(n: int) -> None:
    # Up to 100 pairs by the jackknife, beyond by the influence: the same number.
    panel = people(n)
    cohort = nearest(panel, covariates=["age"], caliper=0.2)
    assert cohort.matches is not None
    y, matches = panel.observations.outcome, cohort.matches
    apart = y[matches.trained] - y[matches.control]
    found = plain(panel.with_cohort(cohort))
    assert (len(apart) > 100) == (n == 900)
    contrast = found.contrast({"effect": 1.0})
    assert contrast.value == pytest.approx(apart.mean(), abs=1e-12)
    assert contrast.std_error == pytest.approx(apart.std(ddof=1) / np.sqrt(len(apart)), rel=1e-10)
    assert contrast.df == pytest.approx(len(apart) - 1)
    assert found.stratum_names == ("matched sets",)
    assert found.n.trained.clusters == len(apart)
    assert at.bootstrap(found, draws=400, seed=1).term("effect").std() == pytest.approx(contrast.std_error, rel=0.15)


def test_matches_used_once_with_replacement_are_pairs() -> None:
    panel = people()
    cohort = nearest(panel, covariates=["age"], caliper=0.2)
    assert cohort.matches is not None
    again = replace(cohort, matches=replace(cohort.matches, replacement=True, sets=None, on_propensity=False))
    pairs, links = plain(panel.with_cohort(cohort)), plain(panel.with_cohort(again))
    assert links.std_error("effect") == pytest.approx(pairs.std_error("effect"), rel=1e-10)
    assert (links.variance, links.stratum_names[1]) == ("abadie_imbens", "controls used again")


def test_strata_of_many_are_cells_whose_shares_are_estimated() -> None:
    panel = people(300)
    found = plain(panel.with_cohort(exact(panel, covariates=["grade"])))
    y, grade, arm = panel.observations.outcome, panel.units.covariates["grade"], panel.units.adopted == 0

    def effect(keep: NDArray[np.bool_]) -> float:
        parts = []
        for level in "abc":
            mine = keep & (grade == level)
            parts.append(((mine & arm).sum(), y[mine & arm].mean() - y[mine & ~arm].mean()))
        return float(sum(count * value for count, value in parts) / sum(count for count, _ in parts))

    everyone = np.ones(len(y), dtype=bool)
    total = 0.0
    for level in "abc":
        for one in (True, False):
            members = np.flatnonzero((grade == level) & (arm == one))
            assert len(members) <= 100
            moved = [effect(everyone & (np.arange(len(y)) != unit)) - effect(everyone) for unit in members]
            total += (len(members) - 1) / len(members) * float(np.square(moved).sum())
    assert found.value("effect") == pytest.approx(effect(everyone), abs=1e-12)
    assert found.std_error("effect") == pytest.approx(np.sqrt(total), rel=1e-9)
    assert "3 strata with several units of each arm: drawn from within, and weighed anew in every draw" in found.notes
    assert len(found.stratum_names) == 6


def test_cells_of_many_people_take_the_influence(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = people(300)
    cohort = exact(panel, covariates=["grade"])
    one_by_one = plain(panel.with_cohort(cohort))
    monkeypatch.setattr("attribution.estimators.matched.MOST_REPLAYS", 299)
    at_once = plain(panel.with_cohort(cohort))
    # Without one of 100 trained all shares are of 99: the two differ by the order of 1 in 100.
    assert at_once.std_error("effect") == pytest.approx(one_by_one.std_error("effect"), rel=0.02)
    controls = [place for place, name in enumerate(at_once.stratum_names) if name.startswith("control")]
    # The controls of a cell are left out of a mean: there both are the same number.
    assert at_once.covariance[controls, 0, 0] == pytest.approx(one_by_one.covariance[controls, 0, 0], rel=1e-9)


def test_a_single_stratum_with_one_unit_of_an_arm_has_a_layer_of_one_degree() -> None:
    grade = np.array(["a"] * 10 + ["b"] * 5)
    trained = np.array([1] * 5 + [0] * 5 + [1] * 4 + [0])
    kpi = np.random.default_rng(0).normal(0, 1, 15)
    frame = pd.DataFrame({"id": range(15), "kpi": kpi, "trained": trained, "grade": grade})
    panel = at.Panel.from_frame(
        frame, unit="id", outcome="kpi", trained="trained", covariates=["grade"], kind="cross_section"
    )
    found = plain(panel.with_cohort(exact(panel, covariates=["grade"])))
    set_effect = kpi[10:14].mean() - kpi[14]
    deviation = 4 / 9 * (set_effect - found.value("effect"))
    layer = found.stratum_names.index("matched sets")
    assert found.covariance[layer, 0, 0] == pytest.approx(deviation**2, rel=1e-10)
    assert found.stratum_df[layer] == 1.0
    assert any("all that tells its noise" in note for note in found.notes)


def with_few_abroad(also: int | None) -> tuple[at.Panel, Cohort]:
    """Return strata of grades, two with one trained unit each: all controls abroad are in the last, `also` is too."""
    rng = np.random.default_rng(3)
    grade = np.repeat(["a", "b", "c"], 12)
    grade[30:33], grade[33:] = "d", "e"
    abroad = (grade == "e").astype(float)
    if also is not None:
        abroad[also] = 1.0
    frame = pd.DataFrame({"id": range(36), "kpi": rng.normal(size=36), "grade": grade, "abroad": abroad})
    frame["trained"] = np.tile([1, 0, 0], 12)
    panel = at.Panel.from_frame(
        frame, unit="id", outcome="kpi", trained="trained", covariates=["grade", "abroad"], kind="cross_section"
    )
    return panel, exact(panel, covariates=["grade"])


def test_a_set_that_alone_tells_a_covariate_leaves_no_variance_and_says_so() -> None:
    # One trained of another set is abroad: without the last set no control says what is to be expected there.
    panel, cohort = with_few_abroad(also=0)
    found = adjusted(panel.with_cohort(cohort), covariates=["abroad"])
    assert np.isnan(found.std_error("effect"))
    said = "without one of the matched sets the adjusted effect does not exist: its variance is undefined"
    assert said in found.notes
    finding = standard_error(Evidence(panel=panel, estimate=found))
    assert (finding.status, said in finding.message) == ("fail", True)
    assert "adjust for less than abroad" in finding.remedy


def test_a_set_that_takes_a_level_with_it_leaves_the_rest_as_it_is() -> None:
    panel, cohort = with_few_abroad(also=None)
    found = adjusted(panel.with_cohort(cohort), covariates=["abroad"])
    assert np.isfinite(found.std_error("effect"))
    last = found.clusters[35]
    assert (found.clusters == last).sum() == 3
    assert found.replay is not None
    without = np.ones((1, len(found.strata)))
    without[0, last] = 0.0
    gone = cohort.weights.copy()
    gone[33:] = 0.0
    others = adjusted(panel.with_cohort(replace(cohort, weights=gone)), covariates=[], adjust="none")
    assert found.replay(without)[0, 0] == pytest.approx(others.value("effect"), rel=1e-9)


def sites(n: int = 160, count: int = 20) -> Floats:
    return np.arange(n) % count


def test_pairs_across_sites_are_clustered_both_ways() -> None:
    panel = people(site=sites())
    cohort = nearest(panel, covariates=["age"], caliper=0.2)
    found, by_site = plain(panel.with_cohort(cohort)), plain(panel.with_cohort(replace(cohort, matches=None)))
    assert cohort.matches is not None
    assert cohort.matches.sets is not None
    assert (found.variance, found.replay) == ("two_way", None)
    inside = cohort.weights > 0
    extra = between(by_site.influence[inside], cohort.matches.sets[inside], panel.units.cluster[inside])
    square = by_site.std_error("effect") ** 2 + extra[0, 0]
    assert found.std_error("effect") ** 2 == pytest.approx(square, rel=1e-10)
    assert found.contrast({"effect": 1.0}).df <= by_site.contrast({"effect": 1.0}).df + 1e-9
    assert found.stratum_names == by_site.stratum_names
    with pytest.raises(MethodError, match="cross assignment clusters") as caught:
        at.bootstrap(found, draws=9)
    assert "two_way" in caught.value.remedy
    drawn = at.attribution_factor(found, draws=99, seed=1) if "change" in found.terms else None
    assert drawn is None


def test_where_sets_take_more_than_there_is_they_take_nothing() -> None:
    # Every pair is of the same two sites, and the KPI is common to a pair: sites vary alone.
    rng = np.random.default_rng(1)
    level = rng.normal(0, 5, 20)
    sets = np.repeat(np.arange(20), 2)
    trained = np.tile([1, 0], 20)
    site = np.where(trained == 1, sets % 4, 4 + (sets % 4))
    frame = pd.DataFrame({"id": range(40), "kpi": level[sets] + trained, "trained": trained, "site": site})
    panel = at.Panel.from_frame(
        frame, unit="id", outcome="kpi", trained="trained", cluster="site", kind="cross_section"
    )
    found, by_site = plain(paired(panel, sets)), plain(panel)
    assert by_site.std_error("effect") <= found.std_error("effect") < 1.1 * by_site.std_error("effect")
    assert any("they take nothing" in note for note in found.notes)


def test_pairs_within_sites_leave_the_sites_and_sites_within_sets_the_sets() -> None:
    sets = np.repeat(np.arange(40), 2)
    frame = pd.DataFrame({"id": range(80), "kpi": np.random.default_rng(5).normal(0, 1, 80), "trained": [1, 0] * 40})

    def panel(site: Any) -> at.Panel:
        return at.Panel.from_frame(
            frame.assign(site=site), unit="id", outcome="kpi", trained="trained", cluster="site", kind="cross_section"
        )

    within = panel(sets // 4)
    found = plain(paired(within, sets))
    assert found.replay is not None
    assert found.std_error("effect") == pytest.approx(plain(within).std_error("effect"), rel=1e-10)
    assert len(found.strata) == 10
    # A match of whole sites: the set is the unit that was drawn.
    kpi = frame["kpi"].to_numpy()
    arm = np.tile([1, 0], 40)
    pairs = np.repeat(np.arange(20), 4)
    whole = panel(2 * pairs + arm)
    arms = arm.astype(np.int8)
    empty = np.zeros(0, dtype=np.int64)
    matches = Matches(False, pairs.astype(np.int32), np.flatnonzero(arm == 1)[:1], empty[:0], empty * 1.0)
    cohort = Cohort("pairs of sites", "ATT", np.ones(80), arms=arms, matches=matches)
    found = plain(whole.with_cohort(cohort))
    apart = np.array([kpi[(pairs == p) & (arm == 1)].mean() - kpi[(pairs == p) & (arm == 0)].mean() for p in range(20)])
    assert found.replay is not None
    assert found.std_error("effect") == pytest.approx(apart.std(ddof=1) / np.sqrt(20), rel=1e-10)


@pytest.mark.parametrize(
    ("options", "clusters", "variance", "match"),
    [
        ({"replacement": True}, True, "default", "takes units as independent"),
        ({"replacement": True}, False, "CR1", "a control is in several"),
        ({}, True, "HC1", "takes id as independent, but site is the cluster"),
    ],
)
def test_what_does_not_apply_is_refused_with_a_remedy(
    options: dict[str, Any], clusters: bool, variance: Any, match: str
) -> None:
    panel = people(site=sites()) if clusters else people()
    cohort = nearest(panel, covariates=["age"], **options)
    with pytest.raises(MethodError, match=match) as caught:
        plain(panel.with_cohort(cohort), variance=variance)
    assert caught.value.remedy


def test_a_variance_that_is_not_by_set_is_refused() -> None:
    frame = at.dataset("jobtraining")
    panel = at.Panel.from_frame(
        frame, unit="fcode", period="year", outcome="lscrap", trained="grant", covariates=["employ"]
    )
    cohort = nearest(panel, covariates=["employ"], baseline=[1987], followup=[1988], missing="complete")
    with pytest.raises(MethodError, match="'CR2' is not there for matched cohorts"):
        at.did(panel.with_cohort(cohort), baseline=[1987], followup=[1988], variance="CR2")


def test_the_bootstrap_with_replacement_is_refused_with_the_reason_and_the_remedy() -> None:
    panel = people()
    found = plain(panel.with_cohort(nearest(panel, covariates=["age"], replacement=True)))
    with pytest.raises(MethodError, match=r"invalid for nearest matching with replacement, .*2008") as caught:
        at.bootstrap(found, draws=99)
    assert "abadie_imbens" in caught.value.remedy
    assert "the variance counts that the propensity is estimated" in found.notes


def test_an_arm_of_one_has_no_variance() -> None:
    panel = people(40)
    arms = (panel.units.adopted == 0).astype(np.int8)
    only, other = int(np.flatnonzero(arms == 1)[0]), int(np.flatnonzero(arms == 0)[0])
    weights = np.zeros(40)
    weights[[only, other]] = 1.0
    for replacement in (False, True):
        sets = np.full(40, -1, dtype=np.int32)
        sets[[only, other]] = 0
        matches = Matches(replacement, None if replacement else sets, np.array([only]), np.array([other]), np.ones(1))
        columns = panel.units.covariates["age"].astype(float)[:, None]
        cohort = Cohort("one", "ATT", weights, arms=arms, labels=("age",), columns=columns, matches=matches)
        assert np.isnan(plain(panel.with_cohort(cohort)).std_error("effect"))


def test_the_share_of_a_matched_panel_comes_from_the_same_sets() -> None:
    frame = at.dataset("jobtraining")
    panel = at.Panel.from_frame(
        frame, unit="fcode", period="year", outcome="lscrap", trained="grant", covariates=["employ"]
    )
    windows: dict[str, Any] = {"baseline": [1987], "followup": [1988]}
    cohort = nearest(panel, covariates=["employ"], missing="complete", **windows)
    found = at.did(panel.with_cohort(cohort), covariates=[], **windows)
    assert cohort.matches is not None
    kpi = panel.observations.outcome.reshape(len(panel.units), -1)
    change = kpi[:, 1] - kpi[:, 0]
    apart = change[cohort.matches.trained] - change[cohort.matches.control]
    own = change[cohort.matches.trained]
    size = len(own)
    covariance = found.vcov()
    assert covariance.loc["change", "change"] == pytest.approx(own.var(ddof=1) / size, rel=1e-9)
    assert covariance.loc["effect", "effect"] == pytest.approx(apart.var(ddof=1) / size, rel=1e-9)
    assert covariance.loc["effect", "change"] == pytest.approx(np.cov(own, apart)[0, 1] / size, rel=1e-9)
    assert at.attribution_factor(found, draws=199, seed=1).share == pytest.approx(apart.mean() / own.mean(), rel=1e-9)


def few_trained(n: int = 63) -> at.Panel:
    """Return a panel of two periods of which three are trained, with two covariates."""
    rng = np.random.default_rng(5)
    one, other = rng.normal(size=(2, n))
    before = one + rng.normal(size=n)
    trained = np.isin(np.arange(n), np.argsort(np.abs(one) + np.abs(other))[:3])
    frame = pd.DataFrame(
        {
            "id": np.tile(np.arange(n), 2),
            "month": np.repeat([0, 1], n),
            "kpi": np.r_[before, before + trained + rng.normal(size=n)],
            "start": np.tile(np.where(trained, 1.0, np.nan), 2),
            "one": np.tile(one, 2),
            "other": np.tile(other, 2),
        }
    )
    return at.Panel.from_frame(
        frame, unit="id", period="month", outcome="kpi", adopted="start", covariates=["one", "other"]
    )


def test_what_leaving_out_single_units_would_do_is_not_said_of_another_variance() -> None:
    panel, windows = few_trained(), {"baseline": [0], "followup": [1]}
    cohort = nearest(panel, covariates=["one", "other"], replacement=True, **windows)
    found = at.did(panel.with_cohort(cohort), **windows)
    assert found.variance == "abadie_imbens"
    assert np.isfinite(found.std_error("effect"))
    assert not any(note.endswith("variance is undefined") for note in found.notes)


def test_propensities_that_round_to_1_have_a_logit_still() -> None:
    panel = people()
    cohort = nearest(panel, covariates=["age"], replacement=True)
    assert cohort.propensity is not None
    score = cohort.propensity.probability.copy()
    score[np.nanargmax(score)] = 1.0
    rounded = replace(cohort, propensity=replace(cohort.propensity, probability=score))
    assert np.isfinite(plain(panel.with_cohort(rounded)).std_error("effect"))
