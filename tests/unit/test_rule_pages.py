"""Every rule of the review has a page that says what the rule says, and the index leads to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from attribution.checks.evidence import Evidence
from attribution.registry import CHECKS, load

PAGES = Path(__file__).resolve().parents[2] / "docs" / "checks"
INDEX = "README.md"
HEADINGS = (
    "What is looked at",
    "Why it matters",
    "Threshold",
    "Source",
    "What to do",
    "When it is skipped",
)
LONGEST = 70
"""Lines of a page: half a page of print."""


def _parts(text: str) -> dict[str, str]:
    """Return what stands under each heading of the second level, in the order of the page."""
    pieces = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(pieces[1::2], (piece.strip() for piece in pieces[2::2]), strict=True))


@pytest.mark.parametrize("rule", CHECKS)
def test_a_rule_has_a_page_that_agrees_with_it(rule: str) -> None:
    path = PAGES / f"{rule}.md"
    assert path.is_file(), f"write docs/checks/{rule}.md, as the other pages are"
    text = path.read_text(encoding="utf-8")
    first, _, rest = text.partition("\n")
    assert first == f"# {rule}"
    question = rest.partition("## ")[0].strip()
    assert question.endswith("?"), "the first sentence is the question that the rule answers"
    parts = _parts(text)
    assert tuple(parts) == HEADINGS
    assert all(parts.values())
    # What the page says first is what the finding prints, word by word.
    finding = load(CHECKS, rule, kind="check")(Evidence())
    assert parts["Threshold"].partition("\n")[0] == finding.threshold
    assert parts["Source"].partition("\n")[0] == finding.source
    for status in ("pass", "warn", "fail"):
        assert f"**{status}**" in parts["Threshold"], f"say what {status} means, or that the rule never gives it"
    assert len(text.splitlines()) <= LONGEST


def test_the_index_names_every_rule_once_with_its_question() -> None:
    lines = (PAGES / INDEX).read_text(encoding="utf-8").splitlines()
    for rule in CHECKS:
        mine = [line for line in lines if f"]({rule}.md)" in line]
        assert len(mine) == 1, f"docs/checks/{INDEX} needs one line: - [{rule}]({rule}.md): its question"
        page = (PAGES / f"{rule}.md").read_text(encoding="utf-8")
        question = " ".join(page.partition("\n")[2].partition("## ")[0].split())
        assert mine[0] == f"- [{rule}]({rule}.md): {question}"


def test_there_is_no_page_without_a_rule() -> None:
    assert sorted(path.stem for path in PAGES.glob("*.md") if path.name != INDEX and path.stem not in CHECKS) == []
