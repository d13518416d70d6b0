"""Templates: each loads, is reviewed before and after the launch, and runs to a claim that reads well."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

import attribution as at
from attribution.design.load import load_design
from attribution.design.schema import StudyDesign
from attribution.design.templates import study_id, template_path, template_summary, template_text, templates
from attribution.errors import MethodError
from attribution.finance.costs import CATEGORIES
from attribution.planning.mde import analytic_mde
from attribution.report.claims import compile_claim
from tests.unit.design.company import planned, simulated

NAMES = ("compliance", "error-rate", "leadership", "onboarding-ramp", "safety", "sales-quota", "support-handle-time")

SEED = 5
"""Of a company without bad luck: in about one of ten some gate on the KPI before the launch fails by chance."""

Made = Callable[[str], StudyDesign]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Return a template as somebody would have it: written to a folder of its own, with few draws."""

    def _made(name: str) -> StudyDesign:
        text = template_text(name, study="my study").replace("draws = 1999", "draws = 199")
        (tmp_path / "design.toml").write_text(text, encoding="utf-8")
        return load_design(tmp_path / "design.toml")

    return _made


def test_there_is_a_template_for_each_kind_of_program() -> None:
    assert tuple(templates()) == NAMES
    summaries = [template_summary(name) for name in NAMES]
    assert len(set(summaries)) == len(NAMES)
    assert all(summary.endswith("?") for summary in summaries)


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_whole(name: str) -> None:
    design = load_design(template_path(name))
    assert design.study.id == name
    assert design.study.frame == ("outcomes" if name in ("compliance", "leadership") else "roi")
    assert design.data.path == "data.csv"
    assert str(design.timing.launch).startswith("2027")
    for kpi in design.kpi:
        assert any(analysis.kpi == kpi.id for analysis in design.analysis), kpi.id
        if kpi.role == "primary":
            assert kpi.owner
            assert kpi.baseline_source
            assert kpi.expected_effect is not None
            assert kpi.minimum_worthwhile_effect is not None
    assert [kpi.role for kpi in design.kpi].count("untouched") == 1
    assert {"trained_clusters", "control_clusters", "sd", "autocorrelation", "source"} <= design.power.model_fields_set
    assert design.assignment.roster_frozen is not None
    assert design.limits.text
    if design.study.frame == "roi":
        assert {cost.category for cost in design.cost} == set(CATEGORIES)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_a_template_is_presented_as_a_finding(name: str) -> None:
    design = load_design(template_path(name))
    assert all(value.illustrative and value.source is None and value.approver is None for value in design.valuation)
    assert all(cost.illustrative or cost.amount == 0 for cost in design.cost)
    sources = [design.power.source, design.assignment.source]
    sources += [kpi.effect_source for kpi in design.kpi if kpi.expected_effect is not None]
    assert all(str(source).startswith("assumption to be replaced: ") for source in sources)
    # Roles answer for a KPI, not people.
    assert all(kpi.owner is None or kpi.owner.startswith("Head of ") for kpi in design.kpi)


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_in_comments_are_sound(name: str, tmp_path: Path) -> None:
    text = template_path(name).read_text(encoding="utf-8")
    blocks = re.findall(r"^# \[.*\]\n(?:# .+\n)+", text, flags=re.MULTILINE)
    assert {block.partition("\n")[0] for block in blocks} >= {"# [graph]", "# [[waiver]]"}
    for block in blocks:
        text = text.replace(block, re.sub(r"^# ", "", block, flags=re.MULTILINE))
    (tmp_path / "design.toml").write_text(text, encoding="utf-8")
    design = load_design(tmp_path / "design.toml")
    assert design.graph is not None
    assert design.waiver


@pytest.mark.parametrize("name", NAMES)
def test_on_the_file_alone_no_gate_fails(name: str, made: Made) -> None:
    review = at.review(made(name))
    assert review.stage == "file"
    assert [finding.id for finding in review.gates_failed] == []
    warned = {finding.id for finding in review if finding.status == "warn"}
    # Examples of money are said to be examples; that managers choose is what it is.
    assert warned <= {"illustrative_money", "selection_mechanism"}


@pytest.mark.parametrize("name", NAMES)
def test_the_plan_of_a_template_can_see_what_it_looks_for_and_pays_if_that_comes(name: str) -> None:
    design = load_design(template_path(name))
    kpi = next(kpi for kpi in design.kpi if kpi.role == "primary")
    plan, noise = planned(design)
    found = analytic_mde(plan, noise, level=design.inference.level, power=design.power.power)
    assert kpi.expected_effect is not None
    assert kpi.minimum_worthwhile_effect is not None
    assert found.caveats == ()
    assert found.mde <= kpi.minimum_worthwhile_effect < abs(kpi.expected_effect)
    # And not by far: the example is a plan, not a dream.
    assert found.mde > 0.5 * kpi.minimum_worthwhile_effect
    if design.valuation:
        periods = plan.trained_clusters * plan.trained[0].sizes[0] * len(plan.followup)
        break_even = sum(cost.amount for cost in design.cost) / (periods * (design.valuation[0].value_per_unit or 0))
        assert found.mde < break_even < abs(kpi.expected_effect)


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_reviewed_with_history_and_runs_to_its_claim(name: str, made: Made) -> None:
    design = made(name)
    frame, data = simulated(design, seed=SEED), Path(str(design.source.path)).parent / "data.csv"
    before = frame[design.columns.period] <= str(design.timing.baseline[-1])
    frame[before].to_csv(data, index=False)
    review = at.review(design)
    assert review.stage == "history"
    assert [finding.id for finding in review.gates_failed] == []
    frame.to_csv(data, index=False)
    result = at.run(design)
    assert [finding.id for finding in result.findings if finding.gate_failed] == []
    kpi = next(kpi for kpi in design.kpi if kpi.role == "primary")
    estimate, expected = result.estimate, kpi.expected_effect
    # The simulated effect is the expected one: within four standard errors of it.
    assert expected is not None
    assert abs(estimate.value("effect") - expected) < 4 * estimate.std_error("effect")
    claim = compile_claim(result)
    for sentence in (claim.sentence, *claim.others):
        assert re.fullmatch(r"\S.*[^\s.]\.", sentence)
        assert "  " not in sentence
        assert " nan" not in sentence.lower()
        assert not re.search(r"\b(?:the|of|a) (?:The|A|Our)\b|\bthe the\b", sentence)
    assert kpi.unit in claim.sentence
    assert kpi.label.lower() in claim.sentence.lower()
    assert (result.roi is not None) == (design.study.frame == "roi")


def test_only_the_id_of_a_template_changes() -> None:
    whole = template_path("safety").read_text(encoding="utf-8")
    text = template_text("safety", study="Plant Safety (2027)")
    assert text == whole.replace('id = "safety"', 'id = "plant-safety-2027"', 1)
    assert tomllib.loads(text)["study"]["id"] == "plant-safety-2027"
    assert template_text("safety", study="安全") == whole


@pytest.mark.parametrize(
    ("name", "own"),
    [("a", "a"), ("Sales_Academy", "sales-academy"), ("--x--", "x"), ("", ""), ("été", "t"), ("x" * 80, "x" * 64)],
)
def test_a_name_becomes_an_id(name: str, own: str) -> None:
    assert study_id(name) == own


@pytest.mark.parametrize("name", ["saftey", "../safety", "safety.toml", "", "os:system"])
def test_an_unknown_template_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(MethodError, match="there is no template") as caught:
        template_path(name)
    assert "choose one of compliance, error-rate" in caught.value.remedy
    assert ("did you mean 'safety'?" in caught.value.remedy) == (name in ("saftey", "../safety", "safety.toml"))
