"""Parity of prepost and did: entries of reference.json (R 4.2.2), at 1e-6 relative (closed form)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import attribution as at
from attribution.core.estimate import Estimate
from attribution.estimators.windows.variances import Variance

RTOL = 1e-6
Values = dict[str, dict[str, Any]]
Reader = Callable[[str], pd.DataFrame]

NAMED = {"ols": "classical", "HC0": "HC0", "HC1": "HC1", "HC2": "HC2", "HC3": "HC3"}


def differences_panel(trained: NDArray[Any], difference: NDArray[Any]) -> at.Panel:
    """Return a panel whose KPI is 0 before and the difference after, for data that are published as differences."""
    n = len(difference)
    frame = pd.DataFrame(
        {
            "unit": np.repeat(np.arange(n), 2),
            "time": np.tile([0, 1], n),
            "kpi": np.stack([np.zeros(n), difference], axis=1).ravel(),
            "start": np.repeat(np.where(trained == 1, 1.0, np.nan), 2),
        }
    )
    return at.Panel.from_frame(frame, unit="unit", period="time", outcome="kpi", adopted="start")


def michigan(frame: pd.DataFrame) -> at.Panel:
    return at.Panel.from_frame(
        frame, unit="fcode", period="year", outcome="lscrap", trained="grant", direction="lower", scale="log"
    )


def check(estimate: Estimate, term: str, entry: dict[str, Any]) -> None:
    row = estimate.tidy().set_index("term").loc[term]
    assert row["estimate"] == pytest.approx(entry["estimate"], rel=RTOL)
    assert row["std_error"] == pytest.approx(entry["std_error"], rel=RTOL)
    assert [row["conf_low"], row["conf_high"]] == pytest.approx(entry["ci"], rel=RTOL)
    assert row["p_value"] == pytest.approx(entry["p_value"], rel=RTOL)
    assert estimate.contrast({term: 1.0}).df == pytest.approx(entry["df"], rel=RTOL)


def test_prepost_of_the_michigan_firms(values: Values, reference_data: Reader) -> None:
    estimate = at.prepost(michigan(reference_data("jtrain.csv")), baseline=[1987], followup=[1988])
    check(estimate, "change", values["pp_jtrain_lscrap_treated_88_87"])
    assert estimate.n.trained.units == values["pp_jtrain_lscrap_treated_88_87"]["n"]


def test_prepost_is_the_paired_t_interval_of_student(values: Values, reference_data: Reader) -> None:
    frame = reference_data("sleep_student.csv")
    frame["time"], frame["start"] = 2 - frame["group"], 1  # the entry subtracts group 2 from group 1
    panel = at.Panel.from_frame(frame, unit="ID", period="time", outcome="extra", adopted="start")
    check(at.prepost(panel, baseline=[0], followup=[1]), "change", values["pp_student_sleep"])


@pytest.mark.parametrize("name", NAMED)
def test_did_of_the_michigan_firms(name: str, values: Values, reference_data: Reader) -> None:
    frame = reference_data("jtrain.csv")
    frame = frame[(frame["year"] == 1988) & frame["clscrap"].notna()]
    panel = differences_panel(frame["cgrant"].to_numpy(), frame["clscrap"].to_numpy())
    entry = values[f"did_jtrain_fd88_{name}"]
    estimate = at.did(panel, baseline=[0], followup=[1], variance=NAMED[name])
    check(estimate, "effect", entry)
    assert estimate.n.trained.units + estimate.n.control.units == entry["n"]


@pytest.mark.parametrize("name", NAMED)
def test_did_of_the_michigan_firms_from_the_installed_data(name: str, values: Values) -> None:
    # linearmodels carries the KPI rounded to about 4e-7; an end near 0 is compared to the width of the interval.
    entry = values[f"did_jtrain_fd88_{name}"]
    estimate = at.did(michigan(at.dataset("jobtraining")), baseline=[1987], followup=[1988], variance=NAMED[name])
    low, high = entry["ci"]
    found = estimate.interval(0.95)
    assert estimate.value("effect") == pytest.approx(entry["estimate"], rel=RTOL)
    assert estimate.std_error("effect") == pytest.approx(entry["std_error"], rel=RTOL)
    assert [found.low, found.high] == pytest.approx([low, high], abs=RTOL * (high - low))


@pytest.mark.parametrize("name", NAMED)
def test_did_of_card_and_krueger_balanced_sample(name: str, values: Values, reference_data: Reader) -> None:
    frame = reference_data("njmin3_card_krueger.csv")
    frame = frame[(frame["d"] == 1) & frame["demp"].notna()]
    panel = differences_panel(frame["nj"].to_numpy(), frame["demp"].to_numpy())
    entry = values[f"did_ck_balanced_fd_{name}"]
    estimate = at.did(panel, baseline=[0], followup=[1], variance=NAMED[name])
    check(estimate, "effect", entry)
    assert estimate.n.trained.units + estimate.n.control.units == entry["n"]


# Known values of the Michigan study as printed, five decimals.
PRINTED = 1e-5
TERMS = {
    "effect": (-0.31706, 0.17222, 32.18, -0.66777, 0.03366),
    "change": (-0.37449, 0.14608, 18.0, -0.68140, -0.06759),
}


@pytest.fixture(scope="module")
def panel() -> at.Panel:
    return michigan(at.dataset("jobtraining"))


@pytest.mark.parametrize("term", TERMS)
def test_the_michigan_study_with_the_default_variance(term: str, panel: at.Panel) -> None:
    estimate = at.did(panel, baseline=[1987], followup=[1988])
    value, error, df, low, high = TERMS[term]
    found, interval = estimate.contrast({term: 1.0}), estimate.interval(0.95, term=term)
    assert [found.value, found.std_error, interval.low, interval.high] == pytest.approx(
        [value, error, low, high], abs=PRINTED
    )
    assert found.df == pytest.approx(df, abs=0.005)
    assert estimate.value("background") == pytest.approx(-0.05744, abs=PRINTED)


def test_prepost_gives_the_same_change_as_did(panel: at.Panel) -> None:
    alone = at.prepost(panel, baseline=[1987], followup=[1988])
    compared = at.did(panel, baseline=[1987], followup=[1988])
    assert alone.contrast({"change": 1.0}).df == pytest.approx(18, rel=1e-12)
    assert alone.tidy().set_index("term").loc["change"].to_numpy() == pytest.approx(
        compared.tidy().set_index("term").loc["change"].to_numpy(), rel=1e-12
    )


def test_the_michigan_share(panel: at.Panel) -> None:
    factor = at.attribution_factor(at.did(panel, baseline=[1987], followup=[1988]), draws=99)
    delta = next(one for one in factor.others if one.method == "delta")
    assert factor.share == pytest.approx(0.84663, abs=PRINTED)
    assert [factor.interval.low, factor.interval.high] == pytest.approx([-0.33460, 1.44825], abs=PRINTED)
    assert [delta.low, delta.high] == pytest.approx([0.33893, 1.35433], abs=PRINTED)
    assert factor.interval.kind == "bounded"


@pytest.mark.parametrize(("variance", "error"), [("classical", 0.16388), ("HC1", 0.17142), ("CR1", 0.16980)])
def test_the_michigan_effect_with_a_named_variance(variance: Variance, error: float, panel: at.Panel) -> None:
    estimate = at.did(panel, baseline=[1987], followup=[1988], variance=variance)
    assert estimate.std_error("effect") == pytest.approx(error, abs=PRINTED)


def test_the_michigan_share_with_cr1_and_constant_df(panel: at.Panel) -> None:
    estimate = at.did(panel, baseline=[1987], followup=[1988], variance="CR1")
    interval = at.attribution_factor(estimate, draws=99).interval
    assert estimate.contrast({"effect": 1.0, "change": -0.5}).df == pytest.approx(53, rel=1e-12)
    assert [interval.low, interval.high] == pytest.approx([-0.18744, 1.43772], abs=PRINTED)


def test_the_michigan_effect_against_the_never_trained(panel: at.Panel) -> None:
    estimate = at.did(panel, baseline=[1987], followup=[1988], controls="never")
    assert estimate.value("effect") == pytest.approx(-0.37898, abs=PRINTED)
    assert estimate.value("effect") / estimate.value("change") == pytest.approx(1.01197, abs=PRINTED)
    assert (estimate.n.trained.units, estimate.n.control.units) == (19, 25)


def test_the_michigan_percent_effects(panel: at.Panel) -> None:
    estimate = at.did(panel, baseline=[1987], followup=[1988])
    percent = estimate.percent()
    assert [percent.estimate, percent.interval.low, percent.interval.high] == pytest.approx(
        [-0.272, -0.487, 0.034], abs=5e-4
    )
    assert estimate.percent(term="change").estimate == pytest.approx(-0.312, abs=5e-4)
    assert estimate.percent(term="background").estimate == pytest.approx(-0.056, abs=5e-4)


def test_the_michigan_flow(panel: at.Panel) -> None:
    flow = at.did(panel, baseline=[1987], followup=[1988]).n
    assert (flow.trained.units, flow.control.units, flow.units_left_out) == (19, 35, 103)
    assert flow.later == (("1989", 10),)
    assert flow.trained_in_window == 36
    assert flow.tidy()["rows"].sum() == 471


def test_every_named_variance_runs_on_the_michigan_panel(panel: at.Panel) -> None:
    errors = {
        v: at.did(panel, baseline=[1987], followup=[1988], variance=v).std_error("effect") for v in get_args(Variance)
    }
    # One firm a cluster: the cluster variances are those by unit, up to their factors.
    assert errors["CR0"] == pytest.approx(errors["HC0"], rel=1e-12)
    assert errors["CR1S"] == pytest.approx(errors["HC1"], rel=1e-12)
    assert errors["CR2"] == pytest.approx(errors["HC2"], rel=1e-12)
    assert errors["default"] == pytest.approx(errors["HC2"], rel=1e-12)
