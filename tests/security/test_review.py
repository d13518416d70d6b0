"""Hostile texts in a design: the review sheet shows them as they were written, and runs and loads nothing."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import attribution as at
from attribution.report.review_sheet import render_review, review_markdown, review_record
from tests.powers import MONTHS, plan_of, power_of
from tests.security.test_inputs import SCRIPT, TEMPLATE, _harmless

HOSTILE = f"{SCRIPT}{TEMPLATE}"
QUOTES = '" onmouseover="alert(1)'


def test_texts_of_a_design_are_text_on_its_sheet(make_study: Callable[..., Path]) -> None:
    changes: dict[str, Any] = {
        "study.title": HOSTILE,
        "study.question": f"{QUOTES} </style><svg onload=alert(1)>",
        "program.name": HOSTILE,
        "kpi.0.label": HOSTILE,
        "kpi.0.unit": "<img src=x onerror=alert(1)>",
        "kpi.0.expected_effect": 0.6,
        "kpi.0.effect_source": f"{HOSTILE}{QUOTES}",
        "kpi.0.column": SCRIPT,
        "assignment.level": SCRIPT,
        "limits": {"text": [HOSTILE, QUOTES]},
        "cost.2.reason": HOSTILE,
    }
    review = at.review(at.load_design(make_study(None, changes)))
    plan = replace(plan_of(), labels=(SCRIPT, TEMPLATE, *MONTHS), source=HOSTILE)
    power = power_of(plan=plan, notes=(HOSTILE,), unit=HOSTILE)
    fixes = tuple(replace(fix, words=HOSTILE, cost_words=QUOTES) for fix in power.fixes)
    failed = {"status": "fail", "message": HOSTILE, "remedy": QUOTES, "waived": HOSTILE, "source": QUOTES}
    found = (replace(review[0], **failed), *review[1:])
    page = render_review(replace(review, powers={"primary": replace(power, fixes=fixes)}, findings=found))
    _harmless(page)
    assert "<script" not in page.lower()
    shown = html.unescape(page)
    for text in (SCRIPT, TEMPLATE, QUOTES):
        assert text in shown
    # What was written is shown as it was written: 7*7 is not 49.
    assert "4949" not in shown
    document = json.loads(review_record(review).model_dump_json(by_alias=True))
    assert document["title"] == HOSTILE


def test_texts_of_a_design_are_text_in_markdown(make_study: Callable[..., Path]) -> None:
    """No element, link, picture, cell or heading of its own comes from a design."""
    text = "</b><img src=x> [a](javascript:alert(1)) ![b](http://127.0.0.1/x) `c` | # d **e** ~~f~~ $g$"
    found = power_of(notes=(text,), fixes=tuple(replace(fix, words=text) for fix in power_of().fixes))
    review = at.review(at.load_design(make_study(None, {"program.name": text, "limits": {"text": [text]}})))
    written = review_markdown(replace(review, powers={"primary": found}))
    escaped = (
        "&lt;/b&gt;&lt;img src=x&gt; \\[a\\](javascript:alert(1)) !\\[b\\](http://127.0.0.1/x) \\`c\\` \\| \\# d "
        "\\*\\*e\\*\\* \\~\\~f\\~\\~ \\$g\\$"
    )
    assert written.count(escaped) == 5  # the name, the note, both fixes, the limit
    assert "<img" not in written
    assert "[a](" not in written


def test_a_sheet_names_no_folder(make_study: Callable[..., Path]) -> None:
    path = make_study(None)
    review = at.review(at.load_design(path))
    for text in (render_review(review), review_record(review).model_dump_json()):
        assert str(path.parent) not in text
        assert "design.toml" in text
