"""A waiver names a rule that there is."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest

import attribution as at
from attribution.errors import DesignError

WAIVER = {"reason": "a pilot", "name": "Head of sales", "expires": datetime.date(2026, 12, 31)}


def test_a_rule_that_there_is(make_study: Callable[..., Path]) -> None:
    design = at.load_design(make_study(None, {"waiver": [WAIVER | {"rule": "clusters_per_arm"}]}))
    assert design.waiver[0].rule == "clusters_per_arm"


@pytest.mark.parametrize(
    ("rule", "remedy"),
    [
        ("cluster_per_arm", "did you mean 'clusters_per_arm'?"),
        ("zzz", "name the rule that failed, without the analysis"),
    ],
)
def test_a_rule_that_there_is_not(rule: str, remedy: str, make_study: Callable[..., Path]) -> None:
    with pytest.raises(DesignError) as caught:
        at.load_design(make_study(None, {"waiver": [WAIVER | {"rule": rule}]}))
    (found,) = caught.value.problems
    assert found.key == "waiver[0].rule"
    assert f"found '{rule}', expected the id of a rule" in found.what
    assert remedy in found.remedy


@pytest.mark.parametrize("key", ["reason", "name", "expires"])
def test_nothing_of_it_may_be_left_out(key: str, make_study: Callable[..., Path]) -> None:
    waiver = {"rule": "clusters_per_arm", **WAIVER}
    del waiver[key]
    with pytest.raises(DesignError, match="the key is missing"):
        at.load_design(make_study(None, {"waiver": [waiver]}))
