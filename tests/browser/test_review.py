"""The review sheet in a real browser: it prints on two sheets at most, and nothing runs over, is cut or fades."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import attribution as at
from attribution.report.review_sheet import render_review
from tests.browser.chromium import BROWSER, check_views, console, probe, sheets
from tests.browser.test_page import WIDEST
from tests.powers import mde_of, plan_of, power_of

pytestmark = BROWSER

ROOT = Path(__file__).resolve().parents[2]
Study = Callable[..., Path]

DECLARED: dict[str, Any] = {
    "kpi.0.expected_effect": 0.6,
    "kpi.0.effect_source": "the pilot of 2025 with 40 people of two regions",
    "limits": {"text": ["The two regions of the pilot are not those of the program."]},
}
FAILING = {"cost": [{"category": "license", "amount": 2000, "source": "invoice"}]}


def sheet(make_study: Study, kind: str) -> str:
    """Return a sheet: of a plan, of waves at its fullest, of the widest names."""
    changes = DECLARED | {"widest": WIDEST, "waves": FAILING}.get(kind, {})
    review = at.review(at.load_design(make_study(None, changes)))
    power = power_of(simulated=mde_of(0.55, how="simulated", replications=1200, size=0.049))
    if kind == "waves":
        plan = plan_of(waves=16, clusters=9, control=12, size=12.0, span=24)
        power = power_of(plan=plan, worthwhile=0.512, expected=4.0, break_even=0.49)
    return render_review(replace(review, powers={"primary": power}))


@pytest.mark.parametrize("kind", ["waves", "widest"])
def test_a_sheet_is_whole_in_light_and_in_dark(kind: str, make_study: Study, tmp_path: Path) -> None:
    source = sheet(make_study, kind)
    light = probe(tmp_path, source)
    dark = probe(tmp_path, source, "--blink-settings=preferredColorScheme=0")
    check_views(light, pictures=2)
    check_views(dark, pictures=2)
    assert light[1440]["sentence"] == "22px"
    assert {view["page"] for view in light.values()} == {"rgb(255, 255, 255)"}
    assert {view["page"] for view in dark.values()} == {"rgb(18, 23, 29)"}


@pytest.mark.parametrize("kind", ["waves", "michigan-grants", "nsw-training"])
def test_a_sheet_prints_on_two_pages(kind: str, make_study: Study, tmp_path: Path) -> None:
    kept = ROOT / "docs" / "reviews" / f"{kind}.html"
    source = kept.read_text(encoding="utf-8") if kept.exists() else sheet(make_study, kind)
    paged = source.replace("@page { margin: 10mm", "@page { size: A4; margin: 10mm")
    assert paged != source
    assert sheets(tmp_path, paged) <= 2


def test_the_console_stays_silent_and_nothing_is_fetched(make_study: Study, tmp_path: Path) -> None:
    assert console(tmp_path, sheet(make_study, "plan")) == []
