"""Two-way fixed effects as primary: refused where adoption is staggered, passed at one date, skipped without dates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.checks.evidence import Evidence
from attribution.checks.two_way import two_way_primary
from attribution.design.load import load_design
from attribution.estimators.bacon import bacon
from attribution.estimators.twfe import twfe
from attribution.estimators.two_way.weights import twfe_weights

TWFE = {"analysis.0.method": "twfe"}


def staggered(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the data with every second trained person starting in April instead of February."""
    later = frame["start"].notna() & (frame["person"].astype(int) % 2 == 1)
    return frame.assign(start=frame["start"].mask(later, "2026-04"))


@pytest.fixture
def twfe_of(make_study: Callable[..., Path]) -> Callable[..., Evidence]:
    """Return a maker of evidence on a study whose primary analysis is two-way fixed effects."""

    def make(frame: pd.DataFrame) -> Evidence:
        columns = {"unit": "person", "period": "month", "outcome": "sales", "adopted": "start"}
        panel = at.Panel.from_frame(frame, **columns)
        return Evidence(load_design(make_study(frame, TWFE)), panel, estimate=twfe(panel))

    return make


def test_staggered_adoption_fails_and_names_the_weights(
    sales: Callable[..., pd.DataFrame], twfe_of: Callable[..., Evidence]
) -> None:
    evidence = twfe_of(staggered(sales()))
    assert evidence.panel is not None
    found = two_way_primary(evidence)
    weights, parts = twfe_weights(evidence.panel), bacon(evidence.panel)
    assert found.status == "fail"
    assert found.observed == (
        f"2 adoption dates; negative weights {weights.sum_negative:.3g}, already trained as controls "
        f"{100 * parts.already_trained:.3g}%"
    )
    assert "staggered" in found.remedy


def test_a_panel_with_holes_names_what_it_can(
    sales: Callable[..., pd.DataFrame], twfe_of: Callable[..., Evidence]
) -> None:
    frame = staggered(sales())
    found = two_way_primary(twfe_of(frame[np.random.default_rng(0).random(len(frame)) > 0.1]))
    assert found.status == "fail"
    assert "negative weights" in found.observed
    assert "controls" not in found.observed


def test_one_adoption_date_passes(sales: Callable[..., pd.DataFrame], twfe_of: Callable[..., Evidence]) -> None:
    found = two_way_primary(twfe_of(sales()))
    assert (found.status, found.observed) == ("pass", "1 adoption date")


def test_another_method_passes(sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]) -> None:
    found = two_way_primary(evidence_of(staggered(sales())))
    assert (found.status, found.observed) == ("pass", "primary: did")


@pytest.mark.parametrize(("method", "status"), [("twfe", "skipped"), ("did", "pass")])
def test_before_launch_the_design_is_all_there_is(method: str, status: str, make_study: Callable[..., Path]) -> None:
    design = load_design(make_study(None, {"analysis.0.method": method}))
    found = two_way_primary(Evidence(design=design))
    assert found.status == status
    assert two_way_primary(Evidence()).status == "skipped"


def test_data_before_the_follow_up_are_enough(
    sales: Callable[..., pd.DataFrame], twfe_of: Callable[..., Evidence]
) -> None:
    evidence = twfe_of(staggered(sales()))
    assert two_way_primary(Evidence(design=evidence.design, panel=evidence.panel)).status == "fail"
