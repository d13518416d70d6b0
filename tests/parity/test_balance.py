"""Parity of the balance of a cohort: cobalt 4.6.2 `bal.tab` and MatchIt 4.7.1 `summary`, entries of reference.json.

Where the weights are those of R to the last digit, numbers agree to 1e-9 (seen: 1e-14, means of earnings 1e-12 of their
size). Differences that R gives as 0 hold the noise of its own optimiser, up to 1e-8 (ATO) and 1e-6 (the stored entropy
weights): these are compared absolutely.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import attribution as at
from attribution.cohorts.coarsened import coarsened
from attribution.cohorts.entropy import entropy
from attribution.cohorts.exact import exact
from attribution.cohorts.propensity import propensity
from attribution.cohorts.subclass import subclass
from attribution.core.cohort import Propensity
from attribution.diagnostics.balance import Balance, balance

Values = dict[str, dict[str, Any]]
Reader = Callable[[str], pd.DataFrame]

COVARIATES = ["age", "educ", "race", "married", "nodegree", "re74", "re75"]

MATCHIT = {
    "Means Treated": "trained",
    "Means Control": "control",
    "Std. Mean Diff.": "smd",
    "Var. Ratio": "variance_ratio",
    "eCDF Mean": "ecdf",
    "eCDF Max": "ks",
}


@pytest.fixture(scope="module")
def lalonde(reference_data: Reader) -> at.Panel:
    return at.Panel.from_frame(
        reference_data("lalonde_matchit.csv"),
        unit="id",
        outcome="re78",
        trained="treat",
        covariates=COVARIATES,
        kind="cross_section",
    )


@pytest.fixture(scope="module")
def scores(lalonde: at.Panel, reference_data: Reader) -> NDArray[np.float64]:
    """Return R's fitted propensities, in the order of the panel's units."""
    frame = reference_data("lalonde_ps_logit.csv").set_index("id")["ps"]
    return frame.loc[lalonde.units.label].to_numpy()


def scored(scores: NDArray[np.float64]) -> Propensity:
    empty = np.zeros((len(scores), 1))
    return Propensity(("intercept",), np.zeros(1), np.zeros(1), 0.0, scores, empty, empty)


def name_here(name: str) -> str:
    if name in ("prop.score", "distance"):
        return "propensity"
    level = name.removeprefix("race").removeprefix("_")
    return f"race[{level}]" if level and level != name else name


def compare(
    found: Balance, expected: Mapping[str, float | None], when: str, number: str, *, rel: float, absolute: float
) -> None:
    for name, value in expected.items():
        seen = getattr(getattr(found[name_here(name)], when), number)
        if value is None:
            assert np.isnan(seen), (name, number)
        else:
            assert seen == pytest.approx(value, rel=rel, abs=absolute), (name, number)


def test_before_any_cohort(lalonde: at.Panel, reference: Values) -> None:
    entry, found = reference["baltab_unadjusted_lalonde"], balance(lalonde)
    compare(found, entry["estimate"], "before", "smd", rel=1e-9, absolute=0)
    compare(found, entry["extra"]["VR"], "before", "variance_ratio", rel=1e-9, absolute=0)
    compare(found, entry["extra"]["KS"], "before", "ks", rel=1e-9, absolute=0)


def compare_weighting(found: Balance, extra: dict[str, Any], *, rel: float, absolute: float) -> None:
    for key, when, number in (
        ("smd_un", "before", "smd"),
        ("smd_adj", "after", "smd"),
        ("vr_adj", "after", "variance_ratio"),
        ("ks_adj", "after", "ks"),
    ):
        compare(found, extra[key], when, number, rel=rel, absolute=absolute)
    assert found.trained.effective == pytest.approx(extra["ess_treated"], rel=rel)
    assert found.control.effective == pytest.approx(extra["ess_control"], rel=rel)


@pytest.mark.parametrize(
    ("entry", "estimand"),
    [
        ("ipw_lalonde_ATT", "ATT"),
        ("ipw_lalonde_ATE", "ATE"),
        ("ipw_lalonde_ATE_stab", "ATE"),
        ("ipw_lalonde_ATO", "ATO"),
    ],
)
def test_propensity_weights(
    entry: str, estimand: str, lalonde: at.Panel, scores: NDArray[np.float64], reference: Values
) -> None:
    trained = lalonde.units.adopted == 0
    weights = {
        "ATT": np.where(trained, 1.0, scores / (1 - scores)),
        "ATE": np.where(trained, 1 / scores, 1 / (1 - scores)),
        "ATO": np.where(trained, 1 - scores, scores),
    }[estimand]
    if entry.endswith("_stab"):
        weights = weights * np.where(trained, trained.mean(), 1 - trained.mean())
    cohort = at.Cohort("given", estimand, weights, propensity=scored(scores))
    # The exact zeros of the overlap weights are 1e-8 in R, whose logit stops earlier.
    compare_weighting(balance(lalonde, cohort), reference[entry]["extra"], rel=1e-9, absolute=2e-8)


def test_weights_capped_at_a_quantile(lalonde: at.Panel, scores: NDArray[np.float64], reference: Values) -> None:
    trained = lalonde.units.adopted == 0
    odds = scores / (1 - scores)
    weights = np.where(trained, 1.0, np.minimum(odds, np.quantile(odds[~trained], 0.95, method="closest_observation")))
    cohort = at.Cohort("given", "ATT", weights, propensity=scored(scores))
    compare_weighting(balance(lalonde, cohort), reference["ipw_lalonde_ATT_trim95"]["extra"], rel=1e-9, absolute=1e-12)


def test_entropy_weights(lalonde: at.Panel, reference: Values, reference_data: Reader) -> None:
    stored = reference_data("lalonde_ebal_weights.csv").set_index("id")["w"]
    weights = np.where(lalonde.units.adopted == 0, 1.0, stored.reindex(lalonde.units.label).fillna(0.0))
    # The stored weights are those of the package ebal, the entry's of WeightIt: 5e-7 apart in standard deviations.
    extra = reference["ebal_lalonde_ATT"]["extra"]
    compare_weighting(balance(lalonde, at.Cohort("given", "ATT", weights)), extra, rel=2e-6, absolute=1e-6)


@pytest.mark.parametrize(
    ("entry", "options"),
    [
        ("ipw_lalonde_ATT", {}),
        ("ipw_lalonde_ATE", {"estimand": "ATE"}),
        ("ipw_lalonde_ATE_stab", {"estimand": "ATE", "stabilised": True}),
        ("ipw_lalonde_ATO", {"estimand": "ATO"}),
        ("ipw_lalonde_ATT_trim95", {"cap": 0.95}),
    ],
)
def test_our_own_propensity_weights(entry: str, options: dict[str, Any], lalonde: at.Panel, reference: Values) -> None:
    cohort = propensity(lalonde, covariates=COVARIATES, **options)
    compare_weighting(balance(lalonde, cohort), reference[entry]["extra"], rel=1e-5, absolute=1e-7)


def test_our_own_entropy_weights(lalonde: at.Panel, reference: Values) -> None:
    cohort = entropy(lalonde, covariates=COVARIATES)
    # Means are equal but for R's own optimiser, 1e-10; the rest has the tolerance of entropy balancing.
    compare_weighting(balance(lalonde, cohort), reference["ebal_lalonde_ATT"]["extra"], rel=1e-4, absolute=1e-7)


def test_those_who_stopped_smoking() -> None:
    """The published example, whose data come from the package index: the values are committed with their source."""
    package = pytest.importorskip("causaldata", reason="needs the package causaldata, of the extra `studies`")
    entry = json.loads(Path(__file__).with_name("values_balance.json").read_text(encoding="utf-8"))["ipw_nhefs_ATE"]
    frame = package.nhefs_complete.load_pandas().data
    numbers = ["education", "exercise", "active"]
    frame = frame.assign(**{f"{name} level": frame[name].astype(int).astype(str) for name in numbers})
    plain = ["sex", "race", "age", *numbers, "smokeintensity", "smokeyrs", "wt71"]
    frame[plain] = frame[plain].astype(float)
    levels = [f"{name} level" for name in numbers]
    panel = at.Panel.from_frame(
        frame, unit="seqn", outcome="wt82_71", trained="qsmk", covariates=[*plain, *levels], kind="cross_section"
    )
    squares = [f"{name}:{name}" for name in ("age", "smokeintensity", "smokeyrs", "wt71")]
    model = [name for name in plain if name not in numbers]
    cohort = propensity(panel, covariates=[*model, *levels, *squares], estimand="ATE")
    compare_weighting(balance(panel, cohort, covariates=plain), entry["extra"], rel=1e-5, absolute=1e-7)


def test_the_committed_values_are_those_of_the_reference(reference: Values) -> None:
    stored = json.loads(Path(__file__).with_name("values_balance.json").read_text(encoding="utf-8"))
    for name, entry in stored.items():
        assert entry["source"] == reference[name]["source"]
        assert entry["extra"] == {key: reference[name]["extra"][key] for key in entry["extra"]}


def compare_matching(found: Balance, extra: dict[str, Any], *, rel: float, absolute: float) -> None:
    for when in ("before", "after"):
        for label, number in MATCHIT.items():
            expected = {name: row[label] for name, row in extra[when].items()}
            compare(found, expected, when, number, rel=rel, absolute=absolute)
    sizes = extra["nn"]
    for arm, one in (("Treated", found.trained), ("Control", found.control)):
        assert (one.units, one.weighted) == (sizes["All"][arm], sizes["Matched"][arm])
        assert one.effective == pytest.approx(sizes["Matched (ESS)"][arm], rel=max(rel, 1e-12))


@pytest.mark.parametrize(
    ("entry", "pairs"),
    [
        ("match_nn_norep", "match_nn_norep_pairs.csv"),
        ("match_nn_norep_dataorder", "match_nn_norep_pairs.csv"),
        ("match_nn_rep", "match_nn_rep_pairs.csv"),
    ],
)
def test_pairs_of_the_nearest(
    entry: str,
    pairs: str,
    lalonde: at.Panel,
    scores: NDArray[np.float64],
    reference: Values,
    reference_data: Reader,
) -> None:
    used = reference_data(pairs)["mm"].value_counts()
    times = pd.Series(lalonde.units.label).map(used).fillna(0.0).to_numpy()
    weights = np.where(lalonde.units.adopted == 0, 1.0, times)
    cohort = at.Cohort("given", "ATT", weights, propensity=scored(scores))
    compare_matching(balance(lalonde, cohort), reference[entry]["extra"], rel=1e-9, absolute=1e-12)


def test_nearest_without_replacement_leaves_a_propensity_far_apart(
    lalonde: at.Panel, scores: NDArray[np.float64], reference_data: Reader
) -> None:
    used = reference_data("match_nn_norep_pairs.csv")["mm"]
    weights = np.where(lalonde.units.adopted == 0, 1.0, np.isin(lalonde.units.label, used))
    found = balance(lalonde, at.Cohort("given", "ATT", weights, propensity=scored(scores)))
    assert found["propensity"].after.smd == pytest.approx(0.97, abs=0.005)
    assert found.worst.variable == "race[black]"


def test_exact_strata(lalonde: at.Panel, reference: Values) -> None:
    cohort = exact(lalonde, covariates=["race", "married", "nodegree"])
    compare_matching(balance(lalonde, cohort), reference["match_exact"]["extra"], rel=1e-9, absolute=1e-12)


def test_coarsened_strata(lalonde: at.Panel, reference: Values) -> None:
    cohort = coarsened(lalonde, covariates=COVARIATES)
    compare_matching(balance(lalonde, cohort), reference["match_cem_sturges"]["extra"], rel=1e-9, absolute=1e-12)


def test_subclasses_of_the_propensity(lalonde: at.Panel, reference: Values) -> None:
    cohort = subclass(lalonde, covariates=COVARIATES)
    # The propensity is fitted here: logit tolerance.
    compare_matching(balance(lalonde, cohort), reference["match_subclass6"]["extra"], rel=1e-5, absolute=1e-8)
