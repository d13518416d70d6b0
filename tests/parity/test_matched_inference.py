"""Parity of estimates and standard errors on matched cohorts: R's MatchIt, sandwich and Matching, and Stata's psmatch.

Relative tolerance 1e-6, closed forms: the cohorts are those of R, unit by unit. `HC1` and `HC3` take matches as given,
`CR1S` sums by matched set (vcovCL, HC1).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.cohorts.coarsened import coarsened
from attribution.cohorts.exact import exact
from attribution.cohorts.nearest import nearest
from attribution.cohorts.subclass import subclass
from attribution.core.cohort import Cohort
from attribution.core.estimate import Estimate
from attribution.estimators.adjusted import adjusted
from attribution.numerics.matched_variance import common_spread, reuse

Entries = dict[str, dict[str, Any]]
Reader = Callable[[str], pd.DataFrame]
Maker = Callable[[at.Panel], Cohort]

COVARIATES = ["age", "educ", "race", "married", "nodegree", "re74", "re75"]
CLOSED = 1e-6

MATCHED: dict[str, tuple[Maker, str]] = {
    "match_nn_norep": (lambda panel: nearest(panel, covariates=COVARIATES, distance="propensity"), "CR1S"),
    "match_nn_norep_dataorder": (lambda panel: data_order(panel), "CR1S"),
    "match_nn_rep": (
        lambda panel: nearest(panel, covariates=COVARIATES, distance="propensity", replacement=True),
        "HC1",
    ),
    "match_exact": (lambda panel: exact(panel, covariates=["race", "married", "nodegree"]), "CR1S"),
    "match_subclass6": (lambda panel: subclass(panel, covariates=COVARIATES, subclasses=6), "CR1S"),
    "match_cem_sturges": (lambda panel: coarsened(panel, covariates=COVARIATES), "CR1S"),
}


def data_order(panel: at.Panel) -> Cohort:
    return nearest(panel, covariates=COVARIATES, distance="propensity", order="data")


@pytest.fixture(scope="module")
def lalonde(reference_data: Reader) -> at.Panel:
    """Return MatchIt's men; their labels sort as the rows of the file stand."""
    frame = reference_data("lalonde_matchit.csv")
    frame["man"] = np.arange(len(frame))
    return at.Panel.from_frame(
        frame, unit="man", outcome="re78", trained="treat", covariates=COVARIATES, kind="cross_section"
    )


def on(panel: at.Panel, cohort: Cohort, variance: Any, **options: Any) -> Estimate:
    return adjusted(panel.with_cohort(cohort), variance=variance, **options)


@pytest.mark.parametrize("name", MATCHED)
def test_weighted_means_and_their_standard_errors(reference: Entries, lalonde: at.Panel, name: str) -> None:
    entry, (make, variance) = reference[name], MATCHED[name]
    cohort = make(lalonde)
    found = on(lalonde, cohort, variance, adjust="none")
    assert found.n.trained.units + found.n.control.units == entry["n"]
    assert found.value("effect") == pytest.approx(entry["estimate"], rel=CLOSED)
    assert found.std_error("effect") == pytest.approx(entry["std_error"], rel=CLOSED)
    for other in ("HC1", "HC3"):
        plain = on(lalonde, cohort, other, adjust="none")
        assert plain.std_error("effect") == pytest.approx(entry["extra"][f"se_{other}"], rel=CLOSED)


@pytest.mark.parametrize("name", ["match_nn_norep", "match_nn_norep_dataorder", "match_nn_rep", "match_cem_sturges"])
def test_regression_within_the_matches(reference: Entries, lalonde: at.Panel, name: str) -> None:
    # marginaleffects takes the covariates of the trained as given, and its derivatives numerically.
    entry, (make, _) = reference[f"{name}_gcomp"], MATCHED[name]
    variance = "HC3" if name == "match_nn_rep" else "CR1S"
    found = on(lalonde, make(lalonde), variance, target="sample", covariates=COVARIATES)
    assert found.value("effect") == pytest.approx(entry["estimate"], rel=CLOSED)
    assert found.std_error("effect") == pytest.approx(entry["std_error"], rel=CLOSED)


@pytest.mark.parametrize(
    ("name", "ratio"), [("ai_lalonde_maha_M1", 1), ("ai_lalonde_maha_M4", 4), ("ai_lalonde_ps_M1", 1)]
)
def test_abadie_and_imbens_with_one_variance_for_all(
    reference: Entries, lalonde: at.Panel, name: str, ratio: int
) -> None:
    # Match(Weight = 1): inverse variances, all ties within 1e-5; Var.calc = 0. The other entry matches on a logit.
    entry = reference[name]
    distance = "propensity" if "_ps_" in name else "standardised"
    cohort = nearest(
        lalonde,
        covariates=COVARIATES,
        distance=distance,
        ratio=ratio,
        replacement=True,
        ties="all",
        tolerance=1e-5,
    )
    found = on(lalonde, cohort, "default", adjust="none")
    assert found.variance == "abadie_imbens"
    assert found.value("effect") == pytest.approx(entry["estimate"], rel=CLOSED)
    assert cohort.matches is not None
    matches, y = cohort.matches, lalonde.observations.outcome
    along = reuse(found.influence, matches.trained, matches.control, matches.share)
    square = along.rows.T @ along.rows + common_spread(along)
    assert np.sqrt(square[0, 0]) == pytest.approx(entry["std_error"], rel=CLOSED)
    # The standard error of the pairs as if no control came twice.
    apart = y[matches.trained] - y[matches.control] - found.value("effect")
    naive = np.sqrt(matches.share @ apart**2) / matches.share.sum()
    assert naive == pytest.approx(entry["extra"]["se_standard"], rel=CLOSED)


def births() -> pd.DataFrame:
    """Return the births of Cattaneo (2010), which statsmodels carries for its own tests."""
    import statsmodels

    path = Path(statsmodels.__file__).parent / "treatment/tests/results/cataneo2.csv"
    if not path.is_file():
        pytest.skip("this build of statsmodels has no test data: cataneo2.csv is missing")
    frame = pd.read_csv(path)
    frame["age"], frame["age2"] = frame["mage"].astype(float), frame["mage"] ** 2.0
    return frame


def test_smoking_and_weight_at_birth_by_the_propensity() -> None:
    # Stata, [CAUSAL] teffects psmatch, example 2: atet, vce(iid), which counts no estimated propensity; as printed.
    frame = births()
    frame["birth"] = np.arange(len(frame))
    names = ["mmarried_", "age", "age2", "fbaby_", "medu"]
    panel = at.Panel.from_frame(
        frame, unit="birth", outcome="bweight", trained="mbsmoke_", covariates=names, kind="cross_section"
    )
    cohort = nearest(panel, covariates=names, distance="propensity", replacement=True, ties="all")
    found = on(panel, cohort, "default", adjust="none")
    assert found.value("effect") == pytest.approx(-236.7848, abs=5e-5)
    assert cohort.matches is not None
    along = reuse(found.influence, cohort.matches.trained, cohort.matches.control, cohort.matches.share)
    square = along.rows.T @ along.rows + common_spread(along)
    assert np.sqrt(square[0, 0]) == pytest.approx(26.11698, abs=5e-6)


def test_two_clusters_are_those_of_statsmodels(lalonde: at.Panel) -> None:
    from dataclasses import replace

    import statsmodels.api as sm
    from statsmodels.stats.sandwich_covariance import cov_cluster_2groups

    site = np.arange(len(lalonde.units)) % 23
    units = replace(lalonde.units, cluster=site.astype(np.int32), cluster_labels=pd.RangeIndex(23))
    panel = replace(lalonde, units=units, columns=replace(lalonde.columns, cluster="site"))
    cohort = MATCHED["match_nn_norep"][0](panel)
    assert cohort.matches is not None
    assert cohort.matches.sets is not None
    inside = cohort.weights > 0
    x = np.column_stack([np.ones(inside.sum()), cohort.arms[inside] == 1]).astype(float)
    fitted = sm.OLS(panel.observations.outcome[inside], x).fit()
    theirs = cov_cluster_2groups(fitted, cohort.matches.sets[inside], site[inside], use_correction=True)[0]
    found = on(panel, cohort, "CR1S", adjust="none")
    assert found.std_error("effect") == pytest.approx(np.sqrt(theirs[1, 1]), rel=CLOSED)
    assert found.replay is None
