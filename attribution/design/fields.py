"""The kinds of values a design file may hold, each with its limits."""

from __future__ import annotations

import datetime
import unicodedata
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

SLUG_PATTERN = "^[a-z0-9][a-z0-9-]{0,63}$"
ID_PATTERN = "^[a-z0-9][a-z0-9_-]{0,63}$"
CURRENCY_PATTERN = "^[A-Z]{3}$"
ARROW = "->"
ARROW_PATTERN = r"^(?!.*->.*->).*\S.*->.*\S.*$"

PATTERNS = {
    SLUG_PATTERN: "1 to 64 lower-case letters, digits and hyphens, a letter or digit first, such as michigan-grants",
    ID_PATTERN: "1 to 64 lower-case letters, digits, hyphens and underscores, a letter or digit first",
    CURRENCY_PATTERN: "three capital letters, such as USD",
}
"""What each pattern means, in words."""

# Line and paragraph breaks, and what reverses the direction of the text that follows, would change a printed page.
_CONTROL = {"Cc", "Cs", "Zl", "Zp"}
_BIDIRECTIONAL = set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LARGEST_PERIOD = 999_999_999
_LONGEST_PERIOD = 40


def refuse(expected: str, remedy: str) -> PydanticCustomError:
    """Return the error of a value that is not what was expected."""
    return PydanticCustomError("design", "expected {expected}", {"expected": expected, "remedy": remedy})


def _clean(value: str) -> str:
    if not value.strip():
        raise refuse("a text that is not blank", "write the text, or leave the key out if it is optional")
    for character in value:
        if unicodedata.category(character) in _CONTROL or character in _BIDIRECTIONAL:
            raise refuse(
                f"a text on one line without control characters such as U+{ord(character):04X}",
                "remove the character; write one line",
            )
    return value


def _period(value: Any) -> Any:
    kinds = (int, datetime.date, str)
    if isinstance(value, (bool, datetime.datetime)) or not isinstance(value, kinds):
        raise refuse(
            "a period: an integer, a date without a time, or a text",
            "write it as the data do: 1987, 2026-01-01 or '2026Q1'",
        )
    if isinstance(value, int) and abs(value) > _LARGEST_PERIOD:
        raise refuse("a period of at most nine digits", "write a year or a counter")
    if isinstance(value, str) and len(value) > _LONGEST_PERIOD:
        raise refuse(f"a period of at most {_LONGEST_PERIOD} characters", "write it as the data do, such as '2026Q1'")
    return _clean(value) if isinstance(value, str) else value


def _arrow(value: str) -> str:
    if not all(arrow_of(value)):
        raise refuse(
            "an arrow between two names, such as 'tenure -> sales'",
            "write cause -> effect; a chain of several arrows is several texts",
        )
    return value


def arrow_of(text: str) -> tuple[str, str]:
    """Return cause and effect of a text such as `tenure -> sales`, "" for what is not there.

    >>> arrow_of("tenure -> sales")
    ('tenure', 'sales')
    """
    parts = [part.strip() for part in text.split(ARROW)]
    return (parts[0], parts[1]) if len(parts) == 2 else ("", "")


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise refuse(f"each name once, and {repeated[0]!r} repeats", "name each column once")
    return values


Slug: TypeAlias = Annotated[str, Field(pattern=SLUG_PATTERN)]
Id: TypeAlias = Annotated[str, Field(pattern=ID_PATTERN)]
Currency: TypeAlias = Annotated[str, Field(pattern=CURRENCY_PATTERN)]
Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_clean)]
Line: TypeAlias = Annotated[str, Field(min_length=1, max_length=5_000), AfterValidator(_clean)]
Label: TypeAlias = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_clean)]
UnitText: TypeAlias = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_clean)]
Names: TypeAlias = Annotated[tuple[Text, ...], Field(max_length=200), AfterValidator(_distinct)]
Arrow: TypeAlias = Annotated[
    str,
    Field(min_length=1, max_length=500, json_schema_extra={"pattern": ARROW_PATTERN}),
    AfterValidator(_clean),
    AfterValidator(_arrow),
]
Arrows: TypeAlias = Annotated[tuple[Arrow, ...], Field(min_length=1, max_length=1_000)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Positive: TypeAlias = Annotated[float, Field(gt=0)]
NotNegative: TypeAlias = Annotated[float, Field(ge=0)]
Steps: TypeAlias = Annotated[int, Field(ge=0, le=10_000)]
Period: TypeAlias = Annotated[int | datetime.date | str, BeforeValidator(_period)]
Window: TypeAlias = Annotated[tuple[Period, ...], Field(min_length=1, max_length=1_000)]
Windows: TypeAlias = Annotated[tuple[Window, ...], Field(min_length=1, max_length=100)]
