"""Parity of nearest matching with MatchIt 4.7.1 and Matching 4.10.8, entries of reference.json; MatchIt's snapshots.

Pairs and counts are the same exactly. What follows from them (estimates, balance, weights) is closed form: 1e-9; what
follows from the logit alone 1e-5 (seen: 1e-8).
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
from attribution.cohorts.nearest import nearest
from attribution.core.cohort import Cohort
from attribution.diagnostics.balance import balance

Values = dict[str, dict[str, Any]]
Reader = Callable[[str], pd.DataFrame]

COVARIATES = ["age", "educ", "race", "married", "nodegree", "re74", "re75"]
FOUR = ["age", "educ", "re74", "re75"]

COHORTS: dict[str, dict[str, Any]] = {
    "match_nn_norep": {},
    "match_nn_norep_dataorder": {"order": "data"},
    "match_nn_rep": {"replacement": True},
}


@pytest.fixture(scope="module")
def rows(reference_data: Reader) -> pd.DataFrame:
    """Return R's lalonde with the place of each row: R's order decides ties, and the units are in it."""
    frame = reference_data("lalonde_matchit.csv")
    return frame.assign(row=np.arange(len(frame)))


@pytest.fixture(scope="module")
def lalonde(rows: pd.DataFrame) -> at.Panel:
    return at.Panel.from_frame(
        rows, unit="row", outcome="re78", trained="treat", covariates=COVARIATES, kind="cross_section"
    )


def difference(rows: pd.DataFrame, cohort: Cohort) -> float:
    kpi, trained = rows["re78"].to_numpy(), cohort.arms == 1
    means = [np.average(kpi[arm], weights=cohort.weights[arm]) for arm in (trained, ~trained)]
    return float(means[0] - means[1])


@pytest.mark.parametrize(
    ("entry", "file"),
    [("match_nn_norep", "match_nn_norep_pairs.csv"), ("match_nn_rep", "match_nn_rep_pairs.csv")],
)
def test_pairs(entry: str, file: str, lalonde: at.Panel, rows: pd.DataFrame, reference_data: Reader) -> None:
    matches = nearest(lalonde, covariates=COVARIATES, distance="propensity", **COHORTS[entry]).matches
    assert matches is not None
    expected, names = reference_data(file), rows["id"].to_numpy()
    assert names[matches.trained].tolist() == expected["treated"].tolist()
    assert names[matches.control].tolist() == expected["mm"].tolist()


@pytest.mark.parametrize("entry", COHORTS)
def test_counts_estimates_and_balance(entry: str, lalonde: at.Panel, rows: pd.DataFrame, reference: Values) -> None:
    cohort, extra = (
        nearest(lalonde, covariates=COVARIATES, distance="propensity", **COHORTS[entry]),
        reference[entry]["extra"],
    )
    assert difference(rows, cohort) == pytest.approx(reference[entry]["estimate"], rel=1e-9)
    used, trained = cohort.weights > 0, cohort.arms == 1
    counts = {"Control": int((used & ~trained).sum()), "Treated": int((used & trained).sum())}
    assert counts == extra["nn"]["Matched"]
    assert {part.arm: part.units for part in cohort.dropped} == {"control": extra["nn"]["Unmatched"]["Control"]}
    weights = cohort.weights[~trained]
    effective = weights.sum() ** 2 / (weights**2).sum()
    assert effective == pytest.approx(extra["nn"]["Matched (ESS)"]["Control"], rel=1e-9)
    found = balance(lalonde, cohort)
    for name, numbers in extra["after"].items():
        level = name.removeprefix("race")
        own = "propensity" if name == "distance" else f"race[{level}]" if level != name else name
        # The propensity's own numbers hang on R's fit, which stops a little before the maximum.
        rel = 1e-5 if name == "distance" else 1e-9
        for key, number in (("Std. Mean Diff.", "smd"), ("Var. Ratio", "variance_ratio"), ("eCDF Max", "ks")):
            seen, expected = getattr(found[own].after, number), numbers[key]
            if expected is None:
                assert np.isnan(seen)
            else:
                assert seen == pytest.approx(expected, rel=rel, abs=1e-7 if name == "distance" else 1e-10)


def one_step_before(design: NDArray[np.float64], trained: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return standard errors as R's glm makes them: by the weights that led to its last step, not those after it."""
    mean = (trained + 0.5) / 2
    index, deviance = np.log(mean / (1 - mean)), np.inf
    while True:
        weight = mean * (1 - mean)
        working = index + (trained - mean) / weight
        inverse = np.linalg.inv((design * weight[:, None]).T @ design)
        index = design @ (inverse @ (design.T @ (weight * working)))
        mean, before = 1 / (1 + np.exp(-index)), deviance
        deviance = -2 * np.log(np.where(trained, mean, 1 - mean)).sum()
        if abs(deviance - before) / (abs(deviance) + 0.1) < 1e-8:
            return np.asarray(np.sqrt(np.diag(inverse)))


def test_the_propensity(lalonde: at.Panel, reference: Values, reference_data: Reader) -> None:
    """Coefficients within 1e-5. R's standard errors are those before its last step: within 1e-6 when made so.

    That step is the one after which the deviance moves by less than 1e-8, so that they are off by up to 5e-5; ours are
    statsmodels' (next test).
    """
    cohort, entry = nearest(lalonde, covariates=COVARIATES), reference["ps_lalonde_logit"]
    found = cohort.propensity
    assert found is not None
    names = {"intercept": "(Intercept)", "race[hispan]": "racehispan", "race[white]": "racewhite"}
    own = [names.get(label, label) for label in found.labels]
    assert found.coefficients == pytest.approx([entry["estimate"][name] for name in own], rel=1e-5)
    expected = [entry["std_error"][name] for name in own]
    assert one_step_before(found.design, cohort.arms == 1) == pytest.approx(expected, rel=1e-6)
    assert found.std_error == pytest.approx(expected, rel=6e-5)
    assert found.log_likelihood == pytest.approx(entry["extra"]["logLik"], rel=1e-5)
    assert found.probability == pytest.approx(reference_data("lalonde_ps_logit.csv")["ps"].to_numpy(), rel=1e-5)
    means = [found.probability[cohort.arms == arm].mean() for arm in (1, 0)]
    assert means == pytest.approx([entry["extra"][f"ps_mean_{arm}"] for arm in ("treated", "control")], rel=1e-5)


def test_the_propensity_is_that_of_statsmodels(lalonde: at.Panel) -> None:
    from statsmodels.api import Logit

    cohort = nearest(lalonde, covariates=COVARIATES)
    found = cohort.propensity
    assert found is not None
    fit = Logit((cohort.arms == 1).astype(float), found.design).fit(disp=False, tol=1e-13, maxiter=100)
    assert found.coefficients == pytest.approx(fit.params, rel=1e-8)
    assert found.std_error == pytest.approx(fit.bse, rel=1e-8)
    assert found.log_likelihood == pytest.approx(fit.llf, rel=1e-10)


@pytest.mark.parametrize(
    ("entry", "options"),
    [
        ("ai_lalonde_maha_M1", {"distance": "standardised"}),
        ("ai_lalonde_maha_M4", {"distance": "standardised", "ratio": 4}),
        ("ai_lalonde_ps_M1", {"distance": "propensity"}),
    ],
)
def test_all_ties_of_matching(
    entry: str, options: dict[str, Any], lalonde: at.Panel, rows: pd.DataFrame, reference: Values
) -> None:
    """Matching's tolerance is 1e-5 in squared standard deviations; on the propensity it makes 287 links of 185."""
    cohort = nearest(lalonde, covariates=COVARIATES, replacement=True, ties="all", tolerance=1e-5, **options)
    assert difference(rows, cohort) == pytest.approx(reference[entry]["estimate"], rel=1e-9)
    assert cohort.arms is not None
    assert int((cohort.weights[cohort.arms == 1] > 0).sum()) == reference[entry]["extra"]["n_matched_obs"]


@pytest.fixture(scope="module")
def snapshots() -> dict[str, list[list[int]]]:
    """Return, by name, the controls' numbers of each trained unit as MatchIt's own tests hold them."""
    text = Path(__file__).with_name("values_nearest.json").read_text(encoding="utf-8")
    found: dict[str, list[list[int]]] = json.loads(text)["entries"]
    return found


def numbers(cohort: Cohort, ratio: int) -> NDArray[np.int64]:
    """Return the controls' numbers `[ratio, n_trained]`, smallest first, 0 for none; R's data has the trained first."""
    assert cohort.matches is not None
    found = np.zeros((185, ratio), dtype=np.int64)
    filled = np.zeros(185, dtype=np.int64)
    for trained, control in zip(cohort.matches.trained, cohort.matches.control, strict=True):
        found[trained, filled[trained]] = control - 184
        filled[trained] += 1
    return np.sort(found, axis=1).T


@pytest.mark.parametrize(
    ("name", "options", "width"),
    [
        ("ratio 2, caliper 0.1 of the propensity", {"ratio": 2}, 0.1),
        ("ratio 3, with replacement", {"ratio": 3, "replacement": True}, None),
        ("exact on race, caliper 0.2 of the propensity", {"exact": ["race"]}, 0.2),
    ],
)
def test_snapshots_of_matchit(
    name: str,
    options: dict[str, Any],
    width: float | None,
    lalonde: at.Panel,
    snapshots: dict[str, list[list[int]]],
    reference_data: Reader,
) -> None:
    # These calipers are differences, ours are standard deviations.
    spread = reference_data("lalonde_ps_logit.csv")["ps"].std()
    caliper = None if width is None else width / spread
    cohort = nearest(lalonde, covariates=COVARIATES, distance="propensity", caliper=caliper, **options)
    # Of controls at one distance R's sort puts either first: who is matched counts, not in which order.
    expected = np.sort(np.array(snapshots[name]), axis=0)
    assert (numbers(cohort, len(expected)) == expected).all()


@pytest.mark.parametrize(
    ("name", "replacement", "apart"),
    [
        ("Mahalanobis on age, educ, re74, re75, order of the data", False, {57: (420, 415), 68: (415, 354)}),
        ("Mahalanobis on age, educ, re74, re75, with replacement", True, {57: (420, 415)}),
    ],
)
def test_snapshots_of_matchit_by_mahalanobis(
    name: str,
    replacement: bool,
    apart: dict[int, tuple[int, int]],
    lalonde: at.Panel,
    rows: pd.DataFrame,
    snapshots: dict[str, list[list[int]]],
) -> None:
    """One tie differs: 41 years and 4 of school stand halfway between 39 and 2 and 43 and 6, and R's rounding decides.

    Without replacement the one of these that is left over is then, in its turn, another unit's match.
    """
    cohort = nearest(lalonde, covariates=FOUR, distance="mahalanobis", replacement=replacement)
    found, expected = numbers(cohort, 1)[0], np.array(snapshots[name][0])
    differing = {int(place): (int(found[place]), int(expected[place])) for place in np.flatnonzero(found != expected)}
    assert differing == apart
    halfway = rows.loc[rows["row"].isin([57, 415 + 184, 420 + 184]), FOUR].to_numpy(dtype=float)
    assert (halfway[1:].mean(axis=0) == halfway[0]).all()
