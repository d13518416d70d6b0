"""Every rule passes, warns and fails on data at its threshold, or says why it never does.

A family of rules has a module in `rules/` with

- `CASES`: rule id → case → a builder of its `Evidence`, made from data and placed just on its side of the threshold.
  A case is named by the status that it must have (`"pass"`, `"warn"`, `"fail"`, `"skipped"`), and after a colon what
  it shows where there are several (`"warn: just above .05"`).
- `NEVER`: rule id → status → why the rule by its definition cannot give it.
- `NEEDS`, where the rules ask another package: rule id → the name that it is imported by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from attribution.checks.evidence import Evidence
from attribution.core.finding import Finding
from attribution.registry import CHECKS, load

Cases = Mapping[str, Mapping[str, Callable[[], Evidence]]]

STATUSES = ("pass", "warn", "fail")
FAMILIES = tuple(sorted(path.stem for path in (Path(__file__).parent / "rules").glob("*.py")))
MODULES = {name: import_module(f"tests.contract.rules.{name}") for name in FAMILIES}


def _merged(name: str) -> dict[str, Any]:
    """Return what all families say of their rules under a name; a rule belongs to one family."""
    merged: dict[str, Any] = {}
    for family, module in MODULES.items():
        said = getattr(module, name, {})
        assert not set(merged) & set(said), f"{family}: {sorted(set(merged) & set(said))} are of another family too"
        merged |= said
    return merged


CASES: Cases = _merged("CASES")
NEVER: Mapping[str, Mapping[str, str]] = _merged("NEVER")
NEEDS: Mapping[str, str] = _merged("NEEDS")


def _status(case: str) -> str:
    return case.partition(":")[0]


def _each() -> Iterator[Any]:
    for rule, cases in CASES.items():
        for case in cases:
            yield pytest.param(rule, case, id=f"{rule}-{case}")


@pytest.mark.parametrize(("rule", "case"), list(_each()))
def test_a_rule_at_its_threshold(rule: str, case: str) -> None:
    needed = NEEDS.get(rule)
    if needed is not None and find_spec(needed) is None:
        pytest.skip(f"needs {needed}, an extra that there is not for every Python")
    found: Finding = load(CHECKS, rule, kind="check")(CASES[rule][case]())
    assert (found.id, found.status) == (rule, _status(case)), found
    assert found.threshold
    assert found.source
    assert found.message
    assert bool(found.observed) == (found.status != "skipped")
    assert bool(found.remedy) == (found.status in ("warn", "fail"))


@pytest.mark.parametrize("rule", CHECKS)
def test_a_rule_is_shown_with_every_status_that_it_can_have(rule: str) -> None:
    shown = {_status(case) for case in CASES.get(rule, {})}
    never = NEVER.get(rule, {})
    missing = [status for status in STATUSES if status not in shown and status not in never]
    assert not missing, f"{rule}: show it in tests/contract/rules, or say why it never does: {', '.join(missing)}"
    both = sorted(shown & set(never))
    assert not both, f"{rule} is said never to {', '.join(both)}, and does"
    for status, reason in never.items():
        assert status in STATUSES, f"{rule}: {status} is no status"
        assert len(reason.split()) > 4, f"{rule}: say why it never gives {status}"


def test_no_case_is_of_a_rule_that_there_is_not() -> None:
    assert sorted({*CASES, *NEVER, *NEEDS} - set(CHECKS)) == []


@pytest.mark.parametrize("rule", CHECKS)
def test_a_rule_says_why_it_is_skipped_where_nothing_is_known(rule: str) -> None:
    found: Finding = load(CHECKS, rule, kind="check")(Evidence())
    assert (found.id, found.status) == (rule, "skipped")
    assert found.threshold
    assert found.source
    assert found.message
    assert not found.observed
