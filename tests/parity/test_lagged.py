"""Parity of the lagged outcome: ordinary and weighted least squares by statsmodels, closed form, at 1e-6 relative."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.arms import two_window_arms, windows
from attribution.estimators.bracket import bracket
from attribution.estimators.lagged import LaggedVariance, lagged
from attribution.estimators.windows.reduce import reduce_windows

RTOL = 1e-6

STATSMODELS: dict[LaggedVariance, str] = {"HC0": "HC0", "HC1": "HC1"}


def michigan() -> at.Panel:
    return at.Panel.from_frame(
        at.dataset("jobtraining"),
        unit="fcode",
        period="year",
        outcome="lscrap",
        trained="grant",
        direction="lower",
        scale="log",
    )


def wide() -> pd.DataFrame:
    """Return the 54 Michigan firms with a scrap rate: 1988, 1987, and whether trained in 1988."""
    frame = at.dataset("jobtraining")
    before, after = (frame[frame["year"] == year].set_index("fcode") for year in (1987, 1988))
    return pd.DataFrame({"after": after["lscrap"], "before": before["lscrap"], "grant": after["grant"]}).dropna()


@pytest.mark.parametrize("variance", STATSMODELS)
def test_the_michigan_firms_by_ordinary_least_squares(variance: LaggedVariance) -> None:
    import statsmodels.formula.api as smf

    fitted = smf.ols("after ~ grant + before", wide()).fit(cov_type=STATSMODELS[variance], use_t=True)
    estimate = lagged(michigan(), baseline=[1987], followup=[1988], variance=variance)
    row = estimate.tidy().set_index("term").loc["effect"]
    assert row["estimate"] == pytest.approx(fitted.params["grant"], rel=RTOL)
    assert row["std_error"] == pytest.approx(fitted.bse["grant"], rel=RTOL)
    assert row["p_value"] == pytest.approx(fitted.pvalues["grant"], rel=RTOL)
    assert [row["conf_low"], row["conf_high"]] == pytest.approx(fitted.conf_int().loc["grant"].to_list(), rel=RTOL)
    assert bracket(michigan(), baseline=[1987], followup=[1988]).slope == pytest.approx(
        fitted.params["before"], rel=RTOL
    )


def people(holes: float, seed: int = 6) -> pd.DataFrame:
    """Return 80 people in 20 teams over five months, the lower performers more often trained in month 3."""
    rng = np.random.default_rng(seed)
    skill = rng.normal(0, 2, 80)
    trained = skill + rng.normal(0, 2, 80) + 3 * (np.arange(80) // 4 % 2) < 1.0
    person, month = np.repeat(np.arange(80), 5), np.tile(np.arange(5), 80)
    kpi = 50 + skill[person] + rng.normal(0, 2, 5)[month] + rng.normal(0, 1, 400) + 2 * (trained[person] & (month >= 3))
    rows = pd.DataFrame(
        {
            "person": person,
            "month": month,
            "team": person // 4,
            "start": np.where(trained, 3.0, np.nan)[person],
            "weight": rng.uniform(0.5, 2.0, 80)[person],
            "kpi": kpi,
        }
    )
    return rows[rng.random(len(rows)) >= holes] if holes else rows


@pytest.mark.parametrize("holes", [0.0, 0.25])
@pytest.mark.parametrize(("variance", "correction"), [("CR0", False), ("CR1S", True)])
def test_weighted_least_squares_of_window_means_with_clusters(
    variance: LaggedVariance, correction: bool, holes: float
) -> None:
    import statsmodels.formula.api as smf

    columns: dict[str, Any] = {"unit": "person", "period": "month", "outcome": "kpi", "adopted": "start"}
    panel = at.Panel.from_frame(people(holes), **columns, cluster="team", weight="weight")
    estimate = lagged(panel, baseline=[0, 1, 2], followup=[3, 4], variance=variance)
    before, after = windows(panel, [0, 1, 2], [3, 4])
    reduced = reduce_windows(panel, before, after, two_window_arms(panel, before, after, "not_yet"), compare=True)
    inside = reduced.entering
    data = pd.DataFrame(reduced.value[inside], columns=["before", "after"])
    data["trained"] = (reduced.arm[inside] == 0).astype(float)
    fitted = smf.wls("after ~ trained + before", data, weights=reduced.weight[inside]).fit(
        cov_type="cluster",
        cov_kwds={"groups": panel.units.cluster[inside], "use_correction": correction},
        use_t=True,
    )
    found = estimate.contrast({"effect": 1.0})
    assert found.value == pytest.approx(fitted.params["trained"], rel=RTOL)
    if holes:
        return  # the standard error also knows that the periods' deviations are estimated; the contract tests have it
    assert found.std_error == pytest.approx(fitted.bse["trained"], rel=RTOL)
    assert estimate.tidy().set_index("term").loc["effect", "p_value"] == pytest.approx(
        fitted.pvalues["trained"], rel=RTOL
    )
