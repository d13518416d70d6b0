"""Uniform critical values of R's `did` (multiplier bootstrap): from influences built here by hand.

Without covariates ATT(g, t) is a difference of two means of differences, so that the influence needs no estimator. The
entries' label says Mammen; the multipliers of did are those of BMisc's `multiplier_bootstrap`, Rademacher ones, and the
numbers agree: Mammen multipliers give 2.76, 2.60 and 2.33 for 2.674, 2.536 and 2.234.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import attribution as at
from attribution.estimators.staggered import staggered
from attribution.inference.bands import simultaneous
from attribution.numerics.multipliers import multiplier_sums
from attribution.numerics.supremum import quartile_errors, supremum_quantile

Floats = NDArray[np.float64]
DRAWS, BLOCK = 100_000, 5_000
# Critical values: what the README of the reference allows at 25,000 draws. The standard errors of the entries come from
# the quartiles of 25,000 draws: with ours a relative Monte Carlo error of .8%. 22 are
# compared: a tolerance of 4 errors.
CRITICAL, ERROR = 0.03, 0.032


@pytest.fixture(scope="module")
def group_time(reference_data: Callable[[str], pd.DataFrame]) -> tuple[list[tuple[int, int]], Floats, Floats, Any]:
    """Return the cells (g, t), their ATT, the influence of every county (sum form), and each county's cohort."""
    frame = reference_data("mpdta.csv")
    wide = frame.pivot_table(index="countyreal", columns="year", values="lemp").to_numpy()
    cohort = frame.groupby("countyreal")["first.treat"].first().to_numpy()
    years = [2003, 2004, 2005, 2006, 2007]
    never = cohort == 0
    cells, effects, influence = [], [], []
    for g in (2004, 2006, 2007):
        for t in years[1:]:
            base = years.index(g - 1 if t >= g else t - 1)  # the varying base period
            change = wide[:, years.index(t)] - wide[:, base]
            arms = [(cohort == g, 1.0), (never, -1.0)]
            cells.append((g, t))
            effects.append(sum(sign * change[arm].mean() for arm, sign in arms))
            influence.append(sum(sign * arm * (change - change[arm].mean()) / arm.sum() for arm, sign in arms))
    return cells, np.array(effects), np.stack(influence, axis=1), cohort


def averaged(
    cells: list[tuple[int, int]], effects: Floats, influence: Floats, cohort: Any, keep: list[int]
) -> tuple[float, Floats]:
    """Return the mean of cells weighted by the size of their cohorts, and its influence, the sizes' own included."""
    sizes = np.array([(cohort == cells[index][0]).sum() for index in keep], dtype=float)
    share = sizes / sizes.sum()
    value = float(share @ effects[keep])
    moved = sum((cohort == cells[index][0]) * (effects[index] - value) / sizes.sum() for index in keep)
    return value, influence[:, keep] @ share + moved


def band(influence: Floats, seed: int, multiplier: Any = "rademacher") -> tuple[float, Floats]:
    rng = np.random.default_rng(seed)
    drawn = np.concatenate(
        [multiplier_sums(influence, influence.sum(axis=0), BLOCK, multiplier, rng) for _ in range(DRAWS // BLOCK)]
    )
    errors = quartile_errors(drawn)
    return supremum_quantile(drawn, errors, 0.95), errors


def test_group_time(reference: dict[str, dict[str, Any]], group_time: Any) -> None:
    cells, effects, influence, _ = group_time
    entry = reference["cs_230_mpdta_none_dr_never_boot_attgt"]
    analytic = reference["cs_230_mpdta_none_dr_nevertreated_attgt"]
    assert effects == pytest.approx(analytic["estimate"], rel=1e-6)
    assert np.sqrt((influence**2).sum(axis=0)) == pytest.approx(analytic["std_error"], rel=1e-6)
    assert cells == list(zip(entry["extra"]["group"], entry["extra"]["t"], strict=True))
    critical, errors = band(influence, 1)
    assert critical == pytest.approx(entry["estimate"], abs=CRITICAL)
    assert errors == pytest.approx(entry["extra"]["se_boot"], rel=ERROR)
    # Which multipliers matters here, with 20 counties in a cohort: three tolerances away.
    assert band(influence, 1, "mammen")[0] > entry["estimate"] + 2 * CRITICAL


def test_dynamic(reference: dict[str, dict[str, Any]], group_time: Any) -> None:
    cells, effects, influence, cohort = group_time
    entry = reference["cs_230_mpdta_none_dr_never_boot_dynamic"]["extra"]
    by_event = [
        averaged(cells, effects, influence, cohort, [i for i, (g, t) in enumerate(cells) if t - g == event])
        for event in entry["egt"]
    ]
    assert [value for value, _ in by_event] == pytest.approx(entry["att_egt"], rel=1e-6)
    critical, errors = band(np.stack([one for _, one in by_event], axis=1), 2)
    assert critical == pytest.approx(reference["cs_230_mpdta_none_dr_never_boot_dynamic"]["estimate"], abs=CRITICAL)
    assert errors == pytest.approx(entry["se_egt"], rel=ERROR)


def test_group(reference: dict[str, dict[str, Any]], group_time: Any) -> None:
    cells, effects, influence, _ = group_time
    entry = reference["cs_230_mpdta_none_dr_never_boot_group"]["extra"]
    values, columns = [], []
    for group in entry["egt"]:
        keep = [i for i, (g, t) in enumerate(cells) if g == group and t >= g]
        values.append(effects[keep].mean())
        columns.append(influence[:, keep].mean(axis=1))
    assert values == pytest.approx(entry["att_egt"], rel=1e-6)
    critical, errors = band(np.stack(columns, axis=1), 3)
    assert critical == pytest.approx(reference["cs_230_mpdta_none_dr_never_boot_group"]["estimate"], abs=CRITICAL)
    assert errors == pytest.approx(entry["se_egt"], rel=ERROR)


@pytest.mark.parametrize("aggregate", ["event", "group"])
def test_the_same_through_staggered(
    reference: dict[str, dict[str, Any]], reference_data: Callable[[str], pd.DataFrame], aggregate: Any
) -> None:
    frame = reference_data("mpdta.csv")
    panel = at.Panel.from_frame(frame, unit="countyreal", period="year", outcome="lemp", adopted="first.treat")
    estimate = staggered(panel, controls="never", aggregate=aggregate)
    entry = reference[f"cs_230_mpdta_none_dr_never_boot_{'dynamic' if aggregate == 'event' else 'group'}"]
    found = simultaneous(estimate, aggregate, method="multiplier", draws=DRAWS, seed=4)
    assert found["estimate"].tolist() == pytest.approx(entry["extra"]["att_egt"], rel=1e-6)
    assert found["critical"].to_numpy() == pytest.approx(entry["estimate"], abs=CRITICAL)
    assert found["std_error"].tolist() == pytest.approx(entry["extra"]["se_egt"], rel=ERROR)
