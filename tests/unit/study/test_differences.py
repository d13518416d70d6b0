"""What differs between two versions of a design, in words and as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import attribution as at
from attribution.errors import MethodError
from attribution.study.differences import differences

Make = Callable[..., Path]

TWO_KPIS: dict[str, Any] = {
    "kpi.1": {"id": "errors", "column": "errors", "label": "Errors", "unit": "errors", "direction": "lower"},
    "analysis": [
        {"id": "a", "kpi": "sales", "method": "did", "role": "primary"},
        {"id": "b", "kpi": "errors", "method": "did", "role": "primary"},
    ],
    "valuation.0.kpi": "sales",
}
CHECKS = {"id": "later", "method": "did", "role": "sensitivity", "controls": "never"}


@pytest.fixture
def told(make_study: Make) -> Callable[..., list[tuple[str, str, bool]]]:
    """Return what differs between the example design with some changes and with others."""

    def make(new: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> list[tuple[str, str, bool]]:
        one = at.load_design(make_study(None, old, name="old.toml"))
        other = at.load_design(make_study(None, new, name="new.toml"))
        return [(one.field, one.words, one.decides) for one in differences(one, other)]

    return make


@pytest.mark.parametrize(
    ("new", "field", "words", "decides"),
    [
        (
            {"analysis.0.method": "staggered"},
            "analysis.primary.method",
            "The primary analysis: method was did, is now staggered",
            True,
        ),
        (
            {"analysis.0.controls": "never"},
            "analysis.primary.controls",
            "The primary analysis: controls was not set, is now never",
            True,
        ),
        ({"kpi.0.label": "Sales"}, "kpi.sales.label", "The KPI sales: label was 'Monthly sales', is now Sales", False),
        (
            {"kpi.0.direction": "lower"},
            "kpi.sales.direction",
            "The KPI sales: direction was higher, is now lower",
            True,
        ),
        (
            {"kpi.0.minimum_worthwhile_effect": -0.5},
            "kpi.sales.minimum_worthwhile_effect",
            "The KPI sales: minimum_worthwhile_effect was not set, is now −0.5",
            True,
        ),
        (
            {"timing.followup": ["2026-03", "2026-04"]},
            "timing.followup",
            "The timing: followup is now without 2026-02, 2026-05",
            True,
        ),
        (
            {"columns.covariates": ["age", "years in job"]},
            "columns.covariates",
            "The columns: covariates is now with age, 'years in job'",
            True,
        ),
        ({"data.path": "data-2.csv"}, "data.path", "The data: path was 'data.csv', is now 'data-2.csv'", False),
        (
            {"cost.1.amount": 2500},
            "cost.learner_time.amount",
            "The cost learner time: amount was 3000, is now 2500",
            True,
        ),
        (
            {"cost.1.source": "x"},
            "cost.learner_time.source",
            "The cost learner time: source was payroll, is now x",
            False,
        ),
        ({"analysis.1": CHECKS}, "analysis.later", "The sensitivity analysis later is new (method did)", False),
        ({"cohort": {"method": "exact"}}, "cohort.cohort", "The cohort is new (method exact)", True),
        ({"limits": {"text": "one site"}}, "limits.text", "The limits: text is now with 'one site'", False),
        ({"program.kind": "sales"}, "program.kind", "The program: kind was not set, is now sales", False),
        ({"power.sd": 2}, "power.sd", "The power: sd was not set, is now 2", False),
        (
            {"valuation.0.approver": "the CFO"},
            "valuation.sales.approver",
            "The value of sales: approver was finance, is now 'the CFO'",
            False,
        ),
    ],
)
def test_a_change_in_words(
    told: Callable[..., list[tuple[str, str, bool]]], new: dict[str, Any], field: str, words: str, decides: bool
) -> None:
    found = told(new)
    if "cohort" in new:
        assert found.pop() == (
            "analysis.primary.cohort",
            "The primary analysis: cohort was not set, is now cohort",
            True,
        )
        found = [one for one in found if one[0] == field] or found
    assert found == [(field, words, decides)]


def test_defaults_layout_and_comments_are_no_difference(make_study: Make) -> None:
    old = make_study(None, name="old.toml")
    new = make_study(None, {"kpi.0.role": "primary", "timing.washout": 0}, name="new.toml")
    new.write_text("# reviewed\n" + new.read_text(encoding="utf-8"), encoding="utf-8")
    assert differences(at.load_design(old), at.load_design(new)) == ()


def test_the_order_of_tables_makes_none_but_for_the_headline(told: Callable[..., list[tuple[str, str, bool]]]) -> None:
    swapped = TWO_KPIS | {"analysis": TWO_KPIS["analysis"][::-1]}
    assert told(swapped, TWO_KPIS) == [
        ("headline", "The headline: the first primary analysis was a, is now b", True)
    ]  # fmt: skip


def test_a_table_that_is_gone_keeps_what_it_held(make_study: Make) -> None:
    old = at.load_design(make_study(None, {"analysis.1": CHECKS}, name="old.toml"))
    new = at.load_design(make_study(None, name="new.toml"))
    (found,) = differences(old, new)
    assert (found.field, found.new) == ("analysis.later", None)
    assert found.old == {"id": "later", "kpi": "sales", "method": "did", "role": "sensitivity", "controls": "never"}
    assert found.words == "The sensitivity analysis later is gone (method did)"


def test_an_analysis_that_becomes_the_claim_decides(told: Callable[..., list[tuple[str, str, bool]]]) -> None:
    old = {"analysis.1": CHECKS}
    new = {"analysis.0.role": "sensitivity", "analysis.1": CHECKS | {"role": "primary"}}
    assert told(new, old) == [
        ("analysis.primary.role", "The primary analysis: role was primary, is now sensitivity", True),
        ("analysis.later.role", "The sensitivity analysis later: role was sensitivity, is now primary", True),
    ]  # fmt: skip


def test_two_costs_of_one_kind_are_told_apart_by_what_they_hold(make_study: Make) -> None:
    more = [{"category": "content", "amount": amount, "source": "quote"} for amount in (500, 900)]
    old = make_study(None, {"cost.8": more[0], "cost.9": more[1]}, name="old.toml")
    new = make_study(None, {"cost.8": more[1], "cost.9": more[0]}, name="new.toml")
    assert differences(at.load_design(old), at.load_design(new)) == ()


def test_long_texts_that_differ_far_in_are_not_said_to_be_equal(
    told: Callable[..., list[tuple[str, str, bool]]],
) -> None:
    ((_, words, _),) = told({"study.question": "a" * 100 + "b"}, {"study.question": "a" * 100 + "c"})
    assert words == "The study: question is another text after its first 60 letters"


def test_only_designs_are_told_apart(make_study: Make) -> None:
    with pytest.raises(MethodError, match="new is a str"):
        differences(at.load_design(make_study(None)), "design.toml")
