"""Parity of trend: the interrupted series of reference.json (R 4.2.2), at 1e-6 relative, and statsmodels as oracle."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.estimate import Estimate
from attribution.estimators.trend import trend
from attribution.numerics.series import durbin_watson, durbin_watson_p, segmented

RTOL = 1e-6
Values = dict[str, dict[str, Any]]
Reader = Callable[[str], pd.DataFrame]

TERMS = {"(Intercept)": "intercept", "t": "trend", "post": "level_change", "tp": "slope_change"}


def check(estimate: Estimate, entry: dict[str, Any]) -> None:
    rows = estimate.tidy().set_index("term")
    for theirs, ours in TERMS.items():
        row = rows.loc[ours]
        assert row["estimate"] == pytest.approx(entry["estimate"][theirs], rel=RTOL)
        assert row["std_error"] == pytest.approx(entry["std_error"][theirs], rel=RTOL)
        assert [row["conf_low"], row["conf_high"]] == pytest.approx(entry["ci"][theirs], rel=RTOL)
        assert row["p_value"] == pytest.approx(entry["p_value"][theirs], rel=RTOL)
        assert estimate.contrast({ours: 1.0}).df == pytest.approx(entry["df"], rel=1e-12)


@pytest.fixture(scope="module")
def california(reference_data: Reader) -> at.Panel:
    frame = reference_data("california_prop99.csv")
    frame["start"] = np.where(frame["State"] == "California", 1989.0, np.nan)
    return at.Panel.from_frame(
        frame, unit="State", period="Year", outcome="PacksPerCapita", adopted="start", direction="lower"
    )


WINDOWS: dict[str, Any] = {"baseline": range(1970, 1989), "followup": range(1989, 2001)}


@pytest.mark.parametrize("lags", [0, 1])
def test_newey_west_of_proposition_99(lags: int, california: at.Panel, reference: Values) -> None:
    check(trend(california, **WINDOWS, variance="newey_west", lags=lags), reference[f"its_prop99_nw_lag{lags}"])


def test_classical_errors_of_proposition_99(california: at.Panel, reference: Values) -> None:
    check(trend(california, **WINDOWS, variance="classical"), reference["its_prop99_ols"])


def test_durbin_watson_of_proposition_99(california: at.Panel, reference: Values, reference_data: Reader) -> None:
    entry = reference["its_prop99_dw"]
    frame = reference_data("california_prop99.csv")
    values = frame.loc[frame["State"] == "California", "PacksPerCapita"].to_numpy()
    segments = segmented(np.arange(31), 19)
    found = durbin_watson(values - segments.design @ (segments.solution() @ values))
    assert found == pytest.approx(entry["estimate"], rel=RTOL)
    assert durbin_watson_p(found, segments.design) == pytest.approx(entry["p_value"], rel=RTOL)
    (said,) = (note for note in trend(california, **WINDOWS).notes if note.startswith("Durbin–Watson"))
    assert [float(one) for one in re.findall(r"[\d.]+(?:e-\d+)?", said)] == [0.535, 4.5e-09]


def test_newey_west_of_the_seatbelt_law(reference: Values, reference_data: Reader) -> None:
    frame = reference_data("seatbelts.csv")
    frame["log_drivers"], frame["start"] = np.log(frame["drivers"]), 170
    panel = at.Panel.from_frame(frame, period="t", outcome="log_drivers", adopted="start", kind="series", scale="log")
    estimate = trend(panel, baseline=range(1, 170), followup=range(170, 193), season=12, variance="newey_west", lags=0)
    # The entry counts months from 1, so that its intercept is one month before the first.
    moved = {ours: {ours: 1.0} for ours in TERMS.values()} | {"intercept": {"intercept": 1.0, "trend": -1.0}}
    check(estimate.combine(moved), reference["its_seatbelts_nw_lag0"])


def test_the_fit_is_that_of_statsmodels_with_season_and_control() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(8)
    time = np.arange(44)
    control = 20 + 0.3 * time + rng.normal(0, 1, 44)
    values = (
        5 + 0.2 * time + 0.7 * control + np.sin(time) + (time >= 32) * (3 + 0.4 * (time - 32)) + rng.normal(size=44)
    )
    frame = pd.DataFrame(
        {
            "site": np.repeat(["trained", "other"], 44),
            "quarter": np.tile(time, 2),
            "kpi": np.concatenate([values, control]),
            "start": np.repeat([32.0, np.nan], 44),
        }
    )
    panel = at.Panel.from_frame(frame, unit="site", period="quarter", outcome="kpi", adopted="start")
    estimate = trend(
        panel,
        baseline=range(32),
        followup=range(32, 44),
        season=4,
        controls="regressor",
        variance="newey_west",
        lags=3,
    )
    post = time >= 32
    columns = [np.ones(44), time, post, post * (time - 32), control - control[:32].mean()]
    columns += [time % 4 == one for one in (1, 2, 3)]
    fitted = sm.OLS(values, np.stack(columns, axis=1).astype(float)).fit(
        cov_type="HAC", cov_kwds={"maxlags": 3, "use_correction": True}, use_t=True
    )
    names = ["intercept", "trend", "level_change", "slope_change", "control_coefficient"]
    for index, name in enumerate(names):
        found = estimate.contrast({name: 1.0})
        assert [found.value, found.std_error] == pytest.approx([fitted.params[index], fitted.bse[index]], rel=1e-9)
    projected = fitted.params.copy()
    projected[2:4] = 0
    level = float((np.stack(columns, axis=1) @ projected)[post].mean())
    assert estimate.value("untrained_level") == pytest.approx(level, rel=1e-12)
    assert estimate.value("effect") == pytest.approx(values[post].mean() - level, rel=1e-9)


def test_the_default_error_agrees_with_generalised_least_squares_on_a_long_series() -> None:
    # On 600 periods ρ is known well, and least squares is nearly as good as statsmodels' feasible GLS.
    import statsmodels.api as sm

    rng = np.random.default_rng(4)
    time = np.arange(600)
    errors = rng.standard_normal(600)
    for t in range(1, 600):
        errors[t] += 0.5 * errors[t - 1]
    frame = pd.DataFrame({"t": time, "kpi": 50 + 0.01 * time + 2 * (time >= 450) + errors, "start": 450})
    panel = at.Panel.from_frame(frame, period="t", outcome="kpi", adopted="start", kind="series")
    estimate = trend(panel, baseline=range(450), followup=range(450, 600))
    design = segmented(time, 450).design
    fitted = sm.GLSAR(frame["kpi"].to_numpy(), design, rho=1).iterative_fit(20)
    for index, name in enumerate(("intercept", "trend", "level_change", "slope_change")):
        assert estimate.std_error(name) == pytest.approx(fitted.bse[index], rel=0.05)
        assert abs(estimate.value(name) - fitted.params[index]) < 0.5 * fitted.bse[index]
    assert estimate.value("autocorrelation") == pytest.approx(float(fitted.model.rho[0]), abs=0.02)
