"""Does the mix follow the trained before training, and does one donor rule it?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.checks.evidence import Evidence
from attribution.checks.synthetic import synthetic_fit
from attribution.estimators.synthetic import synthetic

WINDOWS: dict[str, Any] = {"baseline": list(range(8)), "followup": [8, 9, 10]}


def panel_of(kpi: np.ndarray, trained: int = 1) -> at.Panel:
    n, periods = kpi.shape
    site = np.repeat(np.arange(n), periods)
    frame = pd.DataFrame(
        {
            "site": [f"s{one}" for one in site],
            "month": np.tile(np.arange(periods), n),
            "kpi": kpi.ravel(),
            "start": np.where(site < trained, 8.0, np.nan),
        }
    )
    return at.Panel.from_frame(frame, unit="site", period="month", outcome="kpi", adopted="start")


def paths(seed: int = 0, sites: int = 15) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(40, 3, (sites, 1)) + rng.normal(0, 2, 11) + rng.normal(0, 1, (sites, 11))


def evidence(kpi: np.ndarray, trained: int = 1, **options: Any) -> Evidence:
    panel = panel_of(kpi, trained)
    return Evidence(panel=panel, estimate=synthetic(panel, **WINDOWS, **options))


@pytest.mark.parametrize("kind", ["did", "control"])
def test_a_mix_that_follows_the_trained_passes(kind: str) -> None:
    kpi = paths(4, sites=40)
    kpi[0] += kpi[1:].mean() - kpi[0].mean()
    found = synthetic_fit(evidence(kpi, kind=kind))
    assert found.status == "pass", found
    assert "of the donors' spread; squared," in found.observed
    assert "largest weight s" in found.observed


def test_a_trained_site_outside_all_donors_warns_then_fails() -> None:
    # Every donor is between 35 and 45, the trained above: with `control` no mix gets there.
    kpi = np.clip(paths(2), 35, 45)
    statuses = []
    for above in (1.0, 60.0):
        moved = kpi.copy()
        moved[0] = kpi.max() + above + kpi[0] - kpi[0].mean()
        found = synthetic_fit(evidence(moved, kind="control"))
        assert "does not follow the trained" in found.message
        statuses.append(found.status)
        # The level is no matter to `did`.
        assert synthetic_fit(evidence(moved)).status == "pass"
    assert statuses == ["warn", "fail"]


def test_a_path_of_its_own_fails_for_did_too() -> None:
    kpi = paths(3)
    kpi[0] += 8 * np.arange(11)
    found = synthetic_fit(evidence(kpi))
    assert found.status == "fail"
    assert "does not follow the trained" in found.message


def test_one_donor_that_rules_the_mix_is_named() -> None:
    kpi = paths(5)
    kpi[0] = kpi[7] + np.random.default_rng(1).normal(0, 0.1, 11)
    found = synthetic_fit(evidence(kpi, kind="control"))
    assert found.status == "warn"
    assert "s7 is " in found.message
    assert "s7" in found.remedy


def test_donors_that_only_are_never_trained_are_found_again() -> None:
    panel = panel_of(paths(4))
    adopted = panel.units.adopted.copy()
    adopted[14] = 11
    panel = replace(panel, units=replace(panel.units, adopted=adopted))
    estimate = synthetic(panel, **WINDOWS, controls="never")
    found = synthetic_fit(Evidence(panel=panel, estimate=estimate))
    assert found.status in {"pass", "warn"}
    assert estimate.n.control.clusters == 13


def test_more_trained_than_donors_cannot_be_compared() -> None:
    found = synthetic_fit(evidence(paths(6, sites=7), trained=4))
    assert found.status == "skipped"
    assert "3 donors cannot stand in for 4 trained sites" in found.message


def test_a_single_donor_has_no_spread() -> None:
    found = synthetic_fit(evidence(paths(7, sites=2)))
    assert found.status == "warn"
    assert "s1 is 100% of the mix" in found.message
    assert "nan" not in found.observed


def test_without_a_mix_there_is_nothing_to_check(
    sales: Callable[..., pd.DataFrame], evidence_of: Callable[..., Evidence]
) -> None:
    whole = evidence(paths())
    assert synthetic_fit(evidence_of(sales())).message == "no mix of donors stands for the trained here"
    assert synthetic_fit(Evidence()).status == "skipped"
    assert synthetic_fit(Evidence(panel=whole.panel)).message == "the follow-up is not over"
    assert synthetic_fit(Evidence(estimate=whole.estimate)).message == "no panel to fit the weights to"
    other = Evidence(panel=panel_of(paths(9)), estimate=whole.estimate)
    assert synthetic_fit(other).message == "the panel is not the one that the estimate was made from"
