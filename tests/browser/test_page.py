"""The page in a real browser: nothing runs over, is cut or overlaps, text is readable, page one fits on one sheet."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.report.claims import compile_claim
from attribution.report.html import render
from tests.browser.chromium import BROWSER, check_views, console, probe, sheets

ROOT = Path(__file__).resolve().parents[2]
pytestmark = BROWSER

Study = Callable[..., Path]
Sales = Callable[..., pd.DataFrame]


def render_study(path: Path) -> str:
    result = at.run(at.load_design(path))
    return render(result, compile_claim(result), {"design_digest": "0" * 64, "data_digest": "1" * 64})


@pytest.fixture(scope="module")
def michigan() -> str:
    return render_study(ROOT / "designs" / "michigan-grants.toml")


LONGEST = {
    "kpi.0.label": "Mean working days from hire to the first productive sale of new account managers",
    "kpi.0.unit": "working days per newly hired person, net",
    "program.name": "Onboarding academy for new account managers",
}
WIDEST = {"kpi.0.label": "Wm" * 40, "kpi.0.unit": "Wm" * 20, "program.name": "Academy " * 8}
"""As long as the schema allows: in words that can be broken between lines, and in one that cannot."""


TWO_KPIS: dict[str, Any] = {
    "kpi.1": {
        "id": "errors", "column": "errors", "label": "Errors in orders that customers send back", "unit": "slips",
        "direction": "lower", "role": "primary", "minimum_worthwhile_effect": 0.5,
    },
    "kpi.0.minimum_worthwhile_effect": 1.9,
    "analysis.0.kpi": "sales",
    "analysis.1": {"id": "mistakes", "kpi": "errors", "method": "did", "role": "primary"},
    "valuation.0.kpi": "sales",
    "cost.1": None,
}  # fmt: skip
"""The second KPI is harmed, and a gate fails: page one at its fullest."""


def two_kpis(sales: Sales) -> pd.DataFrame:
    frame = sales()
    return frame.assign(errors=10 + 1.0 * (frame["start"].notna() & (frame["month"] >= "2026-02")) + frame["sales"] / 9)


MONTHS = [str(month) for month in pd.period_range("2024-01", periods=30, freq="M")]
OVER_TIME: dict[str, Any] = {
    "timing.launch": MONTHS[20], "timing.baseline": MONTHS[:20], "timing.followup": MONTHS[20:],
}  # fmt: skip
METHODS: dict[str, dict[str, Any]] = {
    "rollout": {
        "analysis.0.method": "staggered",
        "analysis.1": {"id": "path", "method": "event_study", "role": "sensitivity"},
    },
    "widest rollout": {"analysis.0.method": "event_study"},
    "trend": {"analysis.0.method": "trend"},
}


COHORT: dict[str, Any] = {
    "columns.covariates": ["age", "tenure"],
    "cohort": {"method": "propensity", "covariates": ["age", "tenure"], "keep": [0.1, 0.9], "kpi": "mean"},
}


def chosen(sales: Sales) -> pd.DataFrame:
    """Return 40 trained and 120 controls of other ages and tenures."""
    rng, frame = np.random.default_rng(6), sales(trained=40, control=120)
    people = frame["person"].nunique()
    trained = np.arange(people) < 40
    age, tenure = rng.normal(40, 8, people) + 5 * trained, rng.exponential(5, people) + 2 * trained
    return frame.assign(age=np.repeat(age, len(frame) // people), tenure=np.repeat(tenure, len(frame) // people))


def over_time(waves: bool) -> pd.DataFrame:
    """Return 40 people over 30 months: 20 trained in month 20, or half of them three months later."""
    rng, time = np.random.default_rng(6), np.arange(30)
    start = np.array([20] * 10 + [23 if waves else 20] * 10 + [99] * 20)
    values = 20 + 0.1 * time + rng.normal(0, 0.6, (40, 30)) + rng.normal(0, 2, (40, 1)) + 3 * (time >= start[:, None])
    labels = np.array([*MONTHS, None], dtype=object)[np.minimum(start, 30)]
    return pd.DataFrame(
        {
            "person": np.repeat([f"{unit:02d}" for unit in range(40)], 30),
            "month": np.tile(MONTHS, 40),
            "start": np.repeat(labels, 30),
            "sales": values.ravel(),
        }
    )


@pytest.fixture(
    params=["michigan", "longest", "widest", "one trained", "noise", "two kpis", "cohort", "michigan rollout", *METHODS]
)
def source(request: pytest.FixtureRequest, michigan: str, sales: Sales, make_study: Study) -> str:
    if request.param == "one trained":
        return render_study(make_study(sales(trained=1)))
    if request.param == "two kpis":
        return render_study(make_study(two_kpis(sales), TWO_KPIS))
    if request.param == "cohort":
        return render_study(make_study(chosen(sales), COHORT))
    if request.param == "noise":
        return render_study(make_study(sales(effect=0.0, trend=0.0, noise=3.0)))
    if request.param == "michigan rollout":
        return render_study(ROOT / "designs" / "michigan-rollout.toml")
    if request.param in METHODS:
        named = WIDEST if "widest" in request.param else {}
        changes = OVER_TIME | METHODS[request.param] | named
        return render_study(make_study(over_time("rollout" in request.param), changes))
    names = {"longest": LONGEST, "widest": WIDEST}
    return render_study(make_study(sales(), names[request.param])) if request.param in names else michigan


def test_the_longest_names_are_as_long_as_the_schema_allows() -> None:
    assert [len(names["kpi.0.label"]) for names in (LONGEST, WIDEST)] == [80, 80]
    assert [len(names["kpi.0.unit"]) for names in (LONGEST, WIDEST)] == [40, 40]


def test_nothing_runs_over_is_cut_overlaps_or_fades_in_light_and_in_dark(tmp_path: Path, source: str) -> None:
    light = probe(tmp_path, source)
    dark = probe(tmp_path, source, "--blink-settings=preferredColorScheme=0")
    check_views(light)
    check_views(dark)
    assert light[1440]["sentence"] == "22px"
    assert {view["page"] for view in light.values()} == {"rgb(255, 255, 255)"}
    assert {view["page"] for view in dark.values()} == {"rgb(18, 23, 29)"}
    if "WmWm" not in source:
        # As wide as A4, as high as US Letter: what fits here fits both. A word of 80 letters may take a second sheet.
        assert sheets(tmp_path, page_one(source).replace("@page { ", "@page { size: 210mm 279.4mm; ")) == 1


def page_one(source: str) -> str:
    alone, removed = re.subn(
        r'<section (?:class="sheet" )?aria-labelledby="(?!title").*?</section>', "", source, flags=re.DOTALL
    )
    assert removed == 6 + sum(f'<h2 id="{name}">' in source for name in ("cohort", "unmeasured"))
    return alone


def test_the_whole_report_prints_section_by_section(tmp_path: Path, michigan: str) -> None:
    # Each rule that is not skipped takes some lines: 48 rules make two sheets more than 31 did.
    assert 6 <= sheets(tmp_path, michigan) <= 12


def test_the_console_stays_silent(tmp_path: Path, michigan: str) -> None:
    assert console(tmp_path, michigan) == []
    assert console(tmp_path, michigan.replace("</main>", '<img src="http://127.0.0.1:9/x.png" alt=""></main>'))
