"""Parity of group-time effects with R's `did` 2.3.0: every aggregation, estimate and standard error.

Without covariates every rule is a difference of means (closed form, 1e-6); with `lpop` there is a logit (1e-5).
"""

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
from attribution.numerics.pairs import Adjust

Values = dict[str, dict[str, Any]]
Reader = Callable[[str], pd.DataFrame]

VALUES: Values = json.loads(Path(__file__).with_name("values_staggered.json").read_text(encoding="utf-8"))
CSDID: dict[str, Any] = json.loads(Path(__file__).with_name("values_csdid.json").read_text(encoding="utf-8"))
BANDS = [name for name in VALUES if "_boot_" in name]
ADJUST: dict[str, Adjust] = {"dr": "doubly_robust", "ipw": "ipw", "reg": "regression"}
AGGREGATE = {
    "attgt": ("cells", ""),
    "simple": ("simple", ""),
    "dynamic": ("event", "event"),
    "group": ("group", "group"),
    "calendar": ("calendar", "time"),
}


def counties(frame: pd.DataFrame, **options: Any) -> at.Panel:
    return at.Panel.from_frame(
        frame, period="year", outcome="lemp", adopted="first.treat", covariates=["lpop"], **options
    )


def panel_of(name: str, reader: Reader) -> at.Panel:
    if "jtrain" in name:
        frame = reader("jtrain.csv")
        whole = frame.groupby("fcode")["lscrap"].transform("count") == 3
        return at.Panel.from_frame(frame[whole], unit="fcode", period="year", outcome="lscrap", trained="grant")
    frame = reader("mpdta.csv")
    if "_rcs_" in name:
        return counties(frame, kind="repeated_cross_sections")
    if "_unbal_" in name:
        frame = frame[(frame["countyreal"] + frame["year"]) % 17 != 0]
    return counties(frame, unit="countyreal")


def estimate_of(name: str, reader: Reader) -> Estimate:
    kind, _ = AGGREGATE[name.rsplit("_", 1)[1]]
    rule = next((rule for rule in ADJUST if f"_{rule}_" in name), "dr")
    return at.staggered(
        panel_of(name, reader),
        controls="not_yet" if "notyet" in name else "never",
        covariates=["lpop"] if "_lpop_" in name else [],
        adjust=ADJUST[rule],
        aggregate=kind,  # a literal, from the table above
        unbalanced="rows",
        variance="CR0",
    )


def terms_of(name: str) -> dict[str, tuple[float, float]]:
    """Return what R printed, by the name of our term: estimate and standard error."""
    entry, (kind, key) = VALUES[name], AGGREGATE[name.rsplit("_", 1)[1]]
    extra = entry.get("extra", {})
    if kind == "cells":
        cells = zip(extra["group"], extra["t"], entry["estimate"], entry["std_error"], strict=True)
        return {f"effect[group={group},time={time}]": (value, error) for group, time, value, error in cells}
    if kind == "simple":
        return {"effect": (entry["estimate"], entry["std_error"])}
    parts = zip(extra["egt"], extra["att_egt"], extra["se_egt"], strict=True)
    found = {f"effect[{key}={label}]": (value, error) for label, value, error in parts}
    return found | {f"effect[{key}=mean]": (entry["estimate"], entry["std_error"])}


@pytest.mark.parametrize("name", [name for name in VALUES if name not in BANDS])
def test_effects_and_standard_errors_are_those_of_did(name: str, reference_data: Reader) -> None:
    table = estimate_of(name, reference_data).tidy().set_index("term")
    tolerance = 1e-5 if "_lpop_" in name else 1e-6
    for term, (value, error) in terms_of(name).items():
        assert table.loc[term, "estimate"] == pytest.approx(value, rel=tolerance), term
        assert table.loc[term, "std_error"] == pytest.approx(error, rel=tolerance), term


@pytest.mark.parametrize("name", [name for name in VALUES if name.endswith("_attgt") and name not in BANDS])
def test_the_wald_statistic_of_the_pre_periods_is_that_of_did(name: str, reference_data: Reader) -> None:
    estimate, entry = estimate_of(name, reference_data), VALUES[name]
    extra = entry["extra"]
    before = [
        f"effect[group={group},time={time}]"
        for group, time in zip(extra["group"], extra["t"], strict=True)
        if time < group
    ]
    values = np.array([estimate.value(term) for term in before])
    covariance = estimate.vcov().loc[before, before].to_numpy()
    # R prints eight digits of the statistic, and inverts a covariance whose condition multiplies the error.
    assert values @ np.linalg.solve(covariance, values) == pytest.approx(extra["wald"][0][0], rel=1e-5)


@pytest.mark.parametrize(
    "entry",
    CSDID["entries"],
    ids=lambda one: "-".join(str(value) for key, value in one.items() if key not in ("parts", "mean")),
)
def test_every_combination_of_options_is_that_of_csdid(entry: dict[str, Any], reference_data: Reader) -> None:
    """csdid is the Python port of `did`: controls × anticipation × base × covariate × sampling weights."""
    frame = reference_data("mpdta.csv")
    frame["w"] = 1 + (frame["countyreal"] % 5) / 2
    estimate = at.staggered(
        counties(frame, unit="countyreal", weight="w" if entry["weights"] else None),
        controls=entry["controls"],
        anticipation=entry["anticipation"],
        base=entry["base"],
        covariates=["lpop"] if entry["covariate"] else [],
        variance="CR0",
    )
    table = estimate.tidy().set_index("term")
    reference_event = -1 - entry["anticipation"] if entry["base"] == "universal" else None
    for event, value, error in entry["parts"]:
        if event == reference_event:
            # 0 by construction: no term.
            assert value == 0.0
            assert f"effect[event={event}]" not in table.index
            continue
        assert table.loc[f"effect[event={event}]", "estimate"] == pytest.approx(value, abs=1e-10)
        assert table.loc[f"effect[event={event}]", "std_error"] == pytest.approx(error, rel=1e-8)
    assert table.loc["effect[event=mean]", ["estimate", "std_error"]].tolist() == pytest.approx(entry["mean"], rel=1e-8)


def test_an_aggregation_needs_no_refit(reference_data: Reader) -> None:
    panel = counties(reference_data("mpdta.csv"), unit="countyreal")
    by_event = at.staggered(panel, covariates=["lpop"], variance="CR0")
    for kind in ("group", "calendar", "simple", "cells"):
        again = by_event.aggregate(kind)
        fitted = at.staggered(panel, covariates=["lpop"], aggregate=kind, variance="CR0")
        assert again.tidy(hidden=True).equals(fitted.tidy(hidden=True))
    assert by_event.value("effect") == by_event.aggregate("group").value("effect")


def test_one_cohort_and_two_periods_are_did(reference_data: Reader) -> None:
    frame = reference_data("jtrain.csv")
    frame = frame[frame["year"] < 1989]
    panel = at.Panel.from_frame(frame, unit="fcode", period="year", outcome="lscrap", trained="grant", scale="log")
    plain = at.did(panel, baseline=[1987], followup=[1988]).tidy(hidden=True)
    rollout = at.staggered(panel, aggregate="simple").tidy(hidden=True)
    assert list(rollout["term"]) == list(plain["term"])
    numbers = [column for column in plain if column != "term"]
    assert rollout[numbers].to_numpy() == pytest.approx(plain[numbers].to_numpy(), rel=1e-10)


def test_the_committed_values_are_those_of_the_reference(reference: Values) -> None:
    for name, entry in VALUES.items():
        assert entry == {key: reference[name][key] for key in entry}, name
        assert entry["source"].startswith("R 4.2.2; did 2.3.0")
