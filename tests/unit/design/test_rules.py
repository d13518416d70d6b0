"""Rules over several keys: each violation is a problem at the key to mend."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from attribution.design.schema import StudyDesign
from attribution.errors import Problem

Load = Callable[..., StudyDesign]
Problems = Callable[..., list[Problem]]
Edit = tuple[str, str]

WINDOWS = "launch = 5\nbaseline = [1, 2, 3]\nfollowup = [6, 7]"
VALUE = 'value_per_unit = 12.5\nsource = "price list"\napprover = "finance"'
COST = 'amount = 1000\nsource = "invoice"'
MONEY = f'[[valuation]]\n{VALUE}\n[[cost]]\ncategory = "license"\n{COST}\n[finance]\ncurrency = "EUR"\n'
LOG = ('direction = "higher"', 'direction = "higher"\nscale = "log"')
SECOND = '[[kpi]]\nid = "errors"\ncolumn = "e"\nlabel = "Errors"\nunit = "errors"\ndirection = "lower"\n'
NAMED = [('id = "primary"', 'id = "primary"\nkpi = "sales"'), (VALUE, 'kpi = "sales"\n' + VALUE)]


def windows(launch: str, baseline: str, followup: str, more: str = "") -> Edit:
    return WINDOWS, f"launch = {launch}\nbaseline = {baseline}\nfollowup = {followup}\n{more}"


CASES: dict[str, tuple[list[Edit], str, str]] = {
    # [data]
    "file without path": ([('path = "sales.csv"', "")], "data.path", "expected path"),
    "file with name": ([('path = "sales.csv"', 'path = "a.csv"\nname = "b"')], "data.name", "expected only path"),
    "an address": (
        [('"sales.csv"', '"https://example.org/a.csv"')],
        "data.path",
        "nothing is loaded from elsewhere",
    ),
    "a spreadsheet": ([('"sales.csv"', '"sales.xlsx"')], "data.path", "expected a file that ends in .csv or .parquet"),
    "a file without a type": ([('"sales.csv"', '"sales"')], "data.path", "expected a file that ends in"),
    "a home folder": ([('"sales.csv"', '"~/sales.csv"')], "data.path", "~ does not stand for a folder here"),
    "dataset without name": ([('"file"\npath = "sales.csv"', '"dataset"')], "data.name", "expected name"),
    "dataset that is not there": (
        [('"file"\npath = "sales.csv"', '"dataset"\nname = "jobtrainin"')],
        "data.name",
        "expected one of jobtraining",
    ),
    "dataset as an import path": (
        [('"file"\npath = "sales.csv"', '"dataset"\nname = "os:system"')],
        "data.name",
        "found 'os:system'",
    ),
    # [columns]
    "neither adopted nor trained": ([('adopted = "start"', "")], "columns.adopted", "neither"),
    "adopted and trained": ([("adopted", 'trained = "t"\nadopted')], "columns.adopted", "both"),
    "a panel without its unit": ([('unit = "person"\nperiod', "period")], "columns.unit", "the key is missing"),
    "cross-sections with trained": (
        [('path = "sales.csv"', 'path = "a.csv"\nkind = "repeated_cross_sections"'), ("adopted =", "trained =")],
        "columns.trained",
        "expected adopted",
    ),
    "covariates that are not read": (
        [('method = "did"', 'method = "staggered"\ncovariates = ["age"]')],
        "analysis[0].covariates[0]",
        "found 'age', which is not among columns.covariates",
    ),
    "an interaction with what is not read": (
        [
            ('adopted = "start"', 'adopted = "start"\ncovariates = ["age"]'),
            ('method = "did"', 'method = "staggered"\ncovariates = ["age", "age:site"]'),
        ],
        "analysis[0].covariates[1]",
        "found 'site'",
    ),
    # [[kpi]]
    "expected effect without source": (
        [('direction = "higher"', 'direction = "higher"\nexpected_effect = 2')],
        "kpi[0].effect_source",
        "expected its source",
    ),
    "ids that repeat": (
        [*NAMED, ("", SECOND.replace("errors", "sales", 1) + 'role = "secondary"')],
        "kpi[1].id",
        "kpi[0] has already",
    ),
    "no primary KPI": (
        [('direction = "higher"', 'direction = "higher"\nrole = "secondary"')],
        "kpi",
        "no KPI of role 'primary'",
    ),
    # [[analysis]]
    "analysis ids that repeat": (
        [("", '[[analysis]]\nid = "primary"\nmethod = "prepost"\nrole = "reference"')],
        "analysis[1].id",
        "analysis[0] has already",
    ),
    "analysis of a KPI that is not there": (
        [
            ('id = "primary"', 'id = "primary"\nkpi = "sales"'),
            ("", '[[analysis]]\nid = "b"\nkpi = "sale"\nmethod = "did"\nrole = "sensitivity"'),
        ],
        "analysis[1].kpi",
        "found 'sale', expected one of sales",
    ),
    "no primary analysis": (
        [('role = "primary"', 'role = "reference"')],
        "analysis",
        "'sales' has 0 analyses of role 'primary', expected one",
    ),
    "two primary analyses": (
        [("", '[[analysis]]\nid = "b"\nmethod = "did"\nrole = "primary"')],
        "analysis",
        "'sales' has 2 analyses of role 'primary', expected one",
    ),
    "a primary KPI without its analysis": (
        [*NAMED, ("", SECOND)],
        "analysis",
        "'errors' has 0 analyses of role 'primary'",
    ),
    # [timing]
    "period twice in a window": ([windows("5", "[1, 1]", "[6]")], "timing.baseline", "the period 1 twice"),
    "period in both windows": ([windows("'b'", "['a']", "['c', 'a']")], "timing.followup", "the period 'a' twice"),
    "quarter twice, written in two ways": (
        [windows("'2026Q2'", "['2026Q1', '2026-Q1']", "['2026Q3']")],
        "timing.baseline",
        "the period '2026-Q1' twice",
    ),
    "launch on the last baseline period": ([windows("3", "[1, 3, 2]", "[6]")], "timing.launch", "not after the last"),
    "launch after the follow-up": (
        [windows("2026-09-01", "[2026-01-01]", "[2026-07-01]")],
        "timing.launch",
        "after the last follow-up period 2026-07-01",
    ),
    "quarter of launch in the baseline": (
        [windows("'2026Q1'", "['2025Q4', '2026Q1']", "['2026Q2']")],
        "timing.launch",
        "not after the last baseline period '2026Q1'",
    ),
    "follow-up in text before the launch": (
        [windows("'2026-03'", "['2026-01']", "['2026-02', '2026-04']")],
        "timing.followup",
        "from '2026-02', before the launch '2026-03'; expected from then on",
    ),
    "follow-up in days before the launch": (
        [windows("2026-03-16", "[2026-01-01]", "[2026-02-01, 2026-03-01]")],
        "timing.followup",
        "from 2026-02-01, before the launch 2026-03-16",
    ),
    "month of the launch day in the baseline": (
        [windows("2026-03-16", "[2026-02-01, 2026-03-01]", "[2026-04-01]")],
        "timing.launch",
        "not after the last baseline period 2026-03-01",
    ),
    "text months and a launch day": (
        [windows("2026-03-16", "['2026-01']", "['2026-02', '2026-03']")],
        "timing.followup",
        "before the launch 2026-03-16",
    ),
    "follow-up during washout": (
        [windows("5", "[3]", "[6, 7]", "washout = 2")],
        "timing.followup",
        "expected from 7 (launch 5, washout 2)",
    ),
    "follow-up before the launch": ([windows("6", "[3]", "[5, 7]")], "timing.followup", "expected from 6"),
    "baseline during anticipation": (
        [windows("5", "[1, 3]", "[6]", "anticipation = 2")],
        "timing.baseline",
        "expected until 2 (launch 5, anticipation 2)",
    ),
    # [[valuation]]
    "value without source": ([('source = "price list"\n', "")], "valuation[0].source", "unless illustrative"),
    "value without approver": ([('approver = "finance"\n', "")], "valuation[0].approver", "unless illustrative"),
    "no value": ([("value_per_unit = 12.5\n", "")], "valuation[0].value_per_unit", "neither"),
    "both values": (
        [("value_per_unit = 12.5", "value_per_unit = 12.5\nvalue_of_untrained_level = 9")],
        "valuation[0].value_per_unit",
        "both",
    ),
    "price of a log point": ([LOG], "valuation[0].value_per_unit", "on the log scale"),
    "untrained level on the linear scale": (
        [("value_per_unit = 12.5", "value_of_untrained_level = 9")],
        "valuation[0].value_of_untrained_level",
        "on the linear scale",
    ),
    "KPI priced twice": (
        [("", f"[[valuation]]\n{VALUE}")],
        "valuation[1].kpi",
        "valuation[0] prices already",
    ),
    "values of two KPIs": (
        [
            *NAMED,
            ("", SECOND + '[[analysis]]\nid = "errors"\nkpi = "errors"\nmethod = "did"\nrole = "primary"'),
            ("", f'[[valuation]]\nkpi = "errors"\n{VALUE}'),
        ],
        "valuation",
        "found values of 2 KPIs ('sales', 'errors'), expected the value of one",
    ),
    "value of a KPI that is not there": (
        [(VALUE, 'kpi = "sale"\n' + VALUE)],
        "valuation[0].kpi",
        "expected one of sales",
    ),
    "price of an intangible": (
        [NAMED[0], (VALUE, 'kpi = "errors"\n' + VALUE), ("", SECOND + 'role = "intangible"')],
        "valuation[0].kpi",
        "the intangible KPI 'errors'",
    ),
    # [[cost]]
    "cost without source": ([(COST, "amount = 1000")], "cost[0].source", "unless illustrative"),
    "zero without reason": ([(COST, "amount = 0")], "cost[0].reason", "without a reason"),
    "low without high": ([(COST, COST + "\nlow = 900")], "cost[0].high", "low without high"),
    "high without low": ([(COST, COST + "\nhigh = 1100")], "cost[0].low", "high without low"),
    "amount below low": ([(COST, COST + "\nlow = 1001\nhigh = 1100")], "cost[0].amount", "outside 1001 to 1100"),
    "amount above high": ([(COST, COST + "\nlow = 900\nhigh = 999")], "cost[0].amount", "outside 900 to 999"),
    # money as a whole
    "value without cost": (
        [(f'[[cost]]\ncategory = "license"\n{COST}\n', "")],
        "cost",
        "a valuation without a cost",
    ),
    "cost without value": ([(f"[[valuation]]\n{VALUE}\n", "")], "valuation", "a cost without a valuation"),
    "money without currency": ([('[finance]\ncurrency = "EUR"\n', "")], "finance.currency", "without a currency"),
    "empty [finance]": ([('currency = "EUR"\n', "")], "finance.currency", "the key is missing"),
    "outcomes with finance": (
        [('"roi"', '"outcomes"'), (MONEY, '[finance]\ncurrency = "EUR"\n')],
        "finance",
        "frame 'outcomes', expected no money",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_broken_rule_is_one_problem_at_its_key(problems: Problems, case: str) -> None:
    edits, key, what = CASES[case]
    found = problems(*edits)
    assert [problem.key for problem in found] == [key]
    assert what in found[0].what


def test_outcomes_refuses_every_table_of_money(problems: Problems) -> None:
    assert [problem.key for problem in problems(('"roi"', '"outcomes"'))] == ["valuation", "cost", "finance"]


def test_outcomes_needs_no_money(load: Load) -> None:
    design = load(('"roi"', '"outcomes"'), (MONEY, ""))
    assert (design.valuation, design.cost, design.finance) == ((), (), None)


def test_illustrative_money_needs_no_source(load: Load) -> None:
    design = load((VALUE, "value_per_unit = 12.5\nillustrative = true"), (COST, "amount = 9\nillustrative = true"))
    assert design.valuation[0].illustrative
    assert design.cost[0].illustrative


def test_a_log_kpi_is_priced_at_its_untrained_level(load: Load) -> None:
    design = load(LOG, ("value_per_unit = 12.5", "value_of_untrained_level = 9"))
    assert design.valuation[0].value_of_untrained_level == 9


def test_a_category_may_stand_twice(load: Load) -> None:
    design = load(("", '[[cost]]\ncategory = "license"\namount = 5\nlow = 5\nhigh = 5\nsource = "x"'))
    assert [cost.category for cost in design.cost] == ["license", "license"]


def test_two_kpis_with_an_analysis_each(load: Load) -> None:
    design = load(
        *NAMED, ("", SECOND + '[[analysis]]\nid = "errors"\nkpi = "errors"\nmethod = "did"\nrole = "primary"')
    )
    assert [analysis.kpi for analysis in design.analysis] == ["sales", "errors"]


@pytest.mark.parametrize(
    "edit",
    [
        windows("1988", "[1987]", "[1988]"),
        windows("5", "[2, 1]", "[7, 8]", "washout = 2\nanticipation = 2"),
        windows("2026-03-01", "[2026-02-01, 2026-01-01]", "[2026-03-01]"),
        windows("'2026Q2'", "['2025Q4', '2026Q1']", "['2026-Q2']"),
        windows("'2026-02'", "['2026-01']", "['2026-02', '2026-03']"),
        # A launch inside a month is in that month.
        windows("2026-03-16", "[2026-02-01]", "[2026-03-01]"),
        windows("2026-03-16", "['2026-02']", "['2026-03']"),
        # Only the data know the order of such labels.
        windows("'wave two'", "['wave three']", "['wave one']"),
    ],
)
def test_windows_in_order_are_accepted(load: Load, edit: Edit) -> None:
    assert load(edit).timing.period == "month"


def test_a_follow_up_before_the_baseline_is_named_as_such(problems: Problems) -> None:
    found = problems(windows("'2026Q2'", "['2026Q3']", "['2026Q1']"))
    assert any(problem.key == "timing.followup" and "'2026Q3'" in problem.what for problem in found)


def test_a_rule_speaks_although_another_key_of_the_table_is_faulty(problems: Problems) -> None:
    found = problems((COST, "amount = 1000\nlow = 2000\nhigh = 3000\nsource = 7"))
    assert {problem.key for problem in found} == {"cost[0].amount", "cost[0].source"}


@pytest.mark.parametrize(
    ("more", "faulty"),
    [
        ("washout = -1", {"timing.washout"}),
        ("anticipation = 'one'", {"timing.anticipation"}),
        ("", set()),
    ],
)
def test_a_faulty_key_of_timing_does_not_silence_the_others(problems: Problems, more: str, faulty: set[str]) -> None:
    found = problems(windows("6", "[3, 3]", "[5, 7]", more))
    assert {problem.key for problem in found} == {"timing.baseline", "timing.followup"} | faulty


def test_each_window_is_compared_with_the_launch_by_itself(problems: Problems) -> None:
    found = problems(windows("6", "[true]", "[5, 7]"))
    assert {problem.key for problem in found} == {"timing.baseline[0]", "timing.followup"}
    found = problems(windows("3", "[3]", "[]"))
    assert {problem.key for problem in found} == {"timing.launch", "timing.followup"}
    found = problems(
        windows("'2026-03'", "['2026-03']", "['2026-04']"), ('period = "month"\nlaunch', "period = 3\nlaunch")
    )
    assert {problem.key for problem in found} == {"timing.launch", "timing.period"}


@pytest.mark.parametrize("kind", ["repeated_cross_sections", "series"])
def test_other_kinds_of_data_need_no_unit(load: Load, kind: str) -> None:
    found = load(('unit = "person"\nperiod', "period"), ('path = "sales.csv"', f'path = "a.csv"\nkind = "{kind}"'))
    assert (found.data.kind, found.columns.unit) == (kind, None)
    assert load().data.kind == "panel"
