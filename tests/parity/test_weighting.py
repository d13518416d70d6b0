"""Parity of propensity and entropy weights: R's WeightIt, sandwich, survey and ebal by stored values.

Relative tolerances: a logit 1e-5, entropy balancing 1e-4. The data of MatchIt (`lalonde`) are on no package index: its
tests need the reference data beside the checkout. NHEFS is that of the package causaldata.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import attribution as at
from attribution.cohorts.entropy import entropy
from attribution.cohorts.propensity import propensity
from attribution.core.cohort import Cohort
from attribution.estimators.adjusted import adjusted
from attribution.numerics.index_weights import PropensityWeights

Floats = NDArray[np.float64]
Reader = Callable[[str], pd.DataFrame]
Entries = dict[str, dict[str, Any]]

LOGIT, ENTROPY = 1e-5, 1e-4

LALONDE = ["age", "educ", "race", "married", "nodegree", "re74", "re75"]
WEIGHTED: dict[str, dict[str, Any]] = {
    "ipw_lalonde_ATT": {"estimand": "ATT"},
    "ipw_lalonde_ATE": {"estimand": "ATE"},
    "ipw_lalonde_ATO": {"estimand": "ATO"},
    "ipw_lalonde_ATE_stab": {"estimand": "ATE", "stabilised": True},
    "ipw_lalonde_ATT_trim95": {"estimand": "ATT", "cap": 0.95},
}


@pytest.fixture(scope="module")
def stored() -> Entries:
    """Return the committed values, which are those of the reference: see the last test."""
    path = Path(__file__).with_name("values_weighting.json")
    found: Entries = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def lalonde(reference_data: Reader) -> at.Panel:
    frame = reference_data("lalonde_matchit.csv").reset_index(names="man")
    return at.Panel.from_frame(
        frame, unit="man", outcome="re78", trained="treat", covariates=LALONDE, kind="cross_section"
    )


def quitters() -> tuple[at.Panel, list[str]]:
    """Return NHEFS, the covariates of Hernán & Robins (What If, chapter 12) among its columns, and their names."""
    causaldata = pytest.importorskip("causaldata", reason="needs the package causaldata, of the extra `studies`")
    frame = causaldata.nhefs_complete.load_pandas().data.reset_index(names="person")
    names = ["sex", "race", "education", "exercise", "active"]
    for name in ("age", "smokeintensity", "smokeyrs", "wt71"):
        frame[f"{name} squared"] = frame[name].astype(float) ** 2
        names += [name, f"{name} squared"]
    panel = at.Panel.from_frame(
        frame, unit="person", outcome="wt82_71", trained="qsmk", covariates=names, kind="cross_section"
    )
    return panel, names


def effective(weights: Floats) -> float:
    return float(weights.sum() ** 2 / (weights**2).sum())


def require_weights(cohort: Cohort, entry: dict[str, Any], tolerance: float) -> None:
    trained, extra, weights = cohort.arms == 1, entry["extra"], cohort.weights
    assert effective(weights[trained]) == pytest.approx(extra["ess_treated"], rel=tolerance)
    assert effective(weights[~trained]) == pytest.approx(extra["ess_control"], rel=tolerance)
    assert weights.max() == pytest.approx(extra["max_w"], rel=tolerance)
    assert weights[trained].sum() == pytest.approx(extra["sum_w_treated"], rel=tolerance)
    assert weights[~trained].sum() == pytest.approx(extra["sum_w_control"], rel=tolerance)


def require_fixed(panel: at.Panel, cohort: Cohort, entry: dict[str, Any], tolerance: float) -> None:
    """Compare the standard errors that take the weights as known; survey's is the linearised one, n/(n − 1) of it."""
    given = panel.with_cohort(cohort.fixed())
    for ours, theirs in {"HC0": "HC0", "HC1": "HC1", "HC3": "HC3", "CR1": "svyglm"}.items():
        found = adjusted(given, adjust="none", variance=ours).std_error("effect")
        assert found == pytest.approx(entry["extra"]["se"][theirs], rel=tolerance), theirs


@pytest.mark.parametrize("name", WEIGHTED)
def test_propensity_weights(stored: Entries, lalonde: at.Panel, name: str) -> None:
    entry, cohort = stored[name], propensity(lalonde, covariates=LALONDE, **WEIGHTED[name])
    require_weights(cohort, entry, LOGIT)
    require_fixed(lalonde, cohort, entry, LOGIT)
    found = adjusted(lalonde.with_cohort(cohort), adjust="none", variance="CR0")
    assert found.value("effect") == pytest.approx(entry["estimate"], rel=LOGIT)
    if "cap" not in WEIGHTED[name]:
        assert found.std_error("effect") == pytest.approx(entry["std_error"], rel=LOGIT)


def test_the_weightit_error_of_cut_weights_lets_them_move_as_if_they_were_not_cut(
    stored: Entries, lalonde: at.Panel
) -> None:
    """WeightIt 1.5.1 keeps the derivatives of the weights before the cut. Ours, of what is done, are .33% smaller."""
    entry, cohort = stored["ipw_lalonde_ATT_trim95"], propensity(lalonde, covariates=LALONDE, cap=0.95)
    cut = cohort.fit
    assert isinstance(cut, PropensityWeights)
    whole = adjusted(lalonde.with_cohort(cohort.fixed()), adjust="none").influence[:, 0]
    uncut = replace(cut, cap=np.inf)
    found = {}
    for name, model in {"uncut": uncut, "cut": cut}.items():
        full = whole + uncut.influence @ ((model.gradient / cohort.weights[:, None]).T @ whole)
        found[name] = float(np.sqrt((full**2).sum()))
    assert found["uncut"] == pytest.approx(entry["std_error"], rel=LOGIT)
    ours = adjusted(lalonde.with_cohort(cohort), adjust="none", variance="CR0").std_error("effect")
    assert found["cut"] == pytest.approx(ours, rel=1e-12)
    assert ours / entry["std_error"] - 1 == pytest.approx(-0.00325, abs=5e-6)


def test_average_effect_of_quitting(stored: Entries) -> None:
    panel, names = quitters()
    entry, cohort = stored["ipw_nhefs_ATE"], propensity(panel, covariates=names, estimand="ATE")
    require_weights(cohort, entry, LOGIT)
    require_fixed(panel, cohort, entry, LOGIT)
    found = adjusted(panel.with_cohort(cohort), adjust="none", variance="CR0")
    assert found.value("effect") == pytest.approx(entry["estimate"], rel=LOGIT)
    assert found.std_error("effect") == pytest.approx(entry["std_error"], rel=LOGIT)


def test_entropy_balancing(stored: Entries, lalonde: at.Panel, reference_data: Reader) -> None:
    """WeightIt 1.5.1 takes the means balanced to as given; the default here counts that they are a sample's."""
    entry, cohort = stored["ebal_lalonde_ATT"], entropy(lalonde, covariates=LALONDE, target="sample")
    require_weights(cohort, entry, ENTROPY)
    require_fixed(lalonde, cohort, entry, ENTROPY)
    found = adjusted(lalonde.with_cohort(cohort), adjust="none", variance="CR0")
    assert found.value("effect") == pytest.approx(entry["estimate"], rel=ENTROPY)
    assert found.std_error("effect") == pytest.approx(entry["std_error"], rel=ENTROPY)
    population = entropy(lalonde, covariates=LALONDE)
    np.testing.assert_array_equal(population.weights, cohort.weights)
    counted = adjusted(lalonde.with_cohort(population), adjust="none", variance="CR0").std_error("effect")
    assert counted / entry["std_error"] == pytest.approx(1.01135, abs=1e-5)
    controls = cohort.weights[cohort.arms == 0]
    theirs = reference_data("lalonde_ebal_weights.csv")["w"].to_numpy()
    assert controls / controls.sum() == pytest.approx(theirs / theirs.sum(), rel=ENTROPY)


def test_entropy_balancing_of_hainmueller(stored: Entries, lalonde: at.Panel) -> None:
    """His package stops when no total is off by more than 1; here it stopped at .28, so that coefficients end early."""
    entry, cohort = stored["ebal_pkg_lalonde_ATT"], entropy(lalonde, covariates=LALONDE)
    found = adjusted(lalonde.with_cohort(cohort.fixed()), adjust="none", variance="HC1")
    assert found.value("effect") == pytest.approx(entry["estimate"], rel=ENTROPY)
    assert found.std_error("effect") == pytest.approx(entry["std_error"], rel=ENTROPY)
    controls = cohort.arms == 0
    assert effective(cohort.weights[controls]) == pytest.approx(entry["extra"]["ess"], rel=ENTROPY)
    assert cohort.columns is not None
    design = np.column_stack([np.ones(len(controls)), cohort.columns])[controls]
    slopes = np.linalg.lstsq(design, np.log(cohort.weights[controls]), rcond=None)[0][1:]
    theirs = np.array([entry["extra"]["coefs"][str(place)] for place in range(2, 10)])
    assert slopes == pytest.approx(theirs, rel=1e-3)


def test_propensities_of_the_logit(lalonde: at.Panel, reference_data: Reader) -> None:
    record = propensity(lalonde, covariates=LALONDE).propensity
    assert record is not None
    assert record.probability == pytest.approx(reference_data("lalonde_ps_logit.csv")["ps"].to_numpy(), rel=LOGIT)


def test_the_committed_values_are_those_of_the_reference(stored: Entries, reference: Entries) -> None:
    for name, entry in stored.items():
        for key, value in entry.items():
            theirs = reference[name][key]
            assert value == ({part: theirs[part] for part in value} if key == "extra" else theirs), (name, key)
