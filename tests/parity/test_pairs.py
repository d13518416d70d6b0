"""Parity of the comparisons with covariates: R's DRDID 1.2.3 on the NSW and CPS earnings, panel and cross-sections.

Tolerances: 1e-6 relative for the regression (closed form), 1e-5 for rules with a propensity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import attribution as at
from attribution.numerics.cross_pairs import CrossPair, cross_pair
from attribution.numerics.pairs import Adjust, panel_pair

Floats = NDArray[np.float64]
Values = dict[str, dict[str, Any]]
Reader = Callable[[str], pd.DataFrame]

RTOL: dict[Adjust, float] = {
    "regression": 1e-6,
    "ipw": 1e-5,
    "ipw_unnormalised": 1e-5,
    "doubly_robust": 1e-5,
    "doubly_robust_improved": 1e-5,
}
PANEL: dict[Adjust, str] = {
    "regression": "reg",
    "ipw": "std_ipw",
    "ipw_unnormalised": "ipw",
    "doubly_robust": "trad",
    "doubly_robust_improved": "drimp",
}
COVARIATES = ["age", "educ", "black", "married", "nodegree", "hisp", "re74"]


@pytest.fixture(scope="module")
def samples(reference_data: Reader) -> dict[str, pd.DataFrame]:
    """Return the two samples of the entries: experimental controls, or the trained, against the CPS."""
    frame = reference_data("drdid_nsw_wide.csv")
    people = {
        "cpsctl": (frame["experimental"] == 1) & (frame["treated"] == 0),
        "dwcpstrt": (frame["dwincl"] == 1) & (frame["treated"] == 1),
    }
    return {name: frame[chosen | (frame["sample"] == 2)] for name, chosen in people.items()}


def columns(frame: pd.DataFrame) -> tuple[NDArray[np.bool_], Floats]:
    covariates = frame[COVARIATES].to_numpy(dtype=float)
    return frame["experimental"].to_numpy() == 1, np.column_stack([np.ones(len(frame)), covariates])


@pytest.mark.parametrize("adjust", PANEL)
@pytest.mark.parametrize("sample", ["cpsctl", "dwcpstrt"])
def test_the_panel_rules(adjust: Adjust, sample: str, samples: dict[str, pd.DataFrame], reference: Values) -> None:
    frame, entry = samples[sample], reference[f"drdid_{sample}_{PANEL[adjust]}_panel"]
    trained, covariates = columns(frame)
    pair = panel_pair(trained, covariates, np.ones(len(frame)), adjust)
    att, influence = pair.influence((frame["re78"] - frame["re75"]).to_numpy()[:, None])
    assert len(frame) == entry["n"]
    assert att[0] == pytest.approx(entry["estimate"], rel=RTOL[adjust])
    assert np.sqrt((influence**2).sum()) == pytest.approx(entry["std_error"], rel=RTOL[adjust])


@pytest.mark.parametrize("adjust", PANEL)
def test_without_covariates_every_rule_is_the_unconditional_difference(
    adjust: Adjust, samples: dict[str, pd.DataFrame], reference: Values
) -> None:
    frame, entry = samples["cpsctl"], reference["drdid_cpsctl_nocov"]
    trained, covariates = columns(frame)
    pair = panel_pair(trained, covariates[:, :1], np.ones(len(frame)), adjust)
    att, influence = pair.influence((frame["re78"] - frame["re75"]).to_numpy()[:, None])
    assert att[0] == pytest.approx(entry["estimate"], rel=1e-6)
    assert np.sqrt((influence**2).sum()) == pytest.approx(entry["std_error"], rel=1e-6)


def cross_sections(frame: pd.DataFrame, adjust: Adjust, *, efficient: bool = True) -> tuple[CrossPair, Floats]:
    """Return both years stacked as if they were different people, which is how the entries were made."""
    trained, covariates = columns(frame)
    post = np.repeat([False, True], len(frame))
    pair = cross_pair(
        np.tile(trained, 2), post, np.tile(covariates, (2, 1)), np.ones(2 * len(frame)), adjust, efficient=efficient
    )
    return pair, np.concatenate([frame["re75"], frame["re78"]])[:, None]


@pytest.mark.parametrize(
    ("adjust", "name", "fits_known"),
    [("regression", "reg_rc", False), ("ipw", "std_ipw_rc", False), ("doubly_robust_improved", "drimp_rc", True)],
)
def test_the_rules_on_cross_sections(
    adjust: Adjust, name: str, fits_known: bool, samples: dict[str, pd.DataFrame], reference: Values
) -> None:
    pair, outcome = cross_sections(samples["cpsctl"], adjust)
    entry = reference[f"drdid_cpsctl_{name}"]
    att, influence = pair.influence(outcome, fits_known=fits_known)
    assert att[0] == pytest.approx(entry["estimate"], rel=RTOL[adjust])
    assert np.sqrt((influence**2).sum()) == pytest.approx(entry["std_error"], rel=RTOL[adjust])
    if fits_known:
        # Both years hold the same people, so that here the fits do not move the estimate at all.
        exact = pair.influence(outcome)[1]
        assert np.sqrt((exact**2).sum()) == pytest.approx(entry["std_error"], rel=RTOL[adjust])


@pytest.mark.parametrize(("name", "efficient"), [("trad_rc", True), ("trad_rc1", False)])
def test_the_doubly_robust_rules_on_cross_sections(
    name: str, efficient: bool, samples: dict[str, pd.DataFrame], reference: Values
) -> None:
    """The estimate is R's; the standard error is R's once a sign is turned (docs/methods/did.md).

    In drdid_rc and drdid_rc1 the regression of the controls before enters the influence with the sign of the one after
    (`inf.treat.or.post + inf.treat.or.pre`), although its value is subtracted. Turning that one term, −2·(x'(t − c))·
    (influence of β before), in the exact derivative gives R's number; what is exact is shown by the derivative in
    tests/unit/numerics/test_cross_pairs.py. The standard errors differ by .04%.
    """
    frame, entry = samples["cpsctl"], reference[f"drdid_cpsctl_{name}"]
    pair, outcome = cross_sections(frame, "doubly_robust", efficient=efficient)
    att, influence = pair.influence(outcome)
    assert att[0] == pytest.approx(entry["estimate"], rel=1e-5)
    assert pair.fit is not None
    design, before = pair.design, ~pair.post
    odds = np.where(pair.trained | ~before, 0.0, np.exp(pair.fit.index))
    treated = np.where(pair.trained & before, 1.0, 0.0)
    controls = (~pair.trained & before)[:, None] * design
    inverse = np.linalg.inv(controls.T @ design)
    residual = outcome - design @ (inverse @ controls.T @ outcome)
    moved = (controls * residual) @ inverse @ (design.T @ (treated / treated.sum() - odds / odds.sum()))
    exact, turned = influence[:, 0], influence[:, 0] - 2 * moved
    assert np.sqrt((turned**2).sum()) == pytest.approx(entry["std_error"], rel=1e-5)
    assert np.sqrt((exact**2).sum()) == pytest.approx(entry["std_error"], rel=5e-4)


def long(frame: pd.DataFrame) -> pd.DataFrame:
    """Return two rows per person, earnings in 1975 and 1978; the experiment's people adopt in 1978."""
    years = [frame.assign(year=1975, earned=frame["re75"]), frame.assign(year=1978, earned=frame["re78"])]
    rows = pd.concat([one.assign(person=np.arange(len(frame))) for one in years])
    return rows.assign(start=np.where(rows["experimental"] == 1, 1978.0, np.nan))


@pytest.mark.parametrize("adjust", PANEL)
@pytest.mark.parametrize("sample", ["cpsctl", "dwcpstrt"])
def test_did_with_covariates(adjust: Adjust, sample: str, samples: dict[str, pd.DataFrame], reference: Values) -> None:
    entry = reference[f"drdid_{sample}_{PANEL[adjust]}_panel"]
    panel = at.Panel.from_frame(
        long(samples[sample]), unit="person", period="year", outcome="earned", adopted="start", covariates=COVARIATES
    )
    estimate = at.did(panel, baseline=[1975], followup=[1978], covariates=COVARIATES, adjust=adjust, variance="HC0")
    assert estimate.value("effect") == pytest.approx(entry["estimate"], rel=RTOL[adjust])
    assert estimate.std_error("effect") == pytest.approx(entry["std_error"], rel=RTOL[adjust])
    # The entries' intervals are normal: ±1.96 standard errors.
    ends = [estimate.value("effect") + sign * 1.96 * estimate.std_error("effect") for sign in (-1, 1)]
    assert ends == pytest.approx(entry["ci"], rel=RTOL[adjust])


def test_did_with_covariates_on_cross_sections(samples: dict[str, pd.DataFrame], reference: Values) -> None:
    panel = at.Panel.from_frame(
        long(samples["cpsctl"]),
        period="year",
        outcome="earned",
        adopted="start",
        covariates=COVARIATES,
        kind="repeated_cross_sections",
    )
    for adjust, name in (("regression", "reg_rc"), ("ipw", "std_ipw_rc"), ("doubly_robust_improved", "drimp_rc")):
        entry = reference[f"drdid_cpsctl_{name}"]
        estimate = at.did(panel, baseline=[1975], followup=[1978], covariates=COVARIATES, adjust=adjust, variance="HC0")
        assert estimate.value("effect") == pytest.approx(entry["estimate"], rel=1e-5), adjust
        assert estimate.std_error("effect") == pytest.approx(entry["std_error"], rel=1e-5), adjust


@pytest.mark.parametrize("sample", ["cpsctl", "dwcpstrt"])
def test_the_two_way_regression_of_drdid_is_did_with_rows_taken_as_independent(
    sample: str, samples: dict[str, pd.DataFrame], reference: Values
) -> None:
    """Covariates that do not change drop out of the coefficient of twfe_did_panel, and its error ignores who is who.

    It is the HC0 error of the pooled regression on rows, times √(2n/(2n − 1)): both years of one person as two people.
    By person, covariates drop out of the error too, and what is left is the entry without covariates.
    """
    import statsmodels.api as sm

    frame, entry = samples[sample], reference[f"drdid_{sample}_twfe_panel"]
    rows = long(frame)
    panel = at.Panel.from_frame(rows, unit="person", period="year", outcome="earned", adopted="start")
    estimate = at.did(panel, baseline=[1975], followup=[1978], variance="HC0")
    assert estimate.value("effect") == pytest.approx(entry["estimate"], rel=1e-6)
    trained, post = rows["experimental"].to_numpy(dtype=float), (rows["year"] == 1978).to_numpy(dtype=float)
    covariates = rows[COVARIATES].to_numpy(dtype=float)
    design = np.column_stack([trained * post, trained, post, np.ones(len(rows)), covariates])
    model = sm.OLS(rows["earned"].to_numpy(), design)
    by_row = model.fit(cov_type="HC0").bse[0] * np.sqrt(len(rows) / (len(rows) - 1))
    assert by_row == pytest.approx(entry["std_error"], rel=1e-6)
    groups = {"groups": rows["person"].to_numpy(), "use_correction": False}
    by_person = model.fit(cov_type="cluster", cov_kwds=groups).bse[0]
    assert estimate.std_error("effect") == pytest.approx(by_person, rel=1e-6)
