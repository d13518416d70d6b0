"""Every sentence of page one, held as text: each grade, verdict, direction and scale, and the readings of the share."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import attribution as at
from attribution.core.interval import Interval
from attribution.report import words
from attribution.study.verdict import primary_kpi, verdict_of
from tests.unit.report.sentences import SENTENCES

CASES: dict[str, tuple[str, float, tuple[float, float]]] = {
    "works": ("works", 3.0, (0.3, 0.4)),
    "harms": ("does_not", -2.0, (0.3, 0.4)),
    "too_small": ("does_not", 0.2, (0.3, 0.4)),
    "open": ("cannot_tell", 1.5, (0.6, 0.8)),
}
"""Verdict, effect as improvement, and the two arms' standard errors: the effect's is .5, in the last case 1."""


def _stated(stated: Callable[..., at.StudyResult], direction: str, scale: str, case: str) -> at.StudyResult:
    """Return a result of a case, a tenth as large on the log scale, where 1.5 (.15) is the least worth having."""
    _, improvement, errors = CASES[case]
    factor = 1.0 if scale == "linear" else 0.1
    sign = factor if direction == "higher" else -factor
    changes = {"kpi.0.direction": direction, "kpi.0.scale": scale, "kpi.0.minimum_worthwhile_effect": 1.5 * factor}
    scaled = (errors[0] * factor, errors[1] * factor)
    return stated(sign * improvement, sign * 2.5, errors=scaled, level=20 * factor, changes=changes)


@pytest.mark.parametrize(("key", "expected"), SENTENCES, ids=["-".join(key) for key, _ in SENTENCES])
def test_the_sentence(key: tuple[str, str, str, str], expected: str, stated: Callable[..., at.StudyResult]) -> None:
    direction, scale, case, grade = key
    result = _stated(stated, direction, scale, case)
    verdict = CASES[case][0]
    assert verdict_of(result) == verdict
    assert words.sentence(result, grade, verdict) == expected


def test_no_sentence_is_missing() -> None:
    wanted = {"works": "ABC", "harms": "ABC", "too_small": "BC", "open": "C"}
    expected = [
        (direction, scale, case, grade)
        for direction in ("higher", "lower")
        for scale in ("linear", "log")
        for case in CASES
        for grade in wanted[case]
    ]
    assert [key for key, _ in SENTENCES] == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kpi.0.minimum_worthwhile_effect": -0.5}, "0.500 orders"),
        ({"kpi.0.minimum_worthwhile_effect": 2, "kpi.0.unit": "%"}, "2.00 percentage points"),
        ({}, ""),
    ],
)
def test_the_smallest_worthwhile_effect_in_words(
    changes: dict[str, Any], expected: str, stated: Callable[..., at.StudyResult]
) -> None:
    assert words.worthwhile(primary_kpi(stated(1.0, 2.0, changes=changes))) == expected


def test_what_a_grade_does_not_change(stated: Callable[..., at.StudyResult]) -> None:
    result = _stated(stated, "higher", "linear", "open")
    assert len({words.sentence(result, grade, "cannot_tell") for grade in "ABC"}) == 1
    result = _stated(stated, "higher", "linear", "too_small")
    assert words.sentence(result, "A", "does_not") == words.sentence(result, "B", "does_not")


@pytest.mark.parametrize(
    ("scale", "change", "errors", "expected"),
    [
        (
            "linear",
            2.5,
            (0.3, 0.4),
            "The monthly sales rose by 2.50 orders where people were trained (between +1.91 and +3.09); "
            "without a comparison, these data cannot say why.",
        ),
        (
            "linear",
            -2.5,
            (0.3, 0.4),
            "The monthly sales fell by 2.50 orders where people were trained (between −3.09 and −1.91); "
            "without a comparison, these data cannot say why.",
        ),
        (
            "log",
            -0.25,
            (0.03, 0.04),
            "The monthly sales fell by 22% where people were trained (between −27% and −17%); "
            "without a comparison, these data cannot say why.",
        ),
        (
            "linear",
            0.0,
            (0.3, 0.4),
            "The monthly sales did not move where people were trained (between −0.588 and +0.588); "
            "without a comparison, these data cannot say why.",
        ),
        (
            "linear",
            2.5,
            (math.nan, math.nan),
            "The monthly sales rose by 2.50 orders where people were trained (no interval can be given); "
            "without a comparison, these data cannot say why.",
        ),
    ],
)
@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_grade_d_says_what_moved_and_never_why(
    direction: str,
    scale: str,
    change: float,
    errors: tuple[float, float],
    expected: str,
    stated: Callable[..., at.StudyResult],
) -> None:
    result = stated(0.0, change, errors=errors, changes={"kpi.0.scale": scale, "kpi.0.direction": direction})
    for verdict in ("works", "does_not", "cannot_tell"):
        written = words.sentence(result, "D", verdict)
        assert written == expected
        assert not any(claim in written for claim in ("caused", "worked", "because", "benefit", "training"))


def test_without_a_standard_error_nothing_is_claimed(stated: Callable[..., at.StudyResult]) -> None:
    result = stated(3.0, 2.5, errors=(math.nan, math.nan))
    assert verdict_of(result) == "cannot_tell"
    for grade in "ABC":
        assert words.sentence(result, grade, "cannot_tell") == (
            "We cannot tell what Sales academy did to the monthly sales: "
            "these data do not show how uncertain the estimate is."
        )


def test_before_day_90_no_effect_is_reported(stated: Callable[..., at.StudyResult]) -> None:
    result = stated(3.0, 2.5, as_of=datetime.date(2026, 4, 30))
    assert verdict_of(result) == "too_early"
    for grade in "ABCD":
        assert words.sentence(result, grade, "too_early") == (
            "Day 89 after launch: too early to say what Sales academy did to the monthly sales; "
            "effects are reported from day 90 on."
        )
    assert verdict_of(stated(3.0, 2.5, as_of=datetime.date(2026, 5, 1))) == "works"


@pytest.mark.parametrize("grade", "ABCD")
@pytest.mark.parametrize("case", list(CASES))
def test_forty_words_are_enough_for_the_longest_names(
    case: str, grade: str, stated: Callable[..., at.StudyResult]
) -> None:
    longest = {
        "kpi.0.label": "x y " * 20,
        "kpi.0.unit": "u v " * 10,
        "program.name": "The program of many words " * 18,
    }
    verdict, effect, errors = CASES[case]
    result = stated(effect, 2.5, errors=errors, changes=longest)
    assert len(words.sentence(result, grade, verdict).split()) <= 40
    shorter = stated(
        effect, 2.5, errors=errors, changes={"kpi.0.label": "Share of tickets solved at the first contact " + "x" * 35}
    )
    written = words.sentence(shorter, grade, verdict)
    assert len(written.split()) <= 40
    assert "hare of tickets solved at the first contact" in written


def test_a_long_program_gives_way_before_the_kpi_does(stated: Callable[..., at.StudyResult]) -> None:
    result = stated(3.0, 2.5, changes={"program.name": "A program with a name of many words " * 3})
    assert words.sentence(result, "B", "works") == (
        "The training worked, as far as a comparison can show: the monthly sales ended 3.00 orders higher than "
        "expected from the untrained (between +2.02 and +3.98)."
    )


@pytest.mark.parametrize(
    ("label", "inside"),
    [
        ("Monthly sales", "the monthly sales"),
        ("CSAT", "the CSAT"),
        ("A/B score", "the A/B score"),
        ("E-mail replies", "the E-mail replies"),
        ("X", "the X"),
        ("The net promoter score", "caused the net promoter score"),
        ("Übergabezeit", "the übergabezeit"),
    ],
)
def test_a_label_inside_a_sentence(label: str, inside: str, stated: Callable[..., at.StudyResult]) -> None:
    assert f"{inside} to end" in words.sentence(stated(3.0, 2.5, changes={"kpi.0.label": label}), "A", "works")


def test_a_kpi_in_percent_moves_by_percentage_points(stated: Callable[..., at.StudyResult]) -> None:
    for unit in ("%", "percent"):
        result = stated(3.0, 2.5, changes={"kpi.0.unit": unit})
        assert "3.00 percentage points higher" in words.sentence(result, "C", "works")


def test_the_sentence_follows_the_primary_interval_alone(stated: Callable[..., at.StudyResult]) -> None:
    result = stated(3.0, 2.5)
    written = words.sentence(result, "B", "works")
    excluding = Interval(5.0, 6.0, 0.95, "bounded", "delta")
    other = replace(result, factors={"primary": replace(result.factor, others=(excluding,), raw_draws=None)})
    assert words.sentence(other, "B", "works") == written
    assert verdict_of(other) == verdict_of(result)


@pytest.mark.parametrize("direction", ["higher", "lower"])
@pytest.mark.parametrize(
    ("effect", "change", "expected"),
    [
        (2.0, 4.0, "part of the gain"),
        (2.0, 2.5, "part of the gain, if the estimate holds; a share of 100% is not ruled out"),
        (0.9, 2.5, "part of the gain, if the estimate holds; a share of 0 is not ruled out"),
        (2.0, 1.0, "all of the gain and more, a deterioration being offset"),
        (-2.0, 2.5, "the KPI improved despite a harmful effect"),
        (2.0, -2.5, "training softened a deterioration"),
        (-2.0, -4.0, "a share of the deterioration and no benefit"),
        (-2.0, -2.5, "a share of the deterioration and no benefit, if the estimate holds; "
         "a share of 100% is not ruled out"),
        (0.0, 2.5, "none of the change, if the estimate holds; a share of 0 is not ruled out"),
    ],
)  # fmt: skip
def test_the_share_is_read_with_the_signs_of_effect_and_change(
    effect: float, change: float, expected: str, direction: str, stated: Callable[..., at.StudyResult]
) -> None:
    sign = 1 if direction == "higher" else -1
    result = stated(sign * effect, sign * change, changes={"kpi.0.direction": direction})
    assert result.factor.estimable
    assert words.share_reading(result.factor) == expected


def test_a_wide_share_rules_out_neither_end(stated: Callable[..., at.StudyResult]) -> None:
    result = stated(1.5, 2.5, errors=(0.3, 1.6))
    expected = "part of the gain, if the estimate holds; neither 0 nor 100% is ruled out"
    assert words.share_reading(result.factor) == expected


@pytest.mark.parametrize(
    ("changes", "count", "expected"),
    [
        ({}, 1, "1 person"),
        ({}, 1200, "1\u202f200 people"),
        ({"assignment.level": "company"}, 2, "2 companies"),
        ({"assignment.level": "branch"}, 2, "2 branches"),
        ({"assignment.level": "sales team"}, 3, "3 sales teams"),
        ({"assignment.level": "day"}, 3, "3 days"),
    ],
)
def test_units_have_the_noun_of_the_design(
    changes: dict[str, Any], count: int, expected: str, stated: Callable[..., at.StudyResult]
) -> None:
    assert words.units(stated(1.0, 2.0, changes=changes), count) == expected


def test_names_in_a_row() -> None:
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
