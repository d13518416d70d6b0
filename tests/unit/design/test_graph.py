"""The declared graph: what is refused, in which words, and what is read of one that is sound."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from attribution.design.fields import arrow_of
from attribution.design.graph import CausalGraph, _circle, causal_graph_of, reached_from
from attribution.design.json_schema import design_json_schema
from attribution.design.schema import StudyDesign
from attribution.errors import Problem

Load = Callable[..., StudyDesign]
Problems = Callable[..., list[Problem]]
Edit = tuple[str, str]

COVARIATES = ('adopted = "start"', 'adopted = "start"\ncovariates = ["tenure", "region"]\ngroups = ["site"]')
EDGES = ["tenure -> training", "tenure -> sales", "training -> sales"]


def graph(*edges: str, unmeasured: list[str] | None = None) -> list[Edit]:
    table = f"[graph]\nedges = {json.dumps(edges)}\n" + ("" if unmeasured is None else f"unmeasured = {unmeasured}\n")
    return [COVARIATES, ("", table)]


def test_no_graph_is_none(load: Load) -> None:
    assert causal_graph_of(load()) is None


def test_a_graph_is_read_with_each_kpi_by_its_id(load: Load) -> None:
    edits = [
        ('column = "sales"', 'column = "orders"'),
        *graph(
            "orders at baseline -> training",
            "motivation -> orders",
            "motivation->training",
            "training -> sales",
            "sales at baseline -> orders",
            "site -> orders",
            unmeasured=["motivation"],
        ),
    ]
    found = causal_graph_of(load(*edits))
    assert found is not None
    assert found.arrows == (
        ("sales at baseline", "training"),
        ("motivation", "sales"),
        ("motivation", "training"),
        ("training", "sales"),
        ("sales at baseline", "sales"),
        ("site", "sales"),
    )
    assert found.measured == ("sales at baseline", "site")
    assert found.nodes == ("sales at baseline", "training", "motivation", "sales", "site")


CASES: dict[str, tuple[list[Edit], str, str, str]] = {
    "no arrow": (graph("tenure", *EDGES), "graph.edges[0]", "found 'tenure', expected an arrow", "cause -> effect"),
    "two arrows": (graph("a -> b -> c"), "graph.edges[0]", "expected an arrow between two", "a chain of several"),
    "nothing before the arrow": (graph(" -> sales"), "graph.edges[0]", "expected an arrow", "cause -> effect"),
    "no edges": ([("", "[graph]\nedges = []\n")], "graph.edges", "at least 1 entry", "bounds"),
    "edges left out": ([("", "[graph]\nunmeasured = ['m']\n")], "graph.edges", "the key is missing", "add edges"),
    "a key that is none": (
        [("", '[graph]\nedges = ["training -> sales"]\nhidden = ["m"]\n')],
        "graph.hidden",
        "unknown key 'hidden', expected one of edges, unmeasured",
        "rename the key",
    ),
    "itself": (graph(*EDGES, "tenure -> tenure"), "graph.edges[3]", "'tenure -> tenure'", "nothing causes itself"),
    "twice": (graph(*EDGES, "tenure->sales"), "graph.edges[3]", "which edges[1] says already", "take one out"),
    "a circle": (
        graph(*EDGES, "region -> tenure", "training -> region"),
        "graph.edges",
        "tenure -> training -> region -> tenure; expected none",
        "'sales at baseline'",
    ),
    "the KPI decides who is trained": (
        graph(*EDGES, "sales -> training"),
        "graph.edges",
        "arrows in a circle",
        "'sales at baseline'",
    ),
    "a name with a slip": (graph(*EDGES, "tenur -> sales"), "graph.edges[3]", "found 'tenur'", "did you mean 'tenure'"),
    "a name that is nowhere": (
        graph(*EDGES, "motivation -> sales"),
        "graph.edges[3]",
        "no column that is read and not among graph.unmeasured",
        "or to unmeasured; known: training, sales, sales at baseline, tenure, region, site",
    ),
    "the column of the training": (graph("start -> sales"), "graph.edges[0]", "found 'start'", "write 'training'"),
    "unmeasured and measured": (
        graph(*EDGES, unmeasured=["region"]),
        "graph.unmeasured[0]",
        "found 'region', which the data hold",
        "rename it",
    ),
    "unmeasured and in no arrow": (
        graph(*EDGES, unmeasured=["luck"]),
        "graph.unmeasured[0]",
        "found 'luck', which is in no arrow",
        "draw its arrows",
    ),
    "no training": (graph("tenure -> sales"), "graph.edges", "no arrow that touches 'training'", "draw what moves"),
    "no KPI": (graph("tenure -> training"), "graph.edges", "no arrow that touches 'sales'", "draw what moves sales"),
    "no way": (
        graph("tenure -> training", "tenure -> sales"),
        "graph.edges",
        "found no way along the arrows from training to 'sales'",
        "add 'training -> sales'",
    ),
    "a column named training": (
        [("adopted =", 'covariates = ["training"]\nadopted ='), ("", f"[graph]\nedges = {EDGES[2:]}")],
        "graph.edges",
        "found a column 'training'",
        "rename the column",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_at_its_key(case: str, problems: Problems) -> None:
    edits, key, what, remedy = CASES[case]
    found = problems(*edits)
    there = [one for one in found if one.key == key and what in one.what and remedy in one.remedy]
    assert there, [(one.key, one.what, one.remedy) for one in found]


def test_a_name_is_blamed_once(problems: Problems) -> None:
    found = problems(*graph(*EDGES, "luck -> sales", "luck -> training"))
    assert [one.key for one in found] == ["graph.edges[3]"]


def test_a_faulty_column_table_leaves_the_circle(problems: Problems) -> None:
    edits = [("adopted =", "covariates = 3\nadopted ="), ("", '[graph]\nedges = ["a -> b", "b -> a"]\n')]
    assert [one.key for one in problems(*edits)] == ["columns.covariates", "graph.edges"]


def test_two_primary_kpis_both_need_a_way(problems: Problems) -> None:
    second = '[[kpi]]\nid = "errors"\ncolumn = "e"\nlabel = "Errors"\nunit = "errors"\ndirection = "lower"\n'
    analysis = '[[analysis]]\nid = "second"\nkpi = "errors"\nmethod = "did"\nrole = "primary"\n'
    named = [('id = "primary"', 'id = "primary"\nkpi = "sales"'), ("value_per_unit", 'kpi = "sales"\nvalue_per_unit')]
    found = problems(*named, ("", second + analysis), *graph(*EDGES))
    assert [(one.key, "'errors'" in one.what) for one in found] == [("graph.edges", True)]


@pytest.mark.parametrize(
    ("text", "sound"),
    [("a -> b", True), ("a->b", True), ("a b -> c d", True), ("a", False), ("a -> b -> c", False), ("-> b", False)],
)
def test_the_json_schema_asks_for_the_same_arrow(text: str, sound: bool) -> None:
    schema: dict[str, Any] = design_json_schema()
    edges = {"$ref": "#/$defs/Graph", "$defs": schema["$defs"]}
    assert Draft202012Validator(edges).is_valid({"edges": [text]}) == sound
    assert all(arrow_of(text)) == sound


NAMES = st.sampled_from("abcdefg")


@given(st.lists(st.tuples(NAMES, NAMES).filter(lambda one: one[0] != one[1]), max_size=12))
def test_a_circle_is_found_where_a_name_reaches_itself(arrows: list[tuple[str, str]]) -> None:
    circle = _circle(arrows)
    assert bool(circle) == any(name in reached_from(name, arrows) for arrow in arrows for name in arrow)
    if circle:
        assert circle[0] == circle[-1]
        assert all(pair in arrows for pair in pairwise(circle))
        assert len(set(circle)) == len(circle) - 1


def test_the_record_is_plain() -> None:
    assert CausalGraph((("a", "b"),), ("a",)).nodes == ("a", "b")
