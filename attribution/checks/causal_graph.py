"""Is what the declared graph asks for adjusted for, and does the effect withstand dowhy's refuters?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attribution.checks.effects import primary_kpis
from attribution.checks.evidence import Evidence, Rule
from attribution.checks.refutation import HOW_TO_INSTALL, SUBSET, Judgement, Refuter, is_installed, judge, refute
from attribution.core.arms import CONTROL, TRAINED, adoption_arms
from attribution.core.cohort import Cohort
from attribution.core.covariates import covariate_matrix
from attribution.core.display import number
from attribution.core.estimate import Estimate
from attribution.core.finding import Finding
from attribution.core.panel import Panel
from attribution.design.graph import AT_BASELINE, TRAINING, CausalGraph, causal_graph_of
from attribution.design.schema import StudyDesign
from attribution.diagnostics.baseline import compared_arms
from attribution.diagnostics.comparison import kpi_mean
from attribution.errors import DataError
from attribution.estimators.contrasts.assemble import LEVELS_AS_THEY_ARE

Floats = NDArray[np.float64]

GRAPH = Rule(
    "causal_graph",
    "what is adjusted for closes every back-door path of the declared graph, and training moves none of it",
    "Pearl (1995), Causal diagrams for empirical research; by dowhy",
)

_REFUTERS = "Sharma & Kiciman (2020), DoWhy: An end-to-end library for causal inference; by dowhy"
PLACEBO = Rule("placebo_refuter", "training shuffled among the units: 0 inside the middle 95% of effects", _REFUTERS)
RANDOM_CAUSE = Rule("random_cause_refuter", "a column of chance added: the effect inside the middle 95%", _REFUTERS)
SUBSETS = Rule("subset_refuter", "a random fifth of the units left out: the effect inside the middle 95%", _REFUTERS)

NOT_DECLARED = "the design declares no causal graph"
CHANGES = ("did", "staggered", "event_study", "twfe", "adjusted")
"""Methods that on a panel compare changes: what moves the level of the KPI alone is cancelled."""

MOST_UNITS, FEWEST, FEWEST_IN_ARM = 20_000, 25, 10
"""Above the first, dowhy sees a random draw of the units; below the others, nothing can be shuffled or left out."""


def causal_graph(evidence: Evidence) -> Finding:
    """Compare what is adjusted for with what the declared graph asks for; no valid set at all is a gate."""
    design, estimate = evidence.design, evidence.estimate
    graph = None if design is None else causal_graph_of(design)
    if design is None or graph is None:
        return GRAPH.skipped(NOT_DECLARED)
    if not is_installed():
        return GRAPH.skipped(HOW_TO_INSTALL)
    if estimate is None or evidence.panel is None:
        return _before_estimate(design, graph)
    if not estimate.n.control.units:
        return GRAPH.skipped(f"{estimate.method} has no comparison")
    kpi = _kpi(design, estimate.outcome)
    treatment = design.columns.assigned if estimate.estimand == "ITT" else TRAINING
    for node in (treatment, kpi):
        if node not in graph.nodes:
            return GRAPH.skipped(f"the graph has no arrow that touches {node}, which this analysis is about")
    assert treatment is not None
    used, outside = _used(evidence, estimate, graph, kpi)
    found = judge(graph.arrows, graph.measured, used, treatment=treatment, outcome=kpi)
    if found.needed is None:
        changes = estimate.method in CHANGES and evidence.panel.kind == "panel"
        return _no_set(found, treatment, kpi, changes=changes and LEVELS_AS_THEY_ARE not in estimate.notes)
    observed = f"asked for: {_listed(found.needed)}; adjusted for: {_listed([*used, *outside])}"
    faults = list(_faults(found, outside, treatment, kpi))
    if not faults:
        return GRAPH.finding("pass", observed, f"what is adjusted for closes every back-door path to {kpi}")
    return GRAPH.finding(
        "warn", observed, "; ".join(what for what, _ in faults), "; ".join(remedy for _, remedy in faults)
    )


def placebo_refuter(evidence: Evidence) -> Finding:
    """Shuffle the training among the units: an effect that stays is not the training's."""
    return _refuted(
        evidence,
        PLACEBO,
        "placebo",
        "with the training shuffled among the units nothing is left of the effect",
        "with the training shuffled among the units an effect is left: a few units carry it",
    )


def random_cause_refuter(evidence: Evidence) -> Finding:
    """Add a column of chance to what is adjusted for: the effect should not move."""
    return _refuted(
        evidence,
        RANDOM_CAUSE,
        "random_cause",
        "a column of chance beside the covariates does not move the effect",
        "a column of chance beside the covariates moves the effect: it hangs on the form of the regression",
    )


def subset_refuter(evidence: Evidence) -> Finding:
    """Leave out a random fifth of the units: the effect should not move."""
    return _refuted(
        evidence,
        SUBSETS,
        "subset",
        "random parts of the units show the same effect",
        "random parts of the units show another effect: a few units carry it",
    )


def _before_estimate(design: StudyDesign, graph: CausalGraph) -> Finding:
    asked = []
    for kpi in (one.id for one in primary_kpis(design)):
        found = judge(graph.arrows, graph.measured, (), treatment=TRAINING, outcome=kpi)
        if found.needed is None:
            return _no_set(found, TRAINING, kpi, changes=True)
        asked.append(f"{_listed(found.needed)} for {kpi}")
    return GRAPH.skipped(f"the graph asks to adjust for {'; '.join(asked)}; the analysis has not been run")


def _no_set(found: Judgement, treatment: str, kpi: str, *, changes: bool) -> Finding:
    hidden = _listed(found.hidden)
    remedy = f"measure {hidden} before the training, or assign at random; say in the limits how strong it would be"
    if changes:
        remedy += f"; where changes are compared, take out arrows of what moves the level of {kpi} alone: it cancels"
    return GRAPH.finding(
        "fail",
        f"open whatever is adjusted for, by {hidden}",
        f"by the declared graph {hidden} opens a back-door path from {treatment} to {kpi} that no column closes: a "
        "difference between the arms is not the training's alone",
        remedy,
    )


def _faults(found: Judgement, outside: Sequence[str], treatment: str, kpi: str) -> Iterable[tuple[str, str]]:
    """Yield what is wrong with a set of covariates, and what to do."""
    if found.missing:
        names = _listed(found.missing)
        instead = f", or leave out {' or '.join(found.spare)}: that opens the path" if found.spare else ""
        yield f"a back-door path from {treatment} to {kpi} stays open by {names}", f"adjust for {names} too{instead}"
    if found.colliders:
        names = _listed(found.colliders)
        is_one = f"{names} {_are(found.colliders)} moved from both sides (a collider)"
        yield f"{is_one}: adjusting for this opens a path", f"leave out {names}"
    if found.consequences:
        names = _listed(found.consequences)
        yield (
            f"by the graph {names} {_are(found.consequences)} moved by the training: adjusting for this takes a "
            "part of the effect away",
            f"leave out {names}, or use a value from before the training",
        )
    if outside:
        names = _listed(outside)
        yield f"the graph has no arrow of {names}, which {_are(outside)} adjusted for", f"draw the arrows of {names}"


def _kpi(design: StudyDesign, column: str) -> str:
    return next(kpi.id for kpi in design.kpi if kpi.column == column)


def _used(
    evidence: Evidence, estimate: Estimate, graph: CausalGraph, kpi: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what is adjusted for or matched on, as names of the graph, and what is no name there."""
    used: dict[str, None] = {}
    outside: dict[str, None] = {}
    for name in _covariates(evidence, estimate):
        node = kpi + AT_BASELINE if name == estimate.outcome + AT_BASELINE else name
        (used if node in graph.nodes else outside)[node] = None
    return tuple(used), tuple(outside)


def _covariates(evidence: Evidence, estimate: Estimate) -> tuple[str, ...]:
    """Return the covariates of estimate and cohort, interactions by their parts, the KPI's past as one name."""
    panel, cohort = evidence.panel, evidence.cohort
    assert panel is not None
    cohort = panel.cohort if cohort is None else cohort
    known, earlier = panel.units.covariates, estimate.outcome + AT_BASELINE
    found: dict[str, None] = {}
    matched = () if cohort is None else (*cohort.covariates, *_exact(evidence.design, cohort))
    for name in (*estimate.adjusted, *matched):
        for part in [name] if name in known else name.split(":"):
            past = part not in known and (part == earlier or part.startswith(f"{estimate.outcome} in "))
            found[earlier if past else part] = None
    if estimate.method == "lagged":
        found[earlier] = None
    return tuple(found)


def _exact(design: StudyDesign | None, cohort: Cohort) -> tuple[str, ...]:
    """Return the columns in which every cohort of this method in the design asks its units to agree."""
    tables = [] if design is None else [table for table in design.cohort if table.method == cohort.method]
    asked = [tuple(table.options.get("exact", ())) for table in tables]
    return tuple(name for name in asked[0] if all(name in names for names in asked)) if asked else ()


def _refuted(evidence: Evidence, rule: Rule, refuter: Refuter, withstood: str, refuted: str) -> Finding:
    design, panel, estimate = evidence.design, evidence.panel, evidence.estimate
    if design is None or design.graph is None:
        return rule.skipped(NOT_DECLARED)
    if not is_installed():
        return rule.skipped(HOW_TO_INSTALL)
    if panel is None or estimate is None:
        return rule.waits(evidence, "no data to refute an effect with")
    if "effect" not in estimate.terms:
        # As too early after launch: then a refuter must not be the one to show the effect.
        return rule.skipped("there is no effect to refute")
    rows = _one_row_per_unit(evidence, panel, estimate, design.inference.seed)
    if isinstance(rows, str):
        return rule.skipped(rows)
    found = refute(refuter, rows.outcome, rows.trained, rows.columns, seed=design.inference.seed)
    observed = (
        f"{number(found.refuted)} on average, p = {found.p_value:.2f}; by regression on {len(rows.outcome):,} units "
        f"{number(found.effect)}"
    )
    if found.p_value > 0.05:
        return rule.finding("pass", observed, withstood)
    return rule.finding("warn", observed, refuted, "look at the units with the largest KPI, and at the fit")


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A study reduced to one row per unit: KPI or its change, trained or not, what is adjusted for as columns."""

    outcome: Floats
    trained: NDArray[np.bool_]
    columns: Floats


def _one_row_per_unit(evidence: Evidence, panel: Panel, estimate: Estimate, seed: int) -> Rows | str:
    """Return the units that an estimate compares, or why there are none that could be shuffled or left out."""
    if panel.kind not in ("panel", "cross_section"):
        return f"the data are a {panel.kind}: no unit has a row of its own"
    arms = _arms(panel, estimate)
    if arms is None:
        return f"{estimate.method} compares no units"
    trained, control = arms
    if panel.kind == "cross_section":
        outcome = kpi_mean(panel, np.arange(len(panel.periods), dtype=np.int16))
        before = outcome
    else:
        windows = (estimate.n.baseline, estimate.n.followup)
        before, after = (kpi_mean(panel, _codes(panel, labels)) for labels in windows)
        outcome = after - before
    inside = (trained | control) & (panel.weights > 0) & ~np.isnan(outcome)
    names = _covariates(evidence, estimate)
    own = [name for name in names if name in panel.units.covariates]
    try:
        columns = covariate_matrix(panel, own, inside)[0][:, 1:]
    except DataError as error:
        return f"no regression on these units: {error.where}, {error.what}"
    if estimate.outcome + AT_BASELINE in names and panel.kind == "panel":
        columns = np.column_stack([columns, before])
    places = np.flatnonzero(inside)
    if len(places) > MOST_UNITS:
        places = np.sort(np.random.default_rng(seed).choice(places, MOST_UNITS, replace=False))
    least = min(int(trained[places].sum()), int(control[places].sum()))
    if len(places) < FEWEST or least < FEWEST_IN_ARM:
        return f"{len(places)} units, {least} in the smaller arm: too few to shuffle or to leave some out"
    # Intercept, arm and a refuter's own column take three more, and a part of the units has to leave something over.
    if int(SUBSET * len(places)) <= columns.shape[1] + 3:
        return f"{len(places)} units and {columns.shape[1]} columns: a regression on a part of them leaves nothing over"
    return Rows(outcome[places], trained[places], columns[places])


def _arms(panel: Panel, estimate: Estimate) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    if panel.kind == "cross_section":
        code, entered = adoption_arms(panel), estimate.clusters >= 0
        return entered & (code == TRAINED), entered & (code == CONTROL)
    arms = compared_arms(panel, estimate)
    return None if arms is None else (arms.trained, arms.control)


def _codes(panel: Panel, labels: Sequence[str]) -> NDArray[np.int16]:
    return np.array(panel.periods.codes(labels, where="windows"), dtype=np.int16)


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "nothing"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
