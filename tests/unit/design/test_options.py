"""Options of methods: the keyword-only parameters of the method, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Literal

import pytest

from attribution import registry
from attribution.design.json_schema import design_json_schema
from attribution.design.schema import StudyDesign
from attribution.errors import Problem

Load = Callable[..., StudyDesign]
Problems = Callable[..., list[Problem]]

METHOD = 'method = "did"'


def made_up(
    panel: Any,
    *,
    ratio: int,
    caliper: float | None = None,
    exact: Sequence[str] = (),
    replace: bool = False,
    distance: Literal["logit", "mahalanobis"] = "logit",
) -> None:
    """Stand for a method of another issue."""


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("made_up_methods")
    module.made_up = made_up
    monkeypatch.setitem(sys.modules, "made_up_methods", module)
    monkeypatch.setattr(registry, "ESTIMATORS", {**registry.ESTIMATORS, "made_up": "made_up_methods:made_up"})


def test_options_stand_beside_the_other_keys(load: Load) -> None:
    design = load((METHOD, METHOD + '\ncontrols = "never"\nbaseline = [3]\nvariance = "CR1"'))
    assert design.analysis[0].options == {"controls": "never", "baseline": (3,), "variance": "CR1"}


@pytest.mark.parametrize(
    ("new", "key", "what", "remedy"),
    [
        (
            'method = "dif"',
            "analysis[0].method",
            "found 'dif', expected one of adjusted, did",
            "did you mean 'did'?",
        ),
        ('method = "os:system"', "analysis[0].method", "found 'os:system'", "choose one of these"),
        (METHOD + "\ncontrol = 1", "analysis[0].control", "an option of 'did'", "did you mean 'controls'?"),
        (METHOD + "\noptions = {}", "analysis[0].options", "unknown key 'options'", "rename the key"),
        (METHOD + "\npanel = 1", "analysis[0].panel", "unknown key 'panel'", "rename the key"),
        (METHOD + "\ncontrols = 'nevr'", "analysis[0].controls", "not_yet, never", "did you mean 'never'?"),
        (METHOD + "\ncontrols = true", "analysis[0].controls", "found true", "choose one of these"),
        (METHOD + "\nvariance = 'HC9'", "analysis[0].variance", "CR1S", "did you mean"),
        (METHOD + "\nbaseline = 1", "analysis[0].baseline", "expected an array", "square brackets"),
        (METHOD + '\ncovariates = "age"', "analysis[0].covariates", "expected an array of texts", "square brackets"),
        (METHOD + "\nbaseline = []", "analysis[0].baseline", "at least 1 entry", "bounds"),
        (METHOD + "\nbaseline = [true]", "analysis[0].baseline", "found true, expected a period", "as the data do"),
        (METHOD + "\nbaseline = [1, 1]", "analysis[0].baseline", "the period 1 twice", "once"),
        (METHOD + "\nbaseline = [9]", "analysis[0].followup", "before the last baseline period 9", "before every"),
    ],
)
def test_a_faulty_option_is_one_problem(problems: Problems, new: str, key: str, what: str, remedy: str) -> None:
    found = problems((METHOD, new))
    assert [problem.key for problem in found] == [key]
    assert what in found[0].what
    assert remedy in found[0].remedy


def test_an_option_of_another_method_is_unknown(problems: Problems) -> None:
    found = problems((METHOD, 'method = "prepost"\ncontrols = "never"'))
    assert [problem.key for problem in found] == ["analysis[0].controls"]
    assert "an option of 'prepost': baseline, followup, variance" in found[0].what


def test_the_variance_of_all_analyses_is_known_to_their_methods(problems: Problems, load: Load) -> None:
    found = problems(("", '[inference]\nvariance = "CR9"'))
    assert [problem.key for problem in found] == ["inference.variance"]
    assert "CR1S" in found[0].what
    assert load(("", '[inference]\nvariance = "CR1"')).inference.variance == "CR1"


@pytest.mark.usefixtures("registered")
def test_a_new_method_needs_only_its_line_in_the_registry(load: Load) -> None:
    text = 'method = "made_up"\nratio = 2\ncaliper = 1\nexact = ["site"]\nreplace = true\ndistance = "logit"'
    options = load((METHOD, text)).analysis[0].options
    assert options == {"ratio": 2, "caliper": 1, "exact": ("site",), "replace": True, "distance": "logit"}
    methods = design_json_schema()["$defs"]["Analysis"]["oneOf"]
    mine = next(method for method in methods if method["title"] == "made_up")
    assert mine["required"] == ["id", "method", "role", "ratio"]
    assert mine["properties"]["caliper"] == {"type": "number"}
    assert mine["properties"]["replace"] == {"type": "boolean", "default": False}
    assert mine["description"] == "Stand for a method of another issue."


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("options", "key", "what"),
    [
        ("", "ratio", "the key is missing, expected an option that 'made_up' requires"),
        ("ratio = 1.5", "ratio", "a whole number"),
        ("ratio = true", "ratio", "found true, expected a whole number"),
        ("ratio = 1\ncaliper = '1'", "caliper", "found '1', expected a number"),
        ("ratio = 1\ncaliper = nan", "caliper", "a finite number"),
        ("ratio = 1\nreplace = 1", "replace", "true or false"),
        ("ratio = 1\nexact = [1]", "exact", "expected a text"),
    ],
)
def test_options_are_as_strict_as_any_key(problems: Problems, options: str, key: str, what: str) -> None:
    found = problems((METHOD, f'method = "made_up"\n{options}'))
    assert [problem.key for problem in found] == [f"analysis[0].{key}"]
    assert what in found[0].what


def test_options_of_a_rollout_are_lists_literals_and_counts(problems: Problems, load: Load) -> None:
    read = ('adopted = "start"', 'adopted = "start"\ncovariates = ["age"]')
    text = 'method = "staggered"\ncovariates = ["age"]\nadjust = "ipw"\nanticipation = 1\nfollowup = [6]'
    assert load(read, (METHOD, text)).analysis[0].options == {
        "covariates": ("age",), "adjust": "ipw", "anticipation": 1, "followup": (6,),
    }  # fmt: skip
    for wrong, what in (
        ('covariates = "age"', "found 'age'"),
        ('adjust = "magic"', "expected one of"),
        ("anticipation = 1.5", "a whole number"),
        ("baseline = [1]", "unknown key 'baseline'"),
    ):
        found = problems(read, (METHOD, f'method = "staggered"\n{wrong}'))
        assert [problem.key for problem in found] == [f"analysis[0].{wrong.split()[0]}"], wrong
        assert what in found[0].what


def test_a_follow_up_may_be_several_windows(problems: Problems, load: Load) -> None:
    assert load((METHOD, METHOD + "\nfollowup = [[6], [7]]")).analysis[0].options == {"followup": ((6,), (7,))}
    found = problems((METHOD, METHOD + "\nfollowup = [[6], [6, 7]]"))
    assert [problem.key for problem in found] == ["analysis[0].followup"]
    assert "the period 6 twice" in found[0].what
