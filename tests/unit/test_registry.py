"""Names that stand for functions, and what a method's keywords say."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

import attribution as at
from attribution.errors import MethodError
from attribution.registry import DATASETS, ESTIMATORS, load, options, summary


@pytest.mark.parametrize("registry", [ESTIMATORS, DATASETS])
def test_every_name_loads(registry: Mapping[str, str]) -> None:
    for name in registry:
        function = load(registry, name, kind="entry")
        assert callable(function)
        assert registry[name] == f"{function.__module__}:{function.__name__}"
        assert summary(function).endswith(".")


def test_a_name_loads_the_public_function() -> None:
    assert load(ESTIMATORS, "did", kind="estimator") is at.did


@pytest.mark.parametrize(("name", "hint"), [("ddi", "did you mean 'did'"), ("xyzzy", "choose one of adjusted, did")])
def test_an_unknown_name_is_refused_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(MethodError, match=f"there is no estimator '{name}'") as error:
        load(ESTIMATORS, name, kind="estimator")
    assert hint in error.value.remedy
    assert ", ".join(sorted(ESTIMATORS)) in error.value.remedy


def test_an_unknown_data_set_is_refused() -> None:
    with pytest.raises(MethodError, match="there is no dataset 'jobtrainings'") as error:
        at.dataset("jobtrainings")
    assert "did you mean 'jobtraining'?" in error.value.remedy


def test_options_are_the_keyword_only_parameters_with_their_annotations() -> None:
    found = {option.name: option for option in options(at.did)}
    adjusted = ["covariates", "adjust", "washout", "anticipation", "as_assigned"]
    assert list(found) == ["baseline", "followup", "controls", *adjusted, "variance"]
    assert found["baseline"].required
    assert not found["controls"].required
    assert found["controls"].default == "not_yet"
    assert found["variance"].default == "default"
    assert "never" in str(found["controls"].annotation)


def test_the_summary_is_the_first_line() -> None:
    def method() -> None:
        """Estimate something.

        And more.
        """

    def bare() -> None: ...

    assert summary(method) == "Estimate something."
    assert summary(bare) == ""
