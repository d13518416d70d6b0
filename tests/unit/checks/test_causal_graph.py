"""The declared graph beside what is adjusted for, and the refuters on a study's own data."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.checks import causal_graph as checked
from attribution.checks.causal_graph import causal_graph, placebo_refuter, random_cause_refuter, subset_refuter
from attribution.checks.evidence import Evidence
from attribution.checks.refutation import is_installed
from attribution.core.finding import Finding
from attribution.design.load import load_design
from attribution.study.run import run

needs_dowhy = pytest.mark.skipif(
    not is_installed(), reason="needs dowhy, the extra graph, which there is for Python up to 3.13"
)

EvidenceOf = Callable[..., Evidence]
Sales = Callable[..., pd.DataFrame]

EDGES = ["tenure -> training", "tenure -> sales", "training -> sales"]
REFUTERS = (placebo_refuter, random_cause_refuter, subset_refuter)
SHORT = {"analysis.0.method": "staggered", "inference.draws": 99}


def people(frame: pd.DataFrame) -> pd.DataFrame:
    """Give the company's people a tenure, an age and a club that have nothing to do with the KPI."""
    rng = np.random.default_rng(2)
    number = frame["person"].astype(int)
    for name in ("tenure", "age", "club"):
        frame[name] = rng.integers(1, 9, number.max() + 1)[number].astype(float)
    return frame


def changes(edges: list[str], *used: str, unmeasured: list[str] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "columns.covariates": ["tenure", "age", "club"],
        "graph": {"edges": edges, "unmeasured": unmeasured or []},
        **({"analysis.0.covariates": list(used)} if used else {}),
        **SHORT,
        **more,
    }


def test_without_a_graph_nothing_is_looked_at(
    sales: Sales, evidence_of: EvidenceOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = evidence_of(sales())
    monkeypatch.setattr(checked, "is_installed", lambda: pytest.fail("dowhy is not asked for without a graph"))
    for check in (causal_graph, *REFUTERS):
        for found in (check(evidence), check(Evidence())):
            assert (found.status, found.message) == ("skipped", "the design declares no causal graph")


def test_without_the_extra_all_else_runs_and_it_is_said_how_to_get_it(
    sales: Sales, make_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dowhy", None)
    result = run(load_design(make_study(people(sales()), changes(EDGES, "tenure"))))
    findings = {finding.id: finding for finding in result.findings}
    for check in ("causal_graph", "placebo_refuter", "random_cause_refuter", "subset_refuter"):
        assert findings[check].status == "skipped"
        assert "pip install 'training-attribution[graph]'" in findings[check].message
    assert findings["clusters_per_arm"].status == "pass"
    assert result.factor.share > 0


CASES: dict[str, tuple[list[str], list[str], list[str], str, str, str]] = {
    "what is asked for": (EDGES, [], ["tenure"], "pass", "closes every back-door path to sales", ""),
    "more than is asked for": (
        [*EDGES, "age -> sales"],
        [],
        ["tenure", "age"],
        "pass",
        "closes every back-door path to sales",
        "",
    ),
    "nothing, and nothing is asked for": (
        ["training -> sales", "age -> sales"],
        [],
        [],
        "pass",
        "closes every back-door path",
        "",
    ),
    "a missing one": (
        EDGES,
        [],
        [],
        "warn",
        "a back-door path from training to sales stays open by tenure",
        "adjust for tenure too",
    ),
    "an interaction counts for both": (
        [*EDGES, "age -> training", "age -> sales"],
        [],
        ["tenure:age"],
        "pass",
        "closes every back-door path",
        "",
    ),
    "a consequence": (
        [*EDGES, "training -> club"],
        [],
        ["tenure", "club"],
        "warn",
        "club is moved by the training",
        "leave out club, or use a value from before the training",
    ),
    "a collider": (
        [*EDGES, "drive -> training", "drive -> club", "luck -> club", "luck -> sales"],
        ["drive", "luck"],
        ["tenure", "club"],
        "warn",
        "club is moved from both sides (a collider)",
        "leave out club",
    ),
    "a collider that can be made good": (
        ["age -> training", "age -> club", "luck -> club", "luck -> sales", "training -> sales"],
        ["luck"],
        ["club"],
        "warn",
        "stays open by age",
        "adjust for age too, or leave out club: that opens the path",
    ),
    "one that is not drawn": (
        EDGES,
        [],
        ["tenure", "age"],
        "warn",
        "the graph has no arrow of age, which is",
        "draw the",
    ),
    "an unmeasured cause": (
        [*EDGES, "drive -> training", "drive -> sales"],
        ["drive"],
        ["tenure"],
        "fail",
        "drive opens a back-door path from training to sales that no column closes",
        "take out arrows of what moves the level of sales alone",
    ),
    "an unmeasured cause behind a measured one": (
        [*EDGES, "drive -> age", "age -> training", "drive -> sales"],
        ["drive"],
        ["tenure", "age"],
        "pass",
        "closes every back-door path",
        "",
    ),
    "the KPI's past": (
        [*EDGES, "sales at baseline -> training", "sales at baseline -> sales"],
        [],
        ["tenure"],
        "warn",
        "stays open by sales at baseline",
        "adjust for sales at baseline too",
    ),
}


@needs_dowhy
@pytest.mark.parametrize("case", CASES)
def test_the_graph_beside_what_is_adjusted_for(
    case: str, sales: Sales, evidence_of: EvidenceOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    edges, unmeasured, used, status, message, remedy = CASES[case]
    _leave_the_refuters_out(monkeypatch)
    found = causal_graph(evidence_of(people(sales()), changes(edges, *used, unmeasured=unmeasured)))
    assert found.status == status, found
    assert message in found.message
    assert remedy in found.remedy
    if status != "fail":
        assert "asked for: " in found.observed
        assert "adjusted for: " in found.observed


@needs_dowhy
def test_the_lagged_comparison_adjusts_for_the_kpis_past(
    sales: Sales, evidence_of: EvidenceOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    _leave_the_refuters_out(monkeypatch)
    edges = ["training -> sales", "sales at baseline -> training", "sales at baseline -> sales"]
    lagged = changes(edges) | {"analysis.0.method": "lagged"}
    found = causal_graph(evidence_of(sales(), {key: lagged[key] for key in lagged if key != "columns.covariates"}))
    assert (found.status, found.observed) == ("pass", "asked for: sales at baseline; adjusted for: sales at baseline")
    remedy = causal_graph(evidence_of(people(sales()), changes([*EDGES, *edges[1:]], "tenure")))
    assert remedy.status == "warn"


@needs_dowhy
def test_a_matched_cohort_adjusts_for_what_it_was_matched_on(
    sales: Sales, evidence_of: EvidenceOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    _leave_the_refuters_out(monkeypatch)
    edges = [*EDGES, "age -> training", "age -> sales", "sales at baseline -> training", "sales at baseline -> sales"]
    evidence = evidence_of(people(sales()), changes(edges, "tenure"))
    assert causal_graph(evidence).message.endswith("stays open by age and sales at baseline")
    matched = ("age", "sales in 2025-11", "sales in 2025-12", "sales in 2026-01")
    assert evidence.panel is not None
    cohort = at.Cohort("given", "ATT", np.ones(len(evidence.panel.units)), covariates=matched)
    for one in (
        Evidence(design=evidence.design, panel=evidence.panel, estimate=evidence.estimate, cohort=cohort),
        Evidence(design=evidence.design, panel=evidence.panel.with_cohort(cohort), estimate=evidence.estimate),
    ):
        found = causal_graph(one)
        assert (found.status, found.observed) == (
            "pass",
            "asked for: tenure, age and sales at baseline; adjusted for: tenure, age and sales at baseline",
        )


@needs_dowhy
def test_what_a_cohort_agrees_in_exactly_counts(
    sales: Sales, evidence_of: EvidenceOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    _leave_the_refuters_out(monkeypatch)
    frame = people(sales())
    frame["club"] = (frame["person"].astype(int) % 2).astype(float)
    edges = [*EDGES, "club -> training", "club -> sales"]
    table = {"method": "nearest", "covariates": ["tenure"], "exact": ["club"]}
    did = {"cohort": table, "analysis.0.method": "did"}
    found = causal_graph(evidence_of(frame, changes(edges) | did))
    assert (found.status, found.observed) == ("pass", "asked for: tenure and club; adjusted for: tenure and club")
    del table["exact"]
    found = causal_graph(evidence_of(frame, changes(edges) | did))
    assert (found.status, found.observed) == ("warn", "asked for: tenure and club; adjusted for: tenure")


@needs_dowhy
def test_before_the_analysis_the_graph_says_what_it_will_ask_for(make_study: Callable[..., Path]) -> None:
    found = causal_graph(Evidence(design=load_design(make_study(None, changes(EDGES)))))
    assert (found.status, found.observed) == ("skipped", "")
    assert found.message == "the graph asks to adjust for tenure for sales; the analysis has not been run"
    hidden = changes([*EDGES, "drive -> training", "drive -> sales"], unmeasured=["drive"])
    assert causal_graph(Evidence(design=load_design(make_study(None, hidden)))).status == "fail"
    for check in REFUTERS:
        found = check(Evidence(design=load_design(make_study(None, changes(EDGES)))))
        assert (found.status, found.message) == ("skipped", "no data to refute an effect with")


@needs_dowhy
def test_what_has_no_comparison_is_skipped(
    sales: Sales, evidence_of: EvidenceOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = evidence_of(people(sales()), changes(EDGES) | {"analysis.0.method": "prepost"})
    assert causal_graph(evidence).message == "prepost has no comparison"
    assert placebo_refuter(evidence).message == "there is no effect to refute"
    few = evidence_of(people(sales(trained=6, control=18)), changes(EDGES))
    assert placebo_refuter(few).message == "24 units, 6 in the smaller arm: too few to shuffle or to leave some out"


@needs_dowhy
def test_too_early_after_launch_no_refuter_shows_an_effect(
    sales: Sales, make_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    early = run(load_design(make_study(people(sales()), changes(EDGES, "tenure"))), as_of=datetime.date(2026, 4, 30))
    findings = {finding.id: finding for finding in early.findings}
    assert findings["causal_graph"].status == "pass"
    for check in ("placebo_refuter", "random_cause_refuter", "subset_refuter"):
        assert (findings[check].status, findings[check].message) == ("skipped", "there is no effect to refute")


@needs_dowhy
def test_by_assignment_the_graph_is_asked_of_the_assignment(
    sales: Sales, evidence_of: EvidenceOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    _leave_the_refuters_out(monkeypatch)
    frame = people(sales())
    frame["offered"] = frame["start"].notna().astype(int)
    offered = {
        "columns.assigned": "offered",
        "assignment.mechanism": "random",
        "analysis.0.method": "did",
        "analysis.0.as_assigned": True,
    }
    edges = ["offered -> training", *EDGES]
    found = causal_graph(evidence_of(frame, changes(edges) | offered))
    assert (found.status, found.observed) == ("pass", "asked for: nothing; adjusted for: nothing")
    found = causal_graph(evidence_of(frame, changes(EDGES) | offered))
    assert found.message == "the graph has no arrow that touches offered, which this analysis is about"


@needs_dowhy
def test_the_refuters_on_a_study_of_its_own(sales: Sales, evidence_of: EvidenceOf) -> None:
    with pytest.MonkeyPatch.context() as patch:
        _leave_the_refuters_out(patch)
        evidence = evidence_of(people(sales()), changes(EDGES, "tenure"))
    assert evidence.estimate is not None
    effect = evidence.estimate.value("effect")
    found: dict[str, Finding] = {one.id: one for one in (check(evidence) for check in REFUTERS)}
    for one in found.values():
        assert one.status == "pass"
        assert "by regression on 60 units" in one.observed
        # Parallel lines in place of the change of the untrained at the trained's covariates: near, not the same.
        assert float(one.observed.rpartition(" ")[2]) == pytest.approx(effect, abs=0.1)
        assert "Sharma & Kiciman (2020)" in one.source
    assert float(found["placebo_refuter"].observed.partition(" ")[0].replace("−", "-")) == pytest.approx(0, abs=0.1)
    assert placebo_refuter(evidence) == found["placebo_refuter"]


@needs_dowhy
def test_an_effect_that_a_few_units_carry_is_a_warning(sales: Sales, evidence_of: EvidenceOf) -> None:
    frame = people(sales(trained=10, control=590, effect=0.0))
    after = frame["month"] >= "2026-02"
    frame.loc[(frame["person"] == "599") & after, "sales"] += 1e6
    found = placebo_refuter(evidence_of(frame, changes(["training -> sales"]) | {"analysis.0.method": "did"}))
    assert found.status == "warn"
    assert found.message.endswith("a few units carry it")
    assert found.remedy


@needs_dowhy
def test_of_many_units_a_draw_is_shown_to_dowhy(
    sales: Sales, evidence_of: EvidenceOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _leave_the_refuters_out(patch)
        evidence = evidence_of(people(sales()), changes(EDGES, "tenure"))
    monkeypatch.setattr(checked, "MOST_UNITS", 40)
    assert "on 40 units" in placebo_refuter(evidence).observed


@needs_dowhy
def test_a_cross_section_is_refuted_as_it_stands() -> None:
    """The KPI itself is the outcome where each unit is measured once."""
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"person": range(80), "trained": np.arange(80) % 2, "tenure": rng.normal(size=80)})
    frame["sales"] = frame["trained"] * 2.0 + frame["tenure"] + rng.normal(size=80)
    panel = at.Panel.from_frame(
        frame, unit="person", outcome="sales", trained="trained", covariates=["tenure"], kind="cross_section"
    )
    adjusted = pytest.importorskip("attribution.estimators.adjusted").adjusted
    estimate = adjusted(panel, covariates=["tenure"], adjust="ancova")
    rows = checked._one_row_per_unit(Evidence(panel=panel, estimate=estimate), panel, estimate, 0)
    assert not isinstance(rows, str)
    assert rows.outcome.tolist() == frame["sales"].tolist()
    assert rows.columns[:, 0].tolist() == frame["tenure"].tolist()
    assert rows.trained.sum() == 40


def _leave_the_refuters_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run in which only the graph is looked at take no seconds for the refuters."""
    monkeypatch.setattr(checked, "_one_row_per_unit", lambda *_: "left out")


@needs_dowhy
def test_the_methods_page_shows_what_the_checks_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "methods" / "graph.md").read_text(encoding="utf-8")
    _leave_the_refuters_out(monkeypatch)
    monkeypatch.chdir(tmp_path)
    design = page.partition("<!-- file: sales-graph.toml -->\n```toml\n")[2].partition("```")[0]
    Path("sales-graph.toml").write_text(design, encoding="utf-8")
    names: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], names)
    assert capsys.readouterr().out in page
    for result in (names["plain"], names["adjusted"]):
        found = next(finding for finding in result.findings if finding.id == "causal_graph")
        shown = f"{found.status}  causal_graph: {found.message}\n      observed: {found.observed}\n"
        assert shown + (f"      remedy: {found.remedy}\n" if found.remedy else "") in page
