"""Placebos at each stage, and why they are skipped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.checks.evidence import Evidence
from attribution.checks.placebos import placebo_launch, trained_at_random, untouched_outcome
from tests.contract.evidence import design_of, evidence_of
from tests.studies import MONTHS, sales_of


def _history() -> Evidence:
    """Return a study before its launch: the column of the training says already who is to be trained."""
    frame = sales_of()
    panel = at.Panel.from_frame(
        frame[frame["month"] < "2026-02"], unit="person", period="month", outcome="sales", adopted="start"
    )
    return Evidence(design=design_of(), panel=panel)


def test_before_the_launch_fake_launches_and_fake_arms_are_tried_already() -> None:
    found = placebo_launch(_history())
    assert (found.status, found.observed.startswith("fake launches that show an effect (did): 0 of 2; ")) == (
        "pass",
        True,
    )
    arms = trained_at_random(_history())
    assert arms.status == "pass"
    assert "14 clusters taken for trained, 22 for untrained" in arms.observed


def test_one_period_a_series_and_a_whole_path_have_no_fake_launch() -> None:
    one = placebo_launch(evidence_of(sales_of(), {"timing.baseline": ["2026-01"]}))
    assert one.message == "one baseline period: there is no earlier date to try"
    assert placebo_launch(Evidence(design=design_of())).message == "no data from before the training"
    path = placebo_launch(replace(_history(), design=design_of({"analysis.0.method": "trend"})))
    assert "the whole path" in path.message


def test_a_cohort_made_alike_in_the_kpi_before_has_no_fake_launch() -> None:
    evidence = evidence_of(sales_of())
    assert evidence.panel is not None
    cohort = at.entropy(evidence.panel, covariates=[], kpi="path", baseline=MONTHS[:3], followup=MONTHS[3:])
    found = placebo_launch(replace(evidence, cohort=cohort))
    assert (found.status, "made alike in these very periods" in found.message) == ("skipped", True)
    arms = trained_at_random(replace(evidence, cohort=cohort))
    assert "made for those who were trained" in arms.message


@pytest.mark.parametrize("method", ["lagged", "prepost", "staggered", "event_study", "adjusted"])
def test_other_methods_are_tried_as_what_they_are_or_as_did(method: str) -> None:
    found = placebo_launch(evidence_of(sales_of(), {"analysis.0.method": method}))
    assert found.status in ("pass", "warn")
    assert f"({method if method in ('lagged', 'prepost') else 'did'})" in found.observed
    arms = trained_at_random(evidence_of(sales_of(), {"analysis.0.method": method}))
    assert (arms.status == "skipped") == (method != "lagged")


def test_a_kpi_that_moves_by_itself_is_said_where_nobody_is_compared() -> None:
    frame = sales_of()
    frame["sales"] += frame["month"].map({month: place for place, month in enumerate(MONTHS)})
    changes = {"analysis.0.method": "prepost", "kpi.0.expected_effect": 1.0, "kpi.0.effect_source": "a pilot"}
    found = placebo_launch(evidence_of(frame, changes))
    assert (found.status, "the KPI was moving by itself" in found.message) == ("fail", True)


def test_several_untouched_outcomes_hold_the_level_together() -> None:
    rng = np.random.default_rng(2)
    frame = sales_of().assign(visits=lambda rows: rng.normal(50, 3, len(rows)))
    panel = at.Panel.from_frame(frame, unit="person", period="month", outcome="visits", adopted="start")
    estimate = at.did(panel, baseline=MONTHS[:3], followup=MONTHS[3:])
    error, df = estimate.std_error("effect"), estimate.contrast({"effect": 1.0}).df
    # 2.2 standard errors: beyond .95 for one outcome, within .975 for each of two.
    moved = replace(
        estimate, values=estimate.values + (2.2 * error - estimate.value("effect")) * (estimate.values != 0)
    )
    moved = moved.combine({"effect": {"effect": 1.0}})
    assert df > 40
    assert 0.0 not in moved.interval(0.95)
    kpi = {"id": "visits", "column": "visits", "label": "Visits", "unit": "visits", "direction": "higher"}
    changes = {
        "kpi.1": kpi | {"role": "untouched"},
        "kpi.2": kpi | {"id": "calls", "label": "Calls", "role": "untouched"},
        "analysis.0.kpi": "sales",
        "valuation.0.kpi": "sales",
        "analysis.1": {"id": "first", "kpi": "visits", "method": "did", "role": "reference"},
        "analysis.2": {"id": "second", "kpi": "calls", "method": "did", "role": "reference"},
    }
    design = design_of(changes)
    one = untouched_outcome(Evidence(design=design, estimates={"first": moved}))
    assert (one.status, "effect on Visits" in one.message) == ("warn", True)
    both = untouched_outcome(Evidence(design=design, estimates={"first": moved, "second": moved}))
    assert both.status == "pass"
    assert untouched_outcome(Evidence(design=design)).message == "the follow-up is not over"


def test_the_panel_is_read_and_not_changed() -> None:
    evidence = _history()
    assert evidence.panel is not None
    before = evidence.panel.units.adopted.copy()
    placebo_launch(evidence)
    assert (evidence.panel.units.adopted == before).all()
    assert isinstance(evidence.panel.tidy(), pd.DataFrame)
