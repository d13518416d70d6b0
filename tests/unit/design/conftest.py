"""A small sound design, and what is wrong with it after an edit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from attribution.design.load import load_design
from attribution.design.schema import StudyDesign
from attribution.errors import DesignError, Problem

SOUND = """\
schema = 1
[study]
id = "sales-2026"
title = "Sales training"
question = "How much did the training raise sales?"
frame = "roi"
[program]
name = "Sales academy"
[[kpi]]
id = "sales"
column = "sales"
label = "Weekly sales"
unit = "orders"
direction = "higher"
[data]
source = "file"
path = "sales.csv"
[columns]
unit = "person"
period = "month"
adopted = "start"
[assignment]
mechanism = "waitlist"
level = "person"
[timing]
period = "month"
launch = 5
baseline = [1, 2, 3]
followup = [6, 7]
[[analysis]]
id = "primary"
method = "did"
role = "primary"
[[valuation]]
value_per_unit = 12.5
source = "price list"
approver = "finance"
[[cost]]
category = "license"
amount = 1000
source = "invoice"
[finance]
currency = "EUR"
"""

Edit = tuple[str, str]


def edited(*edits: Edit) -> str:
    """Return the sound design with texts replaced; an empty old text appends."""
    text = SOUND
    for old, new in edits:
        assert old in text, f"the sound design does not hold {old!r}"
        text = text.replace(old, new, 1) if old else f"{text}{new}\n"
    return text


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., StudyDesign]:
    """Return a loader of the sound design after edits."""

    def _load(*edits: Edit) -> StudyDesign:
        file = tmp_path / "design.toml"
        file.write_text(edited(*edits), encoding="utf-8")
        return load_design(file)

    return _load


@pytest.fixture
def problems(load: Callable[..., StudyDesign]) -> Callable[..., list[Problem]]:
    """Return a loader that expects the edited design to be refused and gives its problems."""

    def _problems(*edits: Edit) -> list[Problem]:
        with pytest.raises(DesignError) as caught:
            load(*edits)
        for problem in caught.value.problems:
            assert problem.key
            assert problem.what
            assert problem.remedy
            assert problem.key in str(caught.value)
        return list(caught.value.problems)

    return _problems
