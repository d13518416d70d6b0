"""The causal graph of a design: names made one, and arrows that make sense, without any other package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from attribution.design.draft import Draft
from attribution.design.fields import arrow_of
from attribution.design.messages import echo, nearest
from attribution.design.schema import Columns, Graph, Kpi, StudyDesign
from attribution.errors import Problem

TRAINING = "training"
"""The node of the training, whatever column says who was trained."""

AT_BASELINE = " at baseline"
"""What follows a KPI's id or column in the name of its earlier value, a node of its own."""

Arrow = tuple[str, str]


@dataclass(frozen=True, slots=True)
class CausalGraph:
    """Arrows from cause to effect, each KPI by its id; `measured` are the nodes that data hold from before training."""

    arrows: tuple[Arrow, ...]
    measured: tuple[str, ...]

    @property
    def nodes(self) -> tuple[str, ...]:
        """Every name in the arrows, in the order of the file."""
        return tuple(dict.fromkeys(name for arrow in self.arrows for name in arrow))


def causal_graph_of(design: StudyDesign) -> CausalGraph | None:
    """Return the graph that a design declares, None where it declares none."""
    if design.graph is None:
        return None
    names = _ids(design.kpi)
    arrows = _arrows(design.graph, names)
    kpis = {kpi.id for kpi in design.kpi}
    apart = {TRAINING, *kpis, *design.graph.unmeasured}
    nodes = dict.fromkeys(name for arrow in arrows for name in arrow)
    return CausalGraph(arrows, tuple(name for name in nodes if name not in apart))


def graph_problems(draft: Draft) -> Iterator[Problem]:
    """Yield the faults of a declared graph: unknown names, arrows in a circle, a training that moves no KPI."""
    kpis = [kpi for _, kpi in draft.rows(Kpi, "id", "column", "role")]
    for key, graph in draft.rows(Graph, "edges", "unmeasured"):
        arrows = _arrows(graph, _ids(kpis))
        yield from _repeated(f"{key}.edges", arrows)
        circle = _circle(arrows)
        if circle:
            what = f"found arrows in a circle, {' -> '.join(circle)}; expected none"
            remedy = "take an arrow out; what came before is a node of its own, such as "
            yield Problem(f"{key}.edges", what, remedy + repr((kpis[0].id if kpis else "sales") + AT_BASELINE))
        known = _columns(draft)
        if known is None or draft.all_rows(Kpi, "id", "column", "role") is None:
            continue
        yield from _unknown(key, graph, arrows, known, kpis)
        if not circle:
            yield from _ends(f"{key}.edges", arrows, [kpi.id for kpi in kpis if kpi.role == "primary"])


def _arrows(graph: Graph, names: Mapping[str, str]) -> tuple[Arrow, ...]:
    return tuple((names.get(a, a), names.get(b, b)) for a, b in map(arrow_of, graph.edges))


def _ids(kpis: Sequence[Kpi]) -> dict[str, str]:
    """Return what each KPI may be called, by its column or by its id, and the one name that it has in the graph."""
    names: dict[str, str] = {}
    for column in (True, False):
        for kpi in kpis:
            written = kpi.column if column else kpi.id
            names |= {written: kpi.id, written + AT_BASELINE: kpi.id + AT_BASELINE}
    return names


def _columns(draft: Draft) -> Columns | None:
    """Return the columns of the design where those that can be nodes are sound."""
    for _, columns in draft.rows(Columns, "covariates", "groups", "assigned", "cluster", "adopted", "trained"):
        return columns
    return None


def _repeated(key: str, arrows: Sequence[Arrow]) -> Iterator[Problem]:
    seen: dict[Arrow, int] = {}
    for place, arrow in enumerate(arrows):
        written = " -> ".join(arrow)
        if arrow[0] == arrow[1]:
            yield Problem(f"{key}[{place}]", f"found {echo(written)}, expected two names", "nothing causes itself")
        elif arrow in seen:
            what = f"found {echo(written)}, which edges[{seen[arrow]}] says already; expected each arrow once"
            yield Problem(f"{key}[{place}]", what, "take one out")
        seen.setdefault(arrow, place)


def _unknown(
    key: str, graph: Graph, arrows: Sequence[Arrow], columns: Columns, kpis: Sequence[Kpi]
) -> Iterator[Problem]:
    """Yield a problem for each name that is no node, at the first arrow that holds it, and each that is wrongly one."""
    held = [*columns.covariates, *columns.groups]
    held += [name for name in (columns.assigned, columns.cluster) if name is not None and name not in held]
    earlier = [kpi.id + AT_BASELINE for kpi in kpis]
    known = [TRAINING, *(kpi.id for kpi in kpis), *earlier, *held, *graph.unmeasured]
    starts = [name for name in (columns.adopted, columns.trained) if name is not None]
    if TRAINING in held:
        what = f"found a column {TRAINING!r} among [columns], which in the graph is the training itself"
        yield Problem(f"{key}.edges", what, "rename the column in the data, or leave it out of covariates and groups")
    seen = set()
    for place, arrow in enumerate(arrows):
        for name in arrow:
            if name in known or name in seen:
                continue
            seen.add(name)
            what = f"found {echo(name)}, which is no column that is read and not among graph.unmeasured"
            if name in starts:
                remedy = f"write {TRAINING!r}: the node of the training has this name whatever its column"
            else:
                near = nearest(name, known)
                hint = f"{near} or " if near.startswith("did") else ""
                remedy = f"{hint}add it to covariates in [columns], or to unmeasured; known: {', '.join(known)}"
            yield Problem(f"{key}.edges[{place}]", what, remedy)
    nodes = {name for arrow in arrows for name in arrow}
    for place, name in enumerate(graph.unmeasured):
        if name in (TRAINING, *(kpi.id for kpi in kpis), *(kpi.column for kpi in kpis), *earlier, *held):
            what = f"found {echo(name)}, which the data hold; expected a name that no column has"
            yield Problem(f"{key}.unmeasured[{place}]", what, "take it out of unmeasured, or rename it")
        elif name not in nodes:
            what = f"found {echo(name)}, which is in no arrow"
            yield Problem(f"{key}.unmeasured[{place}]", what, "draw its arrows in edges, or take it out")


def _ends(key: str, arrows: Sequence[Arrow], kpis: Sequence[str]) -> Iterator[Problem]:
    """Yield a problem where the training, or a primary KPI, is in no arrow, or no way leads from one to the other."""
    nodes = {name for arrow in arrows for name in arrow}
    for name in (TRAINING, *kpis):
        if name not in nodes:
            what = f"found no arrow that touches {echo(name)}, expected one"
            yield Problem(key, what, f"draw what moves {name}, or what it moves; the graph is of training and KPI")
    reached = reached_from(TRAINING, arrows)
    for kpi in kpis:
        if {TRAINING, kpi} <= nodes and kpi not in reached:
            what = f"found no way along the arrows from {TRAINING} to {echo(kpi)}, so that it would have no effect"
            yield Problem(key, what, f"add '{TRAINING} -> {kpi}', or the way by which training moves it")


def reached_from(start: str, arrows: Sequence[Arrow]) -> frozenset[str]:
    """Return the names that a way along the arrows leads to: what `start` moves, directly or not.

    >>> sorted(reached_from("b", [("a", "b"), ("b", "c"), ("c", "d")]))
    ['c', 'd']
    """
    found: set[str] = set()
    front = {start}
    while front:
        front = {effect for cause, effect in arrows if cause in front} - found
        found |= front
    return frozenset(found)


def _circle(arrows: Sequence[Arrow]) -> tuple[str, ...]:
    """Return the names of one circle, its first name again at the end; () where there is none.

    Names that no arrow from a remaining name enters are taken away until none is left, or only circles and what they
    lead to. From there every step back along an arrow ends in a circle.
    """
    remaining = [arrow for arrow in arrows if arrow[0] != arrow[1]]
    while True:
        entered = {effect for _, effect in remaining}
        kept = [arrow for arrow in remaining if arrow[0] in entered]
        if len(kept) == len(remaining):
            break
        remaining = kept
    if not remaining:
        return ()
    causes = {effect: cause for cause, effect in reversed(remaining)}
    way = [remaining[0][0]]
    while causes[way[-1]] not in way:
        way.append(causes[way[-1]])
    start = causes[way[-1]]
    circle = way[way.index(start) :]
    return (start, *reversed(circle))
