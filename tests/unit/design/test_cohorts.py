"""Cohorts in a design file: named, used, and suited to the analyses that are on them, before there are any data."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from attribution.design.schema import StudyDesign
from attribution.errors import Problem
from tests.unit.design.conftest import Edit

COVARIATES = ('adopted = "start"', 'adopted = "start"\ncovariates = ["tenure"]')
ONE = "[cohort]\nmethod = 'nearest'\ncovariates = ['tenure']"
TWO = "[[cohort]]\nid = 'm'\nmethod = 'nearest'\ncovariates = ['tenure']\n" + (
    "[[cohort]]\nid = 'all'\nmethod = 'entropy'\nestimand = 'ATE'\ncovariates = ['tenure']"
)
PRIMARY = 'role = "primary"\n[[valuation]]'

Load = Callable[..., StudyDesign]
Problems = Callable[..., list[Problem]]


def _primary(text: str) -> Edit:
    return (PRIMARY, PRIMARY.replace("\n", f"\n{text}\n", 1))


def _more(method: str, cohort: str = "") -> Edit:
    named = f"cohort = '{cohort}'" if cohort else ""
    return ("", f"[[analysis]]\nid = 'more'\nmethod = '{method}'\nrole = 'sensitivity'\n{named}")


def test_the_one_cohort_is_that_of_every_analysis_that_does_not_leave_it(load: Load) -> None:
    design = load(COVARIATES, ("", ONE), _more("trend", "none"))
    assert [one.cohort for one in design.analysis] == ["cohort", "none"]


def test_of_several_cohorts_each_analysis_names_its_own(load: Load) -> None:
    design = load(COVARIATES, ("", TWO), _primary('cohort = "m"'), _more("adjusted", "all"))
    assert [one.cohort for one in design.analysis] == ["m", "all"]


@pytest.mark.parametrize("named", ['cohort = "m"', ""])
def test_a_cohort_that_no_analysis_is_on(named: str, problems: Problems) -> None:
    found = problems(COVARIATES, ("", TWO), _primary(named))
    unused = ["all"] if named else ["m", "all"]
    assert [(one.key, one.what) for one in found] == [
        (f"cohort[{['m', 'all'].index(name)}]", f"found the cohort {name!r}, which no analysis is on")
        for name in unused
    ]
    assert "write cohort = 'all' in the analyses that it is for" in found[-1].remedy


def test_a_wrong_name_is_one_problem(problems: Problems) -> None:
    (found,) = problems(COVARIATES, ("", TWO), _primary('cohort = "mm"'))
    assert (found.key, found.what) == ("analysis[0].cohort", "found 'mm', expected one of m, all, none")


def test_no_cohort_may_be_called_none(problems: Problems) -> None:
    (found,) = problems(COVARIATES, ("", ONE + "\nid = 'none'"))
    assert found.key == "cohort[0].id"


@pytest.mark.parametrize("method", ["trend", "synthetic"])
def test_an_analysis_that_compares_no_units_is_on_no_cohort(method: str, problems: Problems) -> None:
    (found,) = problems(COVARIATES, ("", ONE), _more(method))
    assert found.key == "analysis[1].cohort"
    assert f"{method} compares no units with each other" in found.what
    assert "write cohort = 'none'" in found.remedy


@pytest.mark.parametrize("estimand", ["ATE", "ATO"])
@pytest.mark.parametrize("method", ["did", "prepost", "lagged", "staggered", "event_study", "twfe"])
def test_an_effect_on_the_trained_is_not_on_a_cohort_of_all(method: str, estimand: str, problems: Problems) -> None:
    weighted = f"[cohort]\nmethod = 'propensity'\ncovariates = ['tenure']\nestimand = '{estimand}'"
    (found,) = problems(COVARIATES, ("", weighted), _primary('cohort = "none"'), _more(method, "cohort"))
    assert found.key == "analysis[1].cohort"
    assert f"speaks for the {estimand}, and {method} for the effect on the trained" in found.what


def test_a_cohort_of_data_that_follow_no_units(problems: Problems) -> None:
    edits = (('source = "file"', 'source = "file"\nkind = "repeated_cross_sections"'), ('unit = "person"\n', ""))
    (found,) = problems(COVARIATES, *edits, ("", ONE))
    assert found.key == "analysis[0].cohort"
    assert "repeated cross sections follow none" in found.what


def test_a_faulty_method_or_estimand_is_one_problem(problems: Problems) -> None:
    (found,) = problems(COVARIATES, ("", ONE.replace("nearest", "neerest")))
    assert found.key == "cohort[0].method"
    (found,) = problems(COVARIATES, ("", ONE.replace("nearest", "entropy") + "\nestimand = 'ALL'"))
    assert found.key == "cohort[0].estimand"
