"""The check of what was not measured: what it says at its thresholds, and when it has nothing to say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.checks.evidence import Evidence
from attribution.checks.unmeasured import unmeasured_confounding
from attribution.core.cohort import Cohort, Matches
from attribution.core.finding import Finding
from attribution.design.load import load_design

N = 200


def panel_of(effect: float, pull: float, assigned: bool = False, seed: int = 11) -> at.Panel:
    """Return a panel in which `skill` pulls people into training, and their sales up, as strongly as asked for."""
    rng = np.random.default_rng(seed)
    skill = rng.normal(size=N)
    trained = pull * skill + rng.normal(size=N) > 0
    before = rng.normal(20, 1, N)
    after = before + effect * trained + pull * skill + rng.normal(size=N)
    frame = pd.DataFrame(
        {
            "person": np.tile(range(N), 2),
            "month": np.repeat([1, 2], N),
            "sales": np.concatenate([before, after]),
            "start": np.tile(np.where(trained, 2.0, np.nan), 2),
            "skill": np.tile(skill, 2),
            "invited": np.tile(trained.astype(int), 2),
        }
    )
    return at.Panel.from_frame(
        frame,
        unit="person",
        period="month",
        outcome="sales",
        adopted="start",
        covariates=["skill"],
        assigned="invited" if assigned else None,
    )


def found(panel: at.Panel, covariates: Any = ("skill",), **evidence: Any) -> Finding:
    estimate = at.did(panel, baseline=[1], followup=[2], covariates=covariates)
    return unmeasured_confounding(Evidence(panel=panel, estimate=estimate, **evidence))


def test_an_effect_that_survives_the_strongest_covariate_passes() -> None:
    finding = found(panel_of(effect=2.0, pull=0.3))
    assert finding.status == "pass"
    assert "that nothing is, this does not show" in finding.message
    assert "skill, the strongest measured covariate" in finding.message
    assert "robustness value" in finding.observed
    assert "E-value" in finding.observed
    assert "strongest measured: skill" in finding.observed


def test_an_effect_that_would_be_undone_warns() -> None:
    finding = found(panel_of(effect=0.7, pull=1.0))
    assert finding.status == "warn"
    assert "would undo the effect" in finding.message
    assert finding.remedy


def test_an_effect_that_would_no_longer_be_told_from_zero_warns() -> None:
    finding = found(panel_of(effect=1.0, pull=0.45))
    assert finding.status == "warn"
    assert "no longer be told from 0" in finding.message


def test_without_a_covariate_the_numbers_stand_alone() -> None:
    finding = found(panel_of(effect=2.0, pull=0.3), covariates=None)
    assert finding.status == "skipped"
    assert "robustness value" in finding.message
    assert "no covariate says" in finding.message


def test_what_is_not_told_from_zero_has_nothing_to_undo() -> None:
    finding = found(panel_of(effect=0.0, pull=0.1))
    assert finding.status == "skipped"
    assert "even without anything unmeasured" in finding.message


def test_what_was_assigned_at_random_is_not_doubted() -> None:
    design = load_design("designs/michigan-grants.toml")
    random = design.model_copy(update={"assignment": design.assignment.model_copy(update={"mechanism": "random"})})
    assert "assigned at random" in found(panel_of(2.0, 0.3), design=random).message
    panel = panel_of(2.0, 0.3, assigned=True)
    itt = at.did(panel, baseline=[1], followup=[2], as_assigned=True)
    assert "at random" in unmeasured_confounding(Evidence(design=random, panel=panel, estimate=itt)).message
    # By who took the training it is a comparison like any other.
    assert found(panel, design=random).status == "pass"
    assert found(panel_of(2.0, 0.3), design=design).status == "pass"


def test_pairs_say_which_hidden_bias_they_stand() -> None:
    panel = panel_of(effect=2.0, pull=0.3)
    adopted = panel.units.adopted < 2
    trained, control = np.flatnonzero(adopted)[:60], np.flatnonzero(~adopted)[:60]
    sets = np.full(N, -1, dtype=np.int32)
    sets[trained] = sets[control] = np.arange(60)
    weights = (sets >= 0).astype(float)
    pairs = Matches(False, sets, trained, control, np.ones(60))
    columns = panel.units.covariates["skill"][:, None] * weights[:, None]
    arms = np.where(adopted, 1, 0).astype(np.int8)
    cohort = Cohort(
        "pairs", "ATT", weights, arms=arms, covariates=("skill",), labels=("skill",), columns=columns, matches=pairs
    )
    estimate = at.did(panel.with_cohort(cohort), baseline=[1], followup=[2])
    finding = unmeasured_confounding(Evidence(panel=panel, cohort=cohort, estimate=estimate))
    assert "pairs stand a hidden bias of" in finding.observed
    assert "skill" in finding.observed


def test_a_scale_from_another_effect_is_said() -> None:
    panel = panel_of(effect=2.0, pull=0.3)
    estimate = at.did(panel, baseline=[1], followup=[2], covariates=["skill"])
    doubled = estimate.combine({"effect": {"effect": 2.0}})
    finding = unmeasured_confounding(Evidence(panel=panel, estimate=doubled))
    assert "the regression that gives the scale has an effect of" in finding.observed
    assert "the regression" not in found(panel).observed


@pytest.mark.parametrize("method", ["event_study", "prepost"])
def test_other_estimates_are_skipped_with_the_reason(method: str) -> None:
    panel = panel_of(2.0, 0.3)
    estimate = at.event_study(panel) if method == "event_study" else at.prepost(panel, baseline=[1], followup=[2])
    finding = unmeasured_confounding(Evidence(panel=panel, estimate=estimate))
    assert finding.status == "skipped"
    assert "no two arms" in finding.message or "no effect to doubt" in finding.message
