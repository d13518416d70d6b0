"""Numbers as a reader sees them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.report.format import (
    between,
    capital,
    declared_money,
    level_text,
    money,
    nth,
    number,
    percent,
    plural,
    signed,
    signed_percent,
    span,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (0.31706, "0.317"),
        (-0.31706, "−0.317"),
        (0.00012345, "0.000123"),
        (9.996, "10.0"),
        (0.99961, "1.00"),
        (99.96, "100"),
        (12.345, "12.3"),
        (123456.0, "123\u202f000"),
        (-1234.5, "−1\u202f230"),
        (math.nan, "not estimable"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
    ],
)
def test_three_significant_digits_and_a_true_minus(value: float, expected: str) -> None:
    assert number(value) == expected


@given(st.floats(min_value=1e-9, max_value=1e12))
def test_a_number_is_never_off_by_more_than_its_last_digit(value: float) -> None:
    written = number(value)
    assert float(written.replace("\u202f", "")) == pytest.approx(value, rel=0.00501)
    assert number(-value) == f"−{written}"
    assert signed(value) == f"+{written}"


@pytest.mark.parametrize(
    ("fraction", "expected", "with_sign"),
    [
        (0.0, "0%", "0%"),
        (-0.0001, "0%", "0%"),
        (0.0001, "0%", "0%"),
        (0.0342, "3.4%", "+3.4%"),
        (0.09949, "9.9%", "+9.9%"),
        (0.0995, "10%", "+10%"),
        (-0.2717, "−27%", "−27%"),
        (1.44825, "145%", "+145%"),
        (math.nan, "not estimable", "not estimable"),
        (math.inf, "∞", "∞"),
    ],
)
def test_percents_are_whole_from_ten_on(fraction: float, expected: str, with_sign: str) -> None:
    assert percent(fraction) == expected
    assert signed_percent(fraction) == with_sign


@pytest.mark.parametrize(
    ("value", "currency", "width", "expected"),
    [
        (1438201.0, "USD", None, "$1.44M"),
        (1438201.0, "USD", 3e6, "$1.4M"),
        (1438201.0, "USD", 3e7, "$1M"),
        (-350000.0, "EUR", None, "−€350K"),
        (-141874.2, "USD", 514464.0, "−$140K"),
        (66288.0, "USD", 514464.0, "$70K"),
        (999999.0, "GBP", None, "£1.00M"),
        (12.0, "JPY", None, "¥12.00"),
        (250.0, "CHF", None, "CHF\u202f250"),
        (0.0, "USD", None, "$0"),
        (-4.0, "USD", 1000.0, "$0"),
        (2.5e12, "USD", None, "$2\u202f500B"),
        (math.nan, "USD", None, "not estimable"),
        (math.inf, "USD", 1.0, "∞"),
    ],
)
def test_money_is_rounded_to_what_its_interval_supports(
    value: float, currency: str, width: float | None, expected: str
) -> None:
    assert money(value, currency, width=width) == expected


@pytest.mark.parametrize(
    ("count", "noun", "expected"),
    [
        (1, "firm", "1 firm"),
        (0, "firm", "0 firms"),
        (1234, "person", "1\u202f234 people"),
        (2, "company", "2 companies"),
        (2, "survey", "2 surveys"),
        (2, "class", "2 classes"),
        (2, "baseline period", "2 baseline periods"),
    ],
)
def test_nouns(count: int, noun: str, expected: str) -> None:
    assert plural(count, noun) == expected


@pytest.mark.parametrize(
    ("level", "expected"),
    [(0.95, "95%"), (0.999, "99.9%"), (0.9999, "99.99%"), (0.975, "97.5%"), (0.07, "7%"), (0.0, "0%"), (-0.1, "−10%")],
)
def test_a_level_is_never_rounded(level: float, expected: str) -> None:
    assert level_text(level) == expected


@pytest.mark.parametrize(
    ("value", "currency", "expected"),
    [(50_000.0, "USD", "$50\u202f000"), (0.35, "EUR", "€0.35"), (1_234_567.5, "CHF", "CHF\u202f1\u202f234\u202f567.5")],
)
def test_declared_money_is_shown_in_full(value: float, currency: str, expected: str) -> None:
    assert declared_money(value, currency) == expected


def test_ordinals() -> None:
    assert [nth(place) for place in (1, 2, 3, 4, 11, 12, 21, 112)] == [
        "first", "2nd", "3rd", "4th", "11th", "12th", "21st", "112th",
    ]  # fmt: skip


def test_the_beginning_of_a_sentence_and_a_span_of_periods() -> None:
    assert [capital(text) for text in ("", "a", "no trend")] == ["", "A", "No trend"]
    assert span(("1987",)) == "1987"
    assert span(("2026-01", "2026-02", "2026-03")) == "2026-01 to 2026-03"


def test_an_interval_in_words() -> None:
    assert between("−1", "+2") == "between −1 and +2"
