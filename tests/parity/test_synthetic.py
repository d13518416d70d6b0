"""Proposition 99: the published numbers of synthetic difference-in-differences and synthetic control.

Arkhangelsky, Athey, Hirshberg, Imbens & Wager (2021), Synthetic Difference-in-Differences, AER 111(12), Table 1, print
−15.6 (8.4) for SDID, −19.6 (9.9) for SC, −27.3 (17.7) for DID. R's `synthdid` 0.0.9, which made them, prints −15.60383,
−19.61966 and −27.34911. It stops Frank & Wolfe's (1956) steps early; here the weights are the exact optimum. The steps
are written again below from their description, so that the difference is derived, not waved through.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import attribution as at
from attribution.estimators.sites.weights import synthetic_placebos, synthetic_weights
from attribution.estimators.synthetic import synthetic

Floats = NDArray[np.float64]

BASELINE, FOLLOWUP = list(range(1970, 1989)), list(range(1989, 2001))
T_PRE, N_DONORS = 19, 38
R_SDID, R_SC, R_DID = -15.60383, -19.61966, -27.34911

# synthdid 0.0.9, summary(synthdid_estimate(...)) on california_prop99: donors and years, three digits.
R_DONORS = {
    "Nevada": 0.124, "New Hampshire": 0.105, "Connecticut": 0.078, "Delaware": 0.070, "Colorado": 0.058,
    "Illinois": 0.053, "Nebraska": 0.048, "Montana": 0.045, "Utah": 0.042, "New Mexico": 0.041, "Minnesota": 0.039,
    "Wisconsin": 0.037, "West Virginia": 0.034, "North Carolina": 0.033, "Idaho": 0.031, "Ohio": 0.031, "Maine": 0.028,
    "Iowa": 0.026,
}  # fmt: skip
R_YEARS = {"1988": 0.427, "1986": 0.366, "1987": 0.206}


@pytest.fixture(scope="module")
def frame(reference_data: Callable[[str], pd.DataFrame]) -> pd.DataFrame:
    return reference_data("california_prop99.csv")


@pytest.fixture(scope="module")
def panel(frame: pd.DataFrame) -> at.Panel:
    return at.Panel.from_frame(
        frame, unit="State", period="Year", outcome="PacksPerCapita", trained="treated", direction="lower"
    )


@pytest.fixture(scope="module")
def table(frame: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return California's path and those of the 38 donors."""
    wide = frame.pivot_table(index="State", columns="Year", values="PacksPerCapita")
    return wide.loc["California"].to_numpy(), wide.drop(index="California").to_numpy()


def frank_wolfe(matrix: Floats, target: Floats, zeta: float, start: Floats, least: float, most: int) -> Floats:
    """Take Frank–Wolfe steps with exact line search until the loss falls by less than `least`²."""
    weights, rows, loss = start, len(matrix), np.inf
    for step in range(most):
        error = matrix @ weights - target
        gradient = error @ matrix + rows * zeta**2 * weights
        direction = -weights
        direction[np.argmin(gradient)] += 1
        moved = matrix @ direction
        length = -(gradient @ direction) / (moved @ moved + rows * zeta**2 * direction @ direction)
        weights = weights + np.clip(length, 0, 1) * direction
        error = matrix @ weights - target
        before, loss = loss, zeta**2 * weights @ weights + error @ error / rows
        if step and before - loss <= least**2:
            break
    return weights


def early(matrix: Floats, target: Floats, zeta: float, noise: float, *, intercept: bool) -> Floats:
    """Return the weights of R's synthdid: 100 steps, weights below a quarter of the largest set to 0, steps again."""
    if intercept:
        matrix, target = matrix - matrix.mean(axis=0), target - target.mean()
    size = matrix.shape[1]
    first = frank_wolfe(matrix, target, zeta, np.full(size, 1 / size), 1e-5 * noise, 100)
    sparse = np.where(first > first.max() / 4, first, 0.0)
    return frank_wolfe(matrix, target, zeta, sparse / sparse.sum(), 1e-5 * noise, 10_000)


def early_effect(path: Floats, donors: Floats, zeta: float, noise: float, *, control: bool) -> float:
    unit = early(donors[:, :T_PRE].T, path[:T_PRE], zeta, noise, intercept=not control)
    gap = path - unit @ donors
    if control:
        return float(gap[T_PRE:].mean())
    after = donors[:, T_PRE:].mean(axis=1)
    time = early(donors[:, :T_PRE], after, 1e-6 * noise, noise, intercept=True)
    return float(gap[T_PRE:].mean() - time @ gap[:T_PRE])


def noise_of(donors: Floats) -> float:
    return float(np.std(np.diff(donors[:, :T_PRE], axis=1), ddof=1))


def test_the_printed_numbers_of_the_paper(panel: at.Panel) -> None:
    sdid = synthetic(panel, baseline=BASELINE, followup=FOLLOWUP)
    control = synthetic(panel, baseline=BASELINE, followup=FOLLOWUP, kind="control")
    did = at.did(panel, baseline=BASELINE, followup=FOLLOWUP)
    assert round(sdid.value("effect"), 1) == -15.6
    assert round(did.value("effect"), 1) == -27.3
    assert did.value("effect") == pytest.approx(R_DID, abs=5e-6)
    # The exact synthetic control is −19.51: the printed −19.6 is what early stopping leaves (derived below).
    assert control.value("effect") == pytest.approx(-19.51363, abs=5e-6)
    # Standard errors: over all 38 donors here, over random draws of them there. A standard deviation of 200 draws has a
    # Monte Carlo error of .64 (SDID) and .86 (SC): half the root of (kurtosis − 1)/200. Two of these.
    for estimate, printed in ((sdid, 8.4), (control, 9.9)):
        found = synthetic_placebos(
            panel, baseline=BASELINE, followup=FOLLOWUP, kind="did" if estimate is sdid else "control"
        ).effects
        assert estimate.std_error("effect") == pytest.approx(np.std(found), rel=1e-12)
        kurtosis = np.mean((found - found.mean()) ** 4) / np.var(found) ** 2
        error = estimate.std_error("effect") * np.sqrt((kurtosis - 1) / 200) / 2
        assert abs(estimate.std_error("effect") - printed) <= 2 * error


def test_early_stopping_makes_the_difference(panel: at.Panel, table: tuple[Floats, Floats]) -> None:
    path, donors = table
    noise = noise_of(donors)
    zeta = len(FOLLOWUP) ** 0.25 * noise
    # The steps reproduce R to its printed digits …
    assert early_effect(path, donors, zeta, noise, control=False) == pytest.approx(R_SDID, abs=5e-6)
    assert early_effect(path, donors, 1e-6 * noise, noise, control=True) == pytest.approx(R_SC, abs=5e-6)
    # … and the same weights without a stop go where the exact ones are: the loss is lower, the gap in effects closes.
    exact = synthetic_weights(panel, baseline=BASELINE, followup=FOLLOWUP, kind="control")
    matrix, target = donors[:, :T_PRE].T, path[:T_PRE]
    stopped = early(matrix, target, 1e-6 * noise, noise, intercept=False)
    longer = frank_wolfe(matrix, target, 1e-6 * noise, stopped, 0.0, 200_000)

    def loss(weights: Floats) -> float:
        return float(np.mean((matrix @ weights - target) ** 2))

    assert loss(exact.donor_weights) < loss(longer) < loss(stopped)
    gaps = [float((path - weights @ donors)[T_PRE:].mean()) for weights in (stopped, longer, exact.donor_weights)]
    # The error of Frank–Wolfe steps falls no faster than 1/steps: 200,000 more close seven tenths of the gap.
    assert abs(gaps[1] - gaps[2]) < 0.3 * abs(gaps[0] - gaps[2])
    sdid = synthetic(panel, baseline=BASELINE, followup=FOLLOWUP)
    assert sdid.value("effect") == pytest.approx(R_SDID, abs=2e-3)  # −15.6054: 1e-4 of its value from early stopping


def test_the_printed_weights(panel: at.Panel, table: tuple[Floats, Floats]) -> None:
    found = synthetic_weights(panel, baseline=BASELINE, followup=FOLLOWUP)
    weights = found.tidy().set_index("label")["weight"]
    # To the printed digits but for early stopping: one in the third.
    assert weights[list(R_DONORS)].to_numpy() == pytest.approx(list(R_DONORS.values()), abs=1.5e-3)
    assert weights[list(R_YEARS)].to_numpy() == pytest.approx(list(R_YEARS.values()), abs=5e-4)
    assert found.effective_donors == pytest.approx(16.388, abs=0.05)
    assert found.zeta == pytest.approx(12**0.25 * noise_of(table[1]), rel=1e-12)


def test_the_regularised_variants_of_the_paper_lie_on_the_same_path(
    panel: at.Panel, table: tuple[Floats, Floats]
) -> None:
    # DIFP (weights with an intercept, no ridge, plain baseline mean) is printed as −11.1: the same solver, other parts.
    from attribution.numerics.simplex import simplex_least_squares

    path, donors = table
    matrix, target = donors[:, :T_PRE].T, path[:T_PRE]
    unit = simplex_least_squares(
        matrix - matrix.mean(axis=0), target - target.mean(), ridge=(1e-6 * noise_of(donors)) ** 2 * T_PRE
    )
    gap = path - unit @ donors
    assert gap[T_PRE:].mean() - gap[:T_PRE].mean() == pytest.approx(-11.10464, abs=5e-3)


def test_the_jackknife_is_that_of_the_published_formula(frame: pd.DataFrame) -> None:
    # Four states as if trained in 1989: Algorithm 3 of the paper as its weighted regression, from another package.
    from linearmodels import PanelOLS

    trained = ["California", "Nevada", "Utah", "Texas"]
    panel = at.Panel.from_frame(
        frame.assign(treated=frame["State"].isin(trained) & (frame["Year"] >= 1989)).astype({"treated": int}),
        unit="State",
        period="Year",
        outcome="PacksPerCapita",
        trained="treated",
    )
    options: dict[str, Any] = {"baseline": BASELINE, "followup": FOLLOWUP}
    estimate = synthetic(panel, **options, variance="jackknife")
    found = synthetic_weights(panel, **options)
    unit = dict(zip(found.donors, found.donor_weights, strict=True)) | dict.fromkeys(trained, 1 / len(trained))
    year = dict(zip(BASELINE, found.baseline_weights, strict=True)) | dict.fromkeys(FOLLOWUP, 1 / len(FOLLOWUP))
    rows = frame.assign(
        weight=frame["State"].map(unit) * frame["Year"].map(year),
        on=(frame["State"].isin(trained) & (frame["Year"] >= 1989)).astype(float),
    )

    def regression(without: str = "") -> float:
        kept = rows[(rows["weight"] > 1e-12) & (rows["State"] != without)].set_index(["State", "Year"])
        fit = PanelOLS(
            kept["PacksPerCapita"], kept[["on"]], weights=kept["weight"], entity_effects=True, time_effects=True
        ).fit()
        return float(fit.params["on"])

    whole = regression()
    assert estimate.value("effect") == pytest.approx(whole, rel=1e-6)
    used = [name for name, weight in unit.items() if weight > 1e-12]
    moved = np.array([regression(name) - whole for name in used])
    count = len(unit)
    assert estimate.std_error("effect") == pytest.approx(np.sqrt((count - 1) / count * np.sum(moved**2)), rel=1e-6)
