"""Differences between two designs: applied to the old they give the new, and the order of tables makes none."""

from __future__ import annotations

import copy
import random
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.design.load import design_of
from attribution.design.prespecified import Difference
from attribution.design.schema import StudyDesign
from attribution.study.differences import HEADLINE, differences, fields_of
from tests.studies import study_text

IDS = ("a", "b", "c-1", "d_2")
LABEL = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_categories=["Cc", "Zl", "Zp"]), max_size=12
)


def _kpi(label: str, direction: str, scale: str) -> dict[str, Any]:
    return {"column": "sales", "label": f"x{label}", "unit": "orders", "direction": direction, "scale": scale}


KPIS = st.dictionaries(
    st.sampled_from(IDS),
    st.builds(_kpi, LABEL, st.sampled_from(["higher", "lower"]), st.sampled_from(["linear", "log"])),
    max_size=3,
)
ANALYSES = st.dictionaries(
    st.sampled_from(IDS),
    st.fixed_dictionaries(
        {"kpi": st.just("sales"), "method": st.sampled_from(["did", "prepost"]), "role": st.just("sensitivity")}
    ),
    max_size=3,
)
AMOUNT = st.integers(0, 3)
COSTS = st.lists(
    st.builds(
        lambda amount, why: {"category": "content", "amount": amount, "reason": f"r{why}", "source": "s"},
        AMOUNT,
        AMOUNT,
    ),
    max_size=3,
)
TIMING = st.sampled_from([{"washout": 0}, {"washout": 1, "followup": ["2026-03", "2026-04"]}, {"anticipation": 1,
    "baseline": ["2025-11", "2025-12"]}, {}])  # fmt: skip
SEED = st.integers(0, 4)


@cache
def _loaded(text: str) -> StudyDesign:
    return design_of(text.encode(), "design.toml")


@st.composite
def designs(draw: st.DrawFn) -> dict[str, Any]:
    """Return the changes that make a design: KPIs, analyses, costs and a calendar of its own."""
    others = [{"id": name, **row, "role": "secondary"} for name, row in draw(KPIS).items()]
    analyses = [{"id": name, **row} for name, row in draw(ANALYSES).items()]
    made: dict[str, Any] = {f"timing.{key}": value for key, value in draw(TIMING).items()}
    made["inference.seed"] = draw(SEED)
    made |= {f"kpi.{place}": row for place, row in enumerate(others, start=1)}
    primary = {"id": "primary", "kpi": "sales", "method": "did", "role": "primary"}
    made["analysis"] = [primary, *analyses]
    made["valuation.0.kpi"] = "sales"
    return made | {f"cost.{place}": row for place, row in enumerate(draw(COSTS), start=8)}


def _applied(old: dict[str, dict[str, Any]], changes: tuple[Difference, ...]) -> dict[str, dict[str, Any]]:
    """Return the fields of a design after the changes: whole tables that are new or gone, and keys of the others."""
    made = copy.deepcopy(old)
    for one in changes:
        if one.field in made and one.new is None:
            del made[one.field]
        elif isinstance(one.new, dict) and one.field not in made and one.old is None:
            made[one.field] = one.new
        else:
            path, _, key = one.field.rpartition(".")
            if one.new is None:
                del made[path][key]
            else:
                made[path][key] = one.new
    return made


@given(designs(), designs())
@settings(max_examples=60)
def test_applied_to_the_old_they_give_the_new(one: dict[str, Any], other: dict[str, Any]) -> None:
    old, new = _loaded(study_text(one)), _loaded(study_text(other))
    found = differences(old, new)
    assert _applied(fields_of(old), found) == fields_of(new)
    assert len({change.field for change in found}) == len(found)
    # Nothing differs twice, and back again is the same with old and new exchanged.
    back = {change.field: (change.new, change.old) for change in differences(new, old)}
    assert back == {change.field: (change.old, change.new) for change in found}
    assert (found == ()) == (fields_of(old) == fields_of(new))


@given(designs(), st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_the_order_of_tables_makes_no_difference(one: dict[str, Any], rng: random.Random) -> None:
    shuffled = dict(one)
    for table, first in (("kpi", 1), ("cost", 8)):
        names = [name for name in one if name.startswith(f"{table}.")]
        rows = [one[name] for name in names]
        rng.shuffle(rows)
        shuffled |= {f"{table}.{place}": row for place, row in enumerate(rows, start=first)}
    rows = list(one["analysis"])
    rng.shuffle(rows)
    found = differences(_loaded(study_text(one)), _loaded(study_text(shuffled | {"analysis": rows})))
    assert [change.field for change in found if change.field != HEADLINE] == []
    assert found == ()
