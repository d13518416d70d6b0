"""Parity of two-way fixed effects: fixest, plm and clubSandwich (R 4.2.2), linearmodels, bacondecomp."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.estimate import Estimate
from attribution.estimators.bacon import bacon
from attribution.estimators.twfe import twfe
from attribution.estimators.two_way.variances import TwoWayVariance

RTOL = 1e-6
Values = dict[str, dict[str, Any]]
Reader = Callable[[str], pd.DataFrame]

# The variance of each entry, and whether its degrees of freedom are Satterthwaite's.
JOBS: dict[str, tuple[TwoWayVariance, bool]] = {
    "iid": ("classical", False),
    "HC1": ("HC1", False),
    "cluster_fixest_default": ("CR1_nested", False),
    "cluster_K_none": ("CR1", False),
    "cluster_K_full": ("CR1S", False),
    "cluster_CR0": ("CR0", False),
    "plm_CR0_satt": ("CR0", True),
    "plm_CR1_satt": ("CR1", True),
    "plm_CR1p_satt": ("CR1p", True),
    "plm_CR2_satt": ("CR2", True),
    "plm_CR3_satt": ("CR3", True),
    "lsdv_CR1_satt": ("CR1", True),
    "lsdv_CR2_satt": ("CR2", True),
    "plm_arellano_HC1": ("arellano_HC1", False),
}
EVENTS = {"grant": "effect[event=0]", "grant_1": "effect[event=1]"}
ENTRIES = [(name, column) for name in JOBS for column in EVENTS if (name, column) != ("plm_arellano_HC1", "grant_1")]


@pytest.fixture(scope="module")
def twfe_values() -> Values:
    """Return the committed entries of the reference on two-way fixed effects, by id."""
    found: Values = json.loads(Path(__file__).with_name("values_twfe.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def michigan() -> at.Panel:
    # One-year grants: grant and its lag are the dummies of event times 0 and 1.
    return at.Panel.from_frame(
        at.dataset("jobtraining"),
        unit="fcode",
        period="year",
        outcome="lscrap",
        trained="grant",
        direction="lower",
        scale="log",
    )


def test_the_committed_values_are_those_of_the_reference(twfe_values: Values, reference: Values) -> None:
    for name, entry in twfe_values.items():
        assert entry == {key: reference[name][key] for key in entry}, name
    mine = {
        name
        for name, entry in reference.items()
        if entry["family"] == "2_did" and name.startswith(("twfe_", "did_organ"))
    }
    assert mine == set(twfe_values)


def check(estimate: Estimate, term: str, entry: dict[str, Any]) -> None:
    row = estimate.tidy().set_index("term").loc[term]
    assert row["estimate"] == pytest.approx(entry["estimate"], rel=RTOL)
    assert row["std_error"] == pytest.approx(entry["std_error"], rel=RTOL)
    if entry["df"] is None:
        return
    assert estimate.contrast({term: 1.0}).df == pytest.approx(entry["df"], rel=RTOL)
    assert row["p_value"] == pytest.approx(entry["p_value"], rel=RTOL)
    # An end near 0 is compared to the width of the interval.
    low, high = entry["ci"]
    assert [row["conf_low"], row["conf_high"]] == pytest.approx([low, high], abs=RTOL * (high - low))


@pytest.mark.parametrize(("name", "column"), ENTRIES)
def test_grant_and_its_lag_of_the_michigan_firms(
    name: str, column: str, michigan: at.Panel, twfe_values: Values
) -> None:
    # linearmodels carries the KPI rounded to about 4e-7, which the tolerance bears.
    variance, satterthwaite = JOBS[name]
    term = EVENTS[column]
    entry = twfe_values[f"twfe_jtrain_{column}_{name}"]
    estimate = twfe(michigan, shape="event", variance=variance, satterthwaite=term if satterthwaite else None)
    check(estimate, term, entry)
    assert estimate.n.trained.rows + estimate.n.control.rows == entry["n"]


def test_the_michigan_coefficients_as_printed(michigan: at.Panel) -> None:
    # Wooldridge, Introductory Econometrics, Example 14.1: -.252 (.151) and -.422 (.210).
    estimate = twfe(michigan, shape="event", variance="classical")
    found = [(estimate.value(term), estimate.std_error(term)) for term in EVENTS.values()]
    assert found == [pytest.approx((-0.25231, 0.15063), abs=1e-5), pytest.approx((-0.42159, 0.21020), abs=1e-5)]
    assert (estimate.n.trained.rows + estimate.n.control.rows, estimate.n.units_left_out) == (162, 103)


def test_organ_donations_with_one_trained_state(twfe_values: Values, reference_data: Reader) -> None:
    frame = reference_data("organ_donations.csv")
    frame["active"] = ((frame["State"] == "California") & (frame["Quarter_Num"] > 3)).astype(int)
    panel = at.Panel.from_frame(frame, unit="State", period="Quarter_Num", outcome="Rate", trained="active")
    estimate = twfe(panel, variance="CR1_nested")
    check(estimate, "effect", twfe_values["did_organ_twfe_cluster"])
    # A formula's number; one cluster has no variance, as the default says.
    assert any("says nothing" in note for note in estimate.notes)
    assert np.isnan(twfe(panel).std_error("effect"))


def test_the_medicaid_event_study(twfe_values: Values, reference_data: Reader) -> None:
    frame = reference_data("medicaid_ehec_nonstaggered.csv")
    frame["start"] = np.where(frame["D"] == 1, 2014.0, np.nan)
    panel = at.Panel.from_frame(frame, unit="stfips", period="year", outcome="dins", adopted="start")
    estimate = twfe(panel, shape="event", leads=True, variance="CR1_nested")
    entry = twfe_values["twfe_event_medicaid"]
    names = {f"effect[event={int(name[6:10]) - 2014}]": name for name in entry["estimate"]}
    assert estimate.terms == ("effect", *names)
    for term, name in names.items():
        assert estimate.value(term) == pytest.approx(entry["estimate"][name], rel=RTOL)
        assert estimate.std_error(term) == pytest.approx(entry["std_error"][name], rel=RTOL)
    found = estimate.vcov().loc[list(names), list(names)].to_numpy()
    assert found == pytest.approx(np.array(entry["extra"]["sigma"]), rel=RTOL)
    assert estimate.n.trained.rows + estimate.n.control.rows == entry["n"]


def staggered(holes: float, seed: int = 4) -> pd.DataFrame:
    """Return 60 people in 20 teams over 8 months, adopting in months 3 and 5 or never, with unit weights."""
    rng = np.random.default_rng(seed)
    person, month = np.repeat(np.arange(60), 8), np.tile(np.arange(8), 60)
    start = np.array([3.0, 5.0, np.nan, np.nan])[np.arange(60) // 3 % 4]
    frame = pd.DataFrame(
        {
            "person": person,
            "month": month,
            "team": person // 3,
            "start": start[person],
            "weight": rng.uniform(0.5, 2.0, 60)[person],
            "kpi": rng.normal(0, 2, 60)[person] + rng.normal(0, 1, 8)[month] + rng.normal(0, 1, 480),
        }
    )
    frame["kpi"] += (frame["month"] >= frame["start"]) * (1 + 0.4 * (frame["month"] - frame["start"]).fillna(0))
    return frame[rng.random(len(frame)) >= holes] if holes else frame


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("holes", [0.0, 0.3])
@pytest.mark.parametrize("shape", ["static", "event"])
def test_linearmodels_agrees(shape: Any, holes: float, weights: bool) -> None:
    from linearmodels.panel import PanelOLS

    frame = staggered(holes)
    panel = at.Panel.from_frame(
        frame,
        unit="person",
        period="month",
        outcome="kpi",
        adopted="start",
        cluster="team",
        weight="weight" if weights else None,
    )
    since = frame["month"] - frame["start"]
    events = [""] if shape == "static" else [f"[event={e}]" for e in (-5, -4, -3, -2, 0, 1, 2, 3, 4)]
    columns = {
        f"effect{name}": (since >= 0 if name == "" else since == int(name[7:-1])).astype(float) for name in events
    }
    data = frame.assign(**columns).set_index(["person", "month"])
    fitted = PanelOLS(
        data["kpi"],
        data[list(columns)],
        entity_effects=True,
        time_effects=True,
        weights=data["weight"] if weights else None,
        singletons=False,
    ).fit(cov_type="clustered", clusters=data[["team"]], group_debias=True, debiased=True)
    estimate = twfe(panel, shape=shape, leads=shape == "event", variance="CR1S")
    for term in columns:
        assert estimate.value(term) == pytest.approx(fitted.params[term], abs=1e-8)
        # Both debiasings together are G(N − 1)/((G − 1)(N − K)), units and periods counted in K.
        assert estimate.std_error(term) == pytest.approx(fitted.std_errors[term], rel=RTOL)


# bacondecomp 0.1.0 (R), index.ipynb, and its vignette: bacon(l_homicide ~ post) on the castle data.
BACON = pd.DataFrame(
    {"weight": [0.90833857, 0.05976325, 0.03189818], "estimate": [0.08796, -0.00554, 0.07032]},
    index=[
        "trained against never trained",
        "earlier against later, not yet trained",
        "later against earlier, already trained",
    ],
)


def test_the_castle_doctrine_decomposition_as_published(reference_data: Reader) -> None:
    # Cheng & Hoekstra (2013). `post` of this file begins the year after a law takes effect, bacondecomp's with it.
    frame = reference_data("castle.csv")[["sid", "year", "l_homicide", "post"]]
    frame["start"] = frame["sid"].map(frame[frame["post"] == 1].groupby("sid")["year"].min() - 1)
    panel = at.Panel.from_frame(frame, unit="sid", period="year", outcome="l_homicide", adopted="start")
    found = bacon(panel)
    # The two files round the KPI differently, in the eighth digit.
    assert found.estimate == pytest.approx(0.0818116169306475, rel=RTOL)
    by_type = found.by_type().set_index("type").loc[BACON.index]
    assert by_type["weight"].to_numpy() == pytest.approx(BACON["weight"].to_numpy(), abs=5e-9)
    assert by_type["estimate"].to_numpy() == pytest.approx(BACON["estimate"].to_numpy(), abs=5e-6)
    # The notebook prints the plain mean of the comparisons with the never trained.
    never = found.tidy()["type"] == BACON.index[0]
    assert found.tidy()[never]["estimate"].mean() == pytest.approx(0.12391825, rel=RTOL)
    assert found.estimate == pytest.approx(twfe(panel).value("effect"), abs=1e-12)
