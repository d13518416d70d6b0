"""Numbers as a reader sees them: three significant digits, a true minus, money rounded to what it supports."""

from __future__ import annotations

import math
from collections.abc import Sequence

MINUS = "−"
THIN = "\u202f"
SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
NOT_ESTIMABLE = "not estimable"


def number(value: float, digits: int = 3) -> str:
    """Return a number with significant digits and a true minus: −0.317, 12 300."""
    if not math.isfinite(value):
        return _special(value)
    if value == 0:
        return "0"
    # The exponent after rounding: 9.996 is 10.0, not 10.00.
    places = digits - 1 - int(f"{value:.{digits - 1}e}".partition("e")[2])
    return f"{round(value, places):,.{max(places, 0)}f}".replace(",", THIN).replace("-", MINUS)


def signed(value: float, digits: int = 3) -> str:
    """Return a number with its sign spelled out: +0.034, −0.317."""
    written = number(value, digits)
    return f"+{written}" if math.isfinite(value) and value > 0 else written


def percent(fraction: float) -> str:
    """Return a fraction in percent, whole from ten percent on: 31%, 3.4%, −27%."""
    value = 100 * fraction
    if not math.isfinite(value):
        return _special(value)
    written = f"{value:.0f}" if abs(value) >= 9.95 else f"{value:.1f}"
    if float(written) == 0:
        written = "0"
    return written.replace("-", MINUS) + "%"


def signed_percent(fraction: float) -> str:
    """Return a fraction in percent with its sign: +3.4%, −27%."""
    written = percent(fraction)
    return f"+{written}" if math.isfinite(fraction) and fraction > 0 and written != "0%" else written


def level_text(level: float) -> str:
    """Return a confidence level, or another declared rate, in percent and in full: 95%, 99.9%, 12.5%."""
    return f"{100 * level:.10g}%".replace("-", MINUS)


def money(value: float, currency: str, *, width: float | None = None) -> str:
    """Return an amount in a currency, rounded to what the width of its interval supports: $1.4M, −€350K.

    Without a width three significant digits are shown; with one, no digit finer than a tenth of it.
    """
    if not math.isfinite(value):
        return _special(value)
    size = abs(value)
    if size == 0:
        return f"{_prefix(currency)}0"
    finest = 10.0 ** (math.floor(math.log10(size)) - 2)
    if width is not None and math.isfinite(width) and width > 0:
        finest = max(finest, 10.0 ** math.floor(math.log10(width / 10)))
    rounded = round(size / finest) * finest
    for limit, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "K"), (1.0, "")):
        if rounded >= limit or suffix == "":
            break
    decimals = max(0, min(2, -math.floor(math.log10(finest / limit) + 1e-9)))
    if limit == 1.0 and decimals:
        decimals = 2
    body = f"{rounded / limit:,.{decimals}f}".replace(",", THIN)
    sign = MINUS if value < 0 and rounded > 0 else ""
    return f"{sign}{_prefix(currency)}{body}{suffix}"


def declared_money(value: float, currency: str) -> str:
    """Return an amount that was declared, in full: nothing about it is estimated."""
    return f"{_prefix(currency)}{value:,.12g}".replace(",", THIN)


def between(low: str, high: str) -> str:
    """Return an interval in words."""
    return f"between {low} and {high}"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: 1 firm, 19 firms, 2 people."""
    return f"{f'{count:,}'.replace(',', THIN)} {noun if count == 1 else _several(noun)}"


def capital(text: str) -> str:
    """Return a text that begins a sentence."""
    return f"{text[:1].upper()}{text[1:]}"


def stop(text: str) -> str:
    """Return a text that ends a sentence."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def nth(place: int) -> str:
    """Return an ordinal: first, 2nd, 12th."""
    if place == 1:
        return "first"
    ending = "th" if 10 <= place % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"


def span(periods: Sequence[str]) -> str:
    """Return the first and the last of some periods: 1987, 2026-01 to 2026-03."""
    return periods[0] if len(periods) == 1 else f"{periods[0]} to {periods[-1]}"


def _several(noun: str) -> str:
    head, space, last = noun.rpartition(" ")
    if last == "person":
        last = "people"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = f"{last[:-1]}ies"
    else:
        last += "es" if last.endswith(("s", "x", "ch", "sh")) else "s"
    return f"{head}{space}{last}"


def _prefix(currency: str) -> str:
    return SYMBOLS.get(currency, f"{currency}{THIN}")


def _special(value: float) -> str:
    if math.isnan(value):
        return NOT_ESTIMABLE
    return "∞" if value > 0 else f"{MINUS}∞"
