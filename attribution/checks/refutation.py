"""What dowhy says of a declared graph and of an effect: the only file that imports it (extra `graph`)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Refuter = Literal["placebo", "random_cause", "subset"]

HOW_TO_INSTALL = "dowhy is not installed: pip install 'training-attribution[graph]' (Python 3.11 to 3.13)"

SIMULATIONS = 100
"""As many as dowhy runs unless told otherwise, and as it needs to read the p value off their percentiles."""

SUBSET = 0.8


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a graph says of a set of covariates.

    `needed` is a smallest set of measured names that closes every back-door path, None where none does: then `hidden`
    are the names that would have to be measured. Of the covariates used, `consequences` are moved by the treatment and
    `colliders` open a path that nothing measured closes; `missing` is what to add to the others to close every path.
    `spare` are those used without which all would be closed already.
    """

    needed: tuple[str, ...] | None
    hidden: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    colliders: tuple[str, ...] = ()
    consequences: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refuted:
    """An effect, its mean over the simulations of a refuter, and how well the two agree: 1 wholly, 0 not at all."""

    effect: float
    refuted: float
    p_value: float


def is_installed() -> bool:
    """Say whether the extra `graph` is there, without importing it: that takes seconds."""
    return find_spec("dowhy") is not None


def judge(
    arrows: Sequence[tuple[str, str]], measured: Iterable[str], used: Sequence[str], *, treatment: str, outcome: str
) -> Judgement:
    """Return what a graph without circles says of adjusting for `used`, names of the graph among `measured`.

    Back-door paths are those from treatment to outcome that start with an arrow into the treatment. A set without
    consequences of the treatment closes them all or none does, so that only such sets are looked for.

    Source: Pearl (1995), Causal diagrams for empirical research, theorem 1; Perković et al. (2018), Complete graphical
    characterization and construction of adjustment sets, corollary 27; van der Zander & Liśkiewicz (2020).
    """
    with _known_warnings():
        import networkx as nx
        from dowhy.causal_identifier.auto_identifier import identify_generalized_adjustment_set
        from dowhy.graph import check_valid_backdoor_set, do_surgery, get_descendants

    graph = nx.DiGraph(list(arrows))
    order, ends = list(graph.nodes), {treatment, outcome}
    moved = get_descendants(graph, [treatment])
    allowed = set(measured) & set(order) - moved - ends
    cut = do_surgery(graph, [treatment], remove_outgoing_edges=True)

    def closing(included: Iterable[str], extra: Iterable[str] = ()) -> set[str] | None:
        held = set(included)
        found: set[str] | None = nx.algorithms.find_minimal_d_separator(
            cut, {treatment}, {outcome}, included=held, restricted=allowed | held | set(extra)
        )
        return found

    def closes(names: Iterable[str]) -> bool:
        found = check_valid_backdoor_set(graph, [treatment], [outcome], set(names), new_graph=cut)
        return bool(found["is_dseparated"])

    def ordered(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(names, key=order.index))

    consequences = tuple(name for name in used if name in moved)
    sets = identify_generalized_adjustment_set(graph, [treatment], [outcome], list(ordered(allowed)))
    if not sets:
        hidden = [name for name in order if name not in allowed | moved | ends]
        for name in tuple(hidden):
            rest = [one for one in hidden if one != name]
            hidden = rest if closing((), rest) is not None else hidden
        return Judgement(None, hidden=tuple(hidden), consequences=consequences)
    kept: list[str] = []
    colliders: list[str] = []
    for name in used:
        if name in allowed:
            (colliders if closing([*kept, name]) is None else kept).append(name)
    missing = () if closes(kept) else ordered((closing(kept) or set()) - set(kept))
    spare = tuple(name for name in kept if missing and closes(one for one in kept if one != name))
    needed = ordered(sets[0].get_adjustment_variables())
    return Judgement(needed, missing=missing, colliders=tuple(colliders), consequences=consequences, spare=spare)


def refute(refuter: Refuter, outcome: Floats, trained: NDArray[np.bool_], columns: Floats, *, seed: int) -> Refuted:
    """Return an effect by linear regression beside its mean over the simulations of one of dowhy's refuters.

    `outcome[n]`, `trained[n]` and `columns[n, k]`, what is adjusted for, have a row per unit. `placebo` shuffles who is
    trained: the effect should be gone. `random_cause` adds a column of chance, `subset` draws four fifths of the units:
    the effect should stay. `p_value` is twice the smaller share of simulations on one side of 0 (placebo) or of the
    effect. The same seed gives the same bits.

    Source: Sharma & Kiciman (2020), DoWhy: An end-to-end library for causal inference, section 4.
    """
    with _known_warnings():
        from dowhy.causal_estimators.linear_regression_estimator import LinearRegressionEstimator
        from dowhy.causal_identifier import EstimandType, IdentifiedEstimand
        from dowhy.causal_refuters import refute_data_subset, refute_placebo_treatment, refute_random_common_cause
        from dowhy.causal_refuters.placebo_treatment_refuter import PlaceboType

    # Names of our own: those of users may hold anything, and dowhy adds columns of its own.
    names = [f"x{place}" for place in range(columns.shape[1])]
    frame = pd.DataFrame(columns, columns=names).assign(treatment=trained.astype(float), outcome=outcome)
    estimand = IdentifiedEstimand(
        None,
        treatment_variable=["treatment"],
        outcome_variable=["outcome"],
        estimand_type=EstimandType.NONPARAMETRIC_ATE,
        backdoor_variables={"backdoor": names},
        default_backdoor_id="backdoor",
        identifier_method="backdoor",
    )
    # An object, not a seed: the subset refuter passes a seed on, and would draw the same subset every time.
    common = {"num_simulations": SIMULATIONS, "random_state": _random_state(seed)}
    with _known_warnings():
        estimate = LinearRegressionEstimator(estimand).fit(frame).estimate_effect(frame)
        found: Any
        if refuter == "placebo":
            found = refute_placebo_treatment(
                frame, estimand, estimate, ["treatment"], placebo_type=PlaceboType.PERMUTE, **common
            )
        elif refuter == "random_cause":
            found = refute_random_common_cause(frame, estimand, estimate, **common)
        else:
            found = refute_data_subset(frame, estimand, estimate, subset_fraction=SUBSET, **common)
    return Refuted(float(estimate.value), float(found.new_effect), float(found.refutation_result["p_value"]))


def _random_state(seed: int) -> np.random.RandomState:
    """Return the generator of the kind that dowhy and pandas take; it is nobody else's."""
    return np.random.RandomState(np.random.PCG64(seed))


@contextmanager
def _known_warnings() -> Iterator[None]:
    """Hide three warnings that say nothing of the study.

    Two are of dowhy 0.14: it passes `copy`, which pandas 3 no longer reads, and its texts hold `\\s`. Python says the
    latter once, when it compiles the file: some installers leave that to the first import. The third is of statsmodels:
    a random part of the units may lose the few of a rare level, whose column is then 0 for all.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The copy keyword is deprecated", DeprecationWarning, module="dowhy")
        warnings.filterwarnings("ignore", "invalid escape sequence", module=".*dowhy")
        warnings.filterwarnings("ignore", "The design matrix is rank-deficient")
        yield
