"""What dowhy is asked, and what it answers: textbook graphs, another algorithm, and the refuters by hand."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attribution
from attribution.checks import refutation
from attribution.checks.refutation import SIMULATIONS, Judgement, is_installed, judge, refute

needs_dowhy = pytest.mark.skipif(
    not is_installed(), reason="needs dowhy, the extra graph, which there is for Python up to 3.13"
)

# Pearl (2009), Causality, 2nd edition, figure 3.4.
FIGURE = [
    ("X1", "X3"),
    ("X1", "X4"),
    ("X2", "X4"),
    ("X2", "X5"),
    ("X3", "T"),
    ("X4", "T"),
    ("X4", "Y"),
    ("X5", "Y"),
    ("T", "X6"),
    ("X6", "Y"),
]
MEASURED = ["X1", "X2", "X3", "X4", "X5", "X6"]
CONFOUNDED = [("tenure", "T"), ("tenure", "Y"), ("T", "Y")]


def _judge(arrows: list[tuple[str, str]], measured: list[str], *used: str) -> Judgement:
    return judge(arrows, measured, used, treatment="T", outcome="Y")


@needs_dowhy
def test_the_sets_of_pearls_figure() -> None:
    for valid in (["X3", "X4"], ["X4", "X5"], ["X1", "X4"], ["X2", "X4"]):
        assert _judge(FIGURE, MEASURED, *valid).missing == ()
    # X4 alone is a collider between X1 and X2: it needs one of the others beside it.
    alone = _judge(FIGURE, MEASURED, "X4")
    assert len(alone.missing) == 1
    assert set(alone.missing) < {"X1", "X2", "X3", "X5"}
    assert (alone.colliders, alone.consequences) == ((), ())
    assert _judge(FIGURE, MEASURED).needed in [("X3", "X4"), ("X4", "X5")]
    assert _judge(FIGURE, MEASURED, "X6", "X3", "X4").consequences == ("X6",)


@needs_dowhy
def test_a_common_cause_is_asked_for() -> None:
    assert _judge(CONFOUNDED, ["tenure"]) == Judgement(("tenure",), missing=("tenure",))
    assert _judge(CONFOUNDED, ["tenure"], "tenure") == Judgement(("tenure",))


@needs_dowhy
def test_an_unmeasured_common_cause_is_named() -> None:
    assert _judge(CONFOUNDED, []) == Judgement(None, hidden=("tenure",))
    several = [*CONFOUNDED, ("luck", "Y"), ("mood", "T"), ("pay", "T"), ("pay", "Y")]
    assert _judge(several, ["pay"], "pay") == Judgement(None, hidden=("tenure",))


@needs_dowhy
def test_a_measured_name_on_the_way_closes_the_path_of_an_unmeasured_one() -> None:
    arrows = [("drive", "score"), ("score", "T"), ("drive", "Y"), ("T", "Y")]
    assert _judge(arrows, ["score"]).needed == ("score",)
    assert _judge(arrows, ["score"], "score").missing == ()


@needs_dowhy
def test_a_collider_between_two_unmeasured_names() -> None:
    arrows = [("a", "T"), ("a", "club"), ("b", "club"), ("b", "Y"), ("T", "Y")]
    assert _judge(arrows, ["club"]) == Judgement(())
    assert _judge(arrows, ["club"], "club") == Judgement((), colliders=("club",))
    # With one of both measured the path can be closed: by that, or by leaving the collider out.
    assert _judge(arrows, ["club", "a"], "club") == Judgement((), missing=("a",), spare=("club",))
    assert _judge(arrows, ["club", "a"], "club", "a") == Judgement(())


@needs_dowhy
def test_what_training_moves_is_a_consequence_on_the_way_or_beside_it() -> None:
    arrows = [("T", "skill"), ("skill", "Y"), ("T", "badge"), ("Y", "bonus")]
    found = _judge(arrows, ["skill", "badge", "bonus"], "skill", "badge", "bonus")
    assert found == Judgement((), consequences=("skill", "badge", "bonus"))


@needs_dowhy
def test_names_and_order_are_the_users() -> None:
    arrows = [("z, z", "T"), ("z, z", "Y"), ("-> a", "T"), ("-> a", "Y"), ("T", "Y")]
    assert _judge(arrows, ["-> a", "z, z"]).needed == ("z, z", "-> a")


NODES = ("T", "Y", "a", "b", "c", "d")


@st.composite
def _graphs(draw: st.DrawFn) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    order = draw(st.permutations(NODES))
    pairs = list(combinations(order, 2))
    arrows = draw(st.lists(st.sampled_from(pairs), unique=True, min_size=1))
    measured = draw(st.lists(st.sampled_from(NODES[2:]), unique=True))
    used = draw(st.lists(st.sampled_from(measured), unique=True)) if measured else []
    return arrows + [("T", "Y")] * (order.index("T") < order.index("Y")), measured, used


@needs_dowhy
# dowhy's own file, where nothing has compiled it before.
@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@given(_graphs())
@settings(max_examples=150)
def test_path_by_path_the_answer_is_the_same(graph: tuple[list[tuple[str, str]], list[str], list[str]]) -> None:
    """dowhy's other algorithm walks every back-door path; ours asks for separation in the graph."""
    import networkx as nx
    from dowhy.graph import check_valid_backdoor_set

    arrows, measured, used = graph
    whole = nx.DiGraph(arrows)
    if not {"T", "Y"} <= set(whole) or not nx.has_path(whole, "T", "Y"):
        return
    moved = nx.descendants(whole, "T")
    allowed = [name for name in measured if name in whole and name not in moved]
    used = [name for name in used if name in whole]

    def closes(names: Iterable[str]) -> bool:
        found = check_valid_backdoor_set(whole, ["T"], ["Y"], set(names), dseparation_algo="naive")
        return bool(found["is_dseparated"])

    sets = [set(some) for size in range(len(allowed) + 1) for some in combinations(allowed, size) if closes(some)]
    found = judge(arrows, measured, used, treatment="T", outcome="Y")
    assert found.consequences == tuple(name for name in used if name in moved)
    assert (found.needed is None) == (not sets)
    if found.needed is None:
        subsets = [some for size in range(len(allowed) + 1) for some in combinations(allowed, size)]
        assert any(closes([*some, *found.hidden]) for some in subsets)
        return
    assert set(found.needed) in sets
    assert not any(some < set(found.needed) for some in sets)
    kept = {name for name in used if name in allowed} - set(found.colliders)
    assert kept | set(found.missing) in sets
    assert (not found.missing) == closes(kept)
    for collider in found.colliders:
        assert not any({*kept, collider} <= some for some in sets)
    for name in found.spare:
        assert found.missing
        assert closes(kept - {name})


def _units(n: int = 120, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(n, 2))
    trained = columns[:, 0] + rng.normal(size=n) > 0
    return 2.0 * trained + columns.sum(axis=1) + rng.normal(size=n), trained, columns


def _slope(outcome: np.ndarray, trained: np.ndarray, columns: np.ndarray) -> float:
    design = np.column_stack([trained, columns, np.ones(len(outcome))])
    return float(np.linalg.lstsq(design, outcome, rcond=None)[0][0])


@needs_dowhy
@pytest.mark.parametrize("k", [0, 2])
def test_the_refuters_do_what_they_say(k: int) -> None:
    """Each is done again with numpy and the same generator; both are least squares, equal to rounding."""
    outcome, trained, columns = _units()
    columns, n = columns[:, :k], len(outcome)
    effect = _slope(outcome, trained, columns)
    state = np.random.RandomState(np.random.PCG64(7))
    shuffled = [_slope(outcome, trained[state.choice(n, n, replace=False)], columns) for _ in range(SIMULATIONS)]
    found = refute("placebo", outcome, trained, columns, seed=7)
    assert (found.effect, found.refuted) == pytest.approx((effect, np.mean(shuffled)), rel=1e-9)
    above = np.mean(np.array(shuffled) > 0)
    assert found.p_value == pytest.approx(2 * min(above, 1 - above))
    state = np.random.RandomState(np.random.PCG64(7))
    noisy = [_slope(outcome, trained, np.column_stack([columns, state.normal(size=n)])) for _ in range(SIMULATIONS)]
    found = refute("random_cause", outcome, trained, columns, seed=7)
    assert (found.effect, found.refuted) == pytest.approx((effect, np.mean(noisy)), rel=1e-9)
    assert found.p_value > 0.5
    found = refute("subset", outcome, trained, columns, seed=7)
    assert found.refuted != found.effect
    assert found.refuted == pytest.approx(effect, abs=0.05)
    assert found.p_value > 0.5


@needs_dowhy
def test_the_same_seed_gives_the_same_bits_and_nobody_elses_draws_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refutation, "SIMULATIONS", 10)
    before = np.random.get_state()[1].copy()  # noqa: NPY002 (that dowhy leaves it alone is what is tested)
    for refuter in ("placebo", "random_cause", "subset"):
        one, other = (refute(refuter, *_units(), seed=11) for _ in range(2))
        assert one == other
        assert refute(refuter, *_units(), seed=12).refuted != one.refuted
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


@needs_dowhy
def test_an_effect_that_one_unit_carries_is_refuted() -> None:
    outcome, trained, columns = _units(200)
    trained[:] = np.arange(200) < 2
    outcome[100] += 10_000.0
    assert refute("placebo", outcome, trained, columns[:, :0], seed=1).p_value <= 0.05


def test_without_dowhy_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dowhy", None)
    assert not is_installed()


def test_one_file_alone_imports_dowhy() -> None:
    root = Path(attribution.__file__).parent
    found = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {
                path.relative_to(root).as_posix() for name in names if name.split(".")[0] in ("dowhy", "networkx")
            }
    assert found == {"checks/refutation.py"}
