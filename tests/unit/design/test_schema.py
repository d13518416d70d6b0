"""Single keys: a value of another kind or outside its bounds is one problem, at its key, with a remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest

from attribution.design.money_tables import Category
from attribution.design.schema import StudyDesign
from attribution.errors import Problem
from attribution.finance.costs import CATEGORIES

Load = Callable[..., StudyDesign]
Problems = Callable[..., list[Problem]]

KPI = 'unit = "orders"'
ASSIGNMENT = 'mechanism = "waitlist"'
OTHER = "[[other_intervention]]\nname = 'bonus'\narm = 'both'\nshare = "


@pytest.mark.parametrize(
    ("old", "new", "key", "what"),
    [
        ("schema = 1", "schema = 2", "schema", "expected 1"),
        ("schema = 1", "schema = true", "schema", "found true, expected a whole number"),
        ("schema = 1", "schema = 1.0", "schema", "found 1.0, expected a whole number"),
        ("schema = 1\n", "", "schema", "the key is missing"),
        ('"sales-2026"', '"../../etc/passwd"', "study.id", "lower-case letters, digits and hyphens"),
        ('"sales-2026"', '"Sales"', "study.id", "lower-case"),
        ('"sales-2026"', '"-a"', "study.id", "lower-case"),
        ('"sales-2026"', '"a_b"', "study.id", "lower-case"),
        ('"sales-2026"', '"a\\n"', "study.id", "lower-case"),
        ('"sales-2026"', f'"{"a" * 65}"', "study.id", "1 to 64"),
        ('"roi"', '"readiness"', "study.frame", "expected one of roi, outcomes"),
        ('frame = "roi"', 'frame = "roi"\nas_of = "2026-01-31"', "study.as_of", "expected a date"),
        ('frame = "roi"', 'frame = "roi"\nas_of = 2026-01-31T00:00:00', "study.as_of", "expected a date"),
        ('"Sales training"', '""', "study.title", "at least 1 character"),
        ('"Sales training"', '"  "', "study.title", "not blank"),
        ('"Sales training"', '"a\\u0007b"', "study.title", "U+0007"),
        ('"Sales training"', '"a\\nb"', "study.title", "U+000A"),
        ('"Sales training"', '"a\\u2028b"', "study.title", "U+2028"),
        ('"Sales training"', '"a\\u202eb"', "study.title", "U+202E"),
        ('"Sales training"', f'"{"a" * 501}"', "study.title", "at most 500 characters"),
        ('"Sales training"', "3", "study.title", "found 3, expected a text"),
        ('name = "Sales academy"', "", "program.name", "expected the program's name"),
        ('"Weekly sales"', f'"{"a" * 81}"', "kpi[0].label", "at most 80 characters"),
        ('"orders"', f'"{"a" * 41}"', "kpi[0].unit", "at most 40 characters"),
        ('"higher"', '"up"', "kpi[0].direction", "expected one of higher, lower"),
        (KPI, KPI + '\nscale = "logs"', "kpi[0].scale", "expected one of linear, log"),
        (KPI, KPI + '\nrole = "main"', "kpi[0].role", "primary, secondary, intangible"),
        (KPI, KPI + "\nminimum_worthwhile_effect = true", "kpi[0].minimum_worthwhile_effect", "found true"),
        (KPI, KPI + "\nminimum_worthwhile_effect = '1'", "kpi[0].minimum_worthwhile_effect", "found '1'"),
        (KPI, KPI + "\nminimum_worthwhile_effect = nan", "kpi[0].minimum_worthwhile_effect", "a finite number"),
        ('source = "file"', 'source = "url"', "data.source", "expected one of file, dataset"),
        ('source = "file"', 'source = "file"\nkind = "tables"', "data.kind", "panel, repeated_cross_sections, series"),
        ('adopted = "start"', 'adopted = "start"\ncovariates = "age"', "columns.covariates", "expected an array"),
        ('adopted = "start"', 'adopted = "start"\ncovariates = ["a", "a"]', "columns.covariates", "'a' repeats"),
        ('adopted = "start"', 'adopted = "start"\ngroups = [1]', "columns.groups[0]", "expected a text"),
        (ASSIGNMENT, 'mechanism = "luck"', "assignment.mechanism", "first_come"),
        (ASSIGNMENT, "", "assignment.mechanism", "the key is missing"),
        (ASSIGNMENT, ASSIGNMENT + "\ncontamination = 1.01", "assignment.contamination", "at most 1"),
        (ASSIGNMENT, ASSIGNMENT + "\ncontamination = -0.1", "assignment.contamination", "at least 0"),
        (ASSIGNMENT, ASSIGNMENT + "\ndate = 2026", "assignment.date", "expected a date"),
        ("", OTHER + "1.5", "other_intervention[0].share", "at most 1"),
        ("", OTHER + "true", "other_intervention[0].share", "expected a number"),
        ("", OTHER.replace("both", "all") + "0.5", "other_intervention[0].arm", "trained, control, both"),
        ('period = "month"\nlaunch', 'period = "decade"\nlaunch', "timing.period", "year, quarter, month, week, day"),
        ("launch = 5", "launch = 5.0", "timing.launch", "expected a period"),
        ("launch = 5", "launch = true", "timing.launch", "found true, expected a period"),
        ("launch = 5", "launch = 2026-01-01T00:00:00", "timing.launch", "a date without a time"),
        ("launch = 5", "launch = 1_000_000_000", "timing.launch", "nine digits"),
        ("launch = 5", f'launch = "{"1" * 41}"', "timing.launch", "at most 40 characters"),
        ("launch = 5", 'launch = ""', "timing.launch", "not blank"),
        ("[1, 2, 3]", "[]", "timing.baseline", "at least 1 entry"),
        ("[1, 2, 3]", "1", "timing.baseline", "found 1, expected an array"),
        ("[1, 2, 3]", "[true]", "timing.baseline[0]", "found true"),
        ("launch = 5", "launch = 5\nwashout = -1", "timing.washout", "at least 0"),
        ("launch = 5", "launch = 5\nwashout = 1.0", "timing.washout", "a whole number"),
        ("launch = 5", "launch = 5\nanticipation = '1'", "timing.anticipation", "a whole number"),
        ('id = "primary"', 'id = "a.b"', "analysis[0].id", "hyphens and underscores"),
        ('role = "primary"', 'role = "main"', "analysis[0].role", "primary, reference, sensitivity"),
        ("", "[inference]\nlevel = 1", "inference.level", "below 1"),
        ("", "[inference]\nlevel = 0.5", "inference.level", "above 0.5"),
        ("", "[inference]\nlevel = '0.9'", "inference.level", "expected a number"),
        ("", "[inference]\ndraws = 98", "inference.draws", "at least 99"),
        ("", "[inference]\ndraws = 1_000_001", "inference.draws", "at most 1,000,000"),
        ("", "[inference]\ndraws = 999.0", "inference.draws", "a whole number"),
        ("", "[inference]\nseed = -1", "inference.seed", "at least 0"),
        ("12.5", "0", "valuation[0].value_per_unit", "above 0"),
        ("12.5", "inf", "valuation[0].value_per_unit", "a finite number"),
        ("12.5", "'12.5'", "valuation[0].value_per_unit", "expected a number"),
        ('source = "price list"', 'source = "x"\nillustrative = 1', "valuation[0].illustrative", "true or false"),
        ('"license"', '"licence"', "cost[0].category", "learner_time"),
        ("1000", "-1", "cost[0].amount", "at least 0"),
        ("1000", "nan", "cost[0].amount", "a finite number"),
        ('"EUR"', '"euro"', "finance.currency", "three capital letters"),
        ('"EUR"', '"EUR"\nhurdle = -1', "finance.hurdle", "above -1"),
        ('"EUR"', '"EUR"\ndiscount_rate = 1', "finance.discount_rate", "below 1"),
        ('"EUR"', '"EUR"\ndiscount_rate = -0.1', "finance.discount_rate", "at least 0"),
        ('"EUR"', '"EUR"\nhorizon = 0', "finance.horizon", "at least 1"),
        ("", "[limits]\ntext = [1]", "limits.text[0]", "expected a text"),
        ("", "[limits]\ntext = ''", "limits.text[0]", "at least 1 character"),
        ("[program]", "[[program]]", "program", "found an array of 1 entry, expected one table written [program]"),
        ("[[cost]]", "[cost]", "cost", "found a table of 3 keys, expected tables written [[cost]]"),
        ("[[cost]]", "[[cost.lines]]", "cost", "expected tables written [[cost]]"),
    ],
)
def test_a_faulty_value_is_one_problem_at_its_key(problems: Problems, old: str, new: str, key: str, what: str) -> None:
    found = problems((old, new))
    assert [problem.key for problem in found] == [key]
    assert what in found[0].what


@pytest.mark.parametrize(
    ("old", "new", "key", "remedy"),
    [
        ('direction = "higher"', 'direction = "higher"\ndirecton = 1', "kpi[0].directon", "did you mean 'direction'?"),
        ("", "[infernce]\nseed = 1", "infernce", "did you mean 'inference'?"),
        ("schema = 1", "schema = 1\nversion = 1", "version", "choose one of these"),
        ("launch = 5", "launch = 5\nseed = 1", "timing.seed", "'seed' is a key of [inference]"),
        ("schema = 1", "schema = 1\nseed = 1", "seed", "'seed' is a key of [inference]"),
        ("schema = 1", "schema = 1\nschema_version = 1", "schema_version", "did you mean 'schema'?"),
        ("", "[source]\npath = 'x'", "source", "'source' is a key of [data]"),
        ("launch = 5", "launch = 5\n'bad key\\u001b[31m' = 1", "timing.'bad key\\\\u001b[31m'", "choose one of these"),
        ("launch = 5", f"launch = 5\n{'k' * 5_000} = 1", f"timing.'{'k' * 60}…'", "choose one of these"),
        ('"higher"', '"highr"', "kpi[0].direction", "did you mean 'higher'?"),
        ("adopted", "adoptd", "columns.adoptd", "did you mean 'adopted'?"),
    ],
)
def test_an_unknown_name_gets_the_nearest_known_one(
    problems: Problems, old: str, new: str, key: str, remedy: str
) -> None:
    found = {problem.key: problem.remedy for problem in problems((old, new))}
    assert remedy in found[key]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("12.5", "12"),
        ("1000", "1_000.50"),
        ("1000", "0\nreason = 'none needed'"),
        ('"higher"', '"higher"\nexpected_effect = -1\neffect_source = "pilot"'),
        ("launch = 5", "launch = 5\nwashout = 1\nanticipation = 1"),
        ("", "[inference]\nlevel = 0.9\ndraws = 99\nseed = 0"),
        (ASSIGNMENT, 'mechanism = "first_come"\ncontamination = 0\ndate = 2026-01-31'),
        ('"EUR"', '"EUR"\nhorizon = 12\nhurdle = -0.5\ndiscount_rate = 0'),
        ('"Weekly sales"', f'"{"ü" * 80}"'),
        ("", OTHER + "0"),
    ],
)
def test_values_at_their_bounds_are_accepted(load: Load, old: str, new: str) -> None:
    assert load((old, new)).study.id == "sales-2026"


def test_the_categories_of_costs_are_those_of_the_ledger() -> None:
    assert get_args(Category) == tuple(CATEGORIES)
