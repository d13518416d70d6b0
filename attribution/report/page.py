"""What every page shares: its templates, escaping, and how a finding's status is shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from attribution.report.format import MINUS, SYMBOLS

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES = Path(__file__).parent / "templates"

_BEFORE_CURRENCY = re.compile(f"{MINUS}(?=[{''.join(SYMBOLS.values())}])")

STATUSES = {"fail": ("✕", "fail"), "warn": ("!", "warn"), "pass": ("✓", "pass"), "skipped": ("–", "skipped")}
"""Sign and word of each status, in the order of the review: meaning never rests on colour alone."""


def template(name: str) -> Template:
    """Return a template that escapes every text; a name that it uses and is not given is an error."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=True,
        finalize=_unbroken,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)


def _unbroken(value: object) -> object:
    """Join a minus to the currency sign after it, where a browser might break the line: for the page alone."""
    return _BEFORE_CURRENCY.sub(f"{MINUS}\u2060", value) if type(value) is str else value
