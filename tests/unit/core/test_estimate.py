"""The estimate: contrasts, intervals, combinations, covariances and percent effects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtrit

import attribution as at
from attribution.core.estimate import UNTRAINED_LEVEL, Estimate
from attribution.errors import MethodError


def make(
    *, level: float = 50.0, spread: float = 5.0, outcome: str = "kpi", scale: str = "linear", cluster: bool = False
) -> at.Panel:
    rng = np.random.default_rng(2)
    trained = np.arange(24) < 10
    first = rng.normal(level, spread, 24)
    second = first + 1.0 + 2.0 * trained + rng.normal(0, 1, 24)
    frame = pd.DataFrame(
        {
            "u": np.repeat(np.arange(24), 2),
            "t": np.tile([0, 1], 24),
            outcome: np.stack([first, second], axis=1).ravel(),
            "start": np.repeat(np.where(trained, 1.0, np.nan), 2),
            "team": np.repeat(np.arange(24) // 2, 2),
        }
    )
    return at.Panel.from_frame(
        frame,
        unit="u",
        period="t",
        outcome=outcome,
        adopted="start",
        scale=scale,
        cluster="team" if cluster else None,
    )


@pytest.fixture
def estimate() -> Estimate:
    return at.did(make(), baseline=[0], followup=[1])


def test_the_main_term_is_the_effect_or_the_first(estimate: Estimate) -> None:
    assert estimate.main == "effect"
    assert at.prepost(make(), baseline=[0], followup=[1]).main == "change"
    assert estimate.interval().low == estimate.interval(term="effect").low


def test_a_term_that_is_not_there_is_refused_with_those_that_are(estimate: Estimate) -> None:
    with pytest.raises(MethodError, match="there is no term 'share'") as error:
        estimate.value("share")
    assert error.value.where == "estimate did"
    assert "effect, change, background" in error.value.remedy


@pytest.mark.parametrize("level", [0.0, 1.0, 95, -0.1, float("nan")])
def test_a_level_outside_0_1_is_refused(estimate: Estimate, level: float) -> None:
    with pytest.raises(MethodError, match="level is") as error:
        estimate.interval(level)
    assert "between 0 and 1" in error.value.remedy
    with pytest.raises(MethodError, match="level is"):
        estimate.tidy(level)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_the_interval_is_the_t_interval(estimate: Estimate, level: float) -> None:
    found, interval = estimate.contrast({"effect": 1.0}), estimate.interval(level)
    half_width = float(stdtrit(found.df, (1 + level) / 2)) * found.std_error
    assert [interval.low, interval.high] == pytest.approx([found.value - half_width, found.value + half_width])
    assert (interval.level, interval.kind, interval.method) == (level, "bounded", "default")


def test_tidy_agrees_with_interval_and_contrast(estimate: Estimate) -> None:
    from scipy import stats

    for row in estimate.tidy(0.9, hidden=True).itertuples():
        found, interval = estimate.contrast({row.term: 1.0}), estimate.interval(0.9, term=row.term)
        assert (row.estimate, row.std_error) == (found.value, found.std_error)
        assert (row.conf_low, row.conf_high) == (interval.low, interval.high)
        assert row.statistic == found.value / found.std_error
        assert row.p_value == pytest.approx(2 * stats.t.sf(abs(row.statistic), found.df))


def test_the_hidden_term_is_shown_on_request(estimate: Estimate) -> None:
    assert UNTRAINED_LEVEL not in set(estimate.tidy()["term"])
    assert estimate.tidy(hidden=True)["term"].tolist()[-1] == UNTRAINED_LEVEL


def test_a_contrast_without_variance_has_no_standard_error(estimate: Estimate) -> None:
    nothing = estimate.contrast({"change": 1.0, "effect": -1.0, "background": -1.0})
    assert nothing.value == pytest.approx(0.0, abs=1e-12)
    assert np.isnan([nothing.std_error, nothing.df]).all()
    assert np.isnan(estimate.contrast({"effect": 0.0}).std_error)


def test_combine_is_a_contrast_that_can_be_resampled(estimate: Estimate) -> None:
    combined = estimate.combine({"effect": {"effect": 1.0}, "half": {"change": 0.5, "effect": -0.25}})
    assert combined.terms == ("effect", "half")
    found, expected = combined.contrast({"half": 1.0}), estimate.contrast({"change": 0.5, "effect": -0.25})
    assert (found.value, found.std_error, found.df) == pytest.approx((expected.value, expected.std_error, expected.df))
    one, two = at.bootstrap(estimate, draws=50, seed=1), at.bootstrap(combined, draws=50, seed=1)
    assert two.term("half") == pytest.approx(0.5 * one.term("change") - 0.25 * one.term("effect"))
    assert combined.cluster_influence()[:, 1] == pytest.approx(
        estimate.cluster_influence() @ np.array([-0.25, 0.5, 0.0, 0.0])
    )
    with pytest.raises(MethodError, match="there is no term 'nothing'"):
        estimate.combine({"new": {"nothing": 1.0}})


def test_combine_keeps_the_reason_why_there_is_no_map(estimate: Estimate) -> None:
    without = replace(estimate, replay=None, no_replay="matching with replacement")
    combined = without.combine({"twice": {"effect": 2.0}})
    assert (combined.replay, combined.no_replay) == (None, "matching with replacement")


def test_vcov_is_the_sum_of_the_layers(estimate: Estimate) -> None:
    table = estimate.vcov()
    assert list(table.index) == list(table.columns) == list(estimate.terms)
    assert np.sqrt(table.loc["effect", "effect"]) == pytest.approx(estimate.std_error("effect"))


def test_vcov_by_another_cluster_is_cr1_of_that_cluster(estimate: Estimate) -> None:
    clustered = at.did(make(cluster=True), baseline=[0], followup=[1], variance="CR1")
    table = estimate.vcov(np.arange(24, dtype=np.int32) // 2 + 100)  # codes need not be dense
    assert table.to_numpy() == pytest.approx(clustered.vcov().to_numpy(), rel=1e-10, abs=1e-14)


def test_vcov_by_a_single_cluster_is_undefined(estimate: Estimate) -> None:
    assert np.isnan(estimate.vcov(np.zeros(24, dtype=np.int32)).to_numpy()).all()


def test_vcov_by_clusters_of_another_length_is_refused(estimate: Estimate) -> None:
    with pytest.raises(MethodError, match=r"cluster has shape \(23,\) for 24 units") as error:
        estimate.vcov(np.zeros(23, dtype=np.int32))
    assert "one cluster code per row" in error.value.remedy


def test_percent_on_the_linear_scale_divides_effect_and_change_by_their_levels(estimate: Estimate) -> None:
    percent = estimate.percent()
    panel = make()
    after = panel.observations.outcome[1:20:2].mean()  # the ten trained in the follow-up
    assert estimate.value(UNTRAINED_LEVEL) == pytest.approx(after - estimate.value("effect"))
    assert percent.estimate == pytest.approx(estimate.value("effect") / (after - estimate.value("effect")))
    assert percent.interval.kind == "bounded"
    assert percent.estimate in percent.interval
    assert (percent.interval.method, percent.reason) == ("fieller", "")
    before = panel.observations.outcome[0:20:2].mean()
    assert estimate.percent(term="change").estimate == pytest.approx(estimate.value("change") / before)
    assert estimate.percent(term="background").estimate == pytest.approx(estimate.value("background") / before)


def test_percent_on_the_log_scale_transforms_the_interval() -> None:
    estimate = at.did(make(level=0.5, spread=0.5, scale="log"), baseline=[0], followup=[1])
    percent, interval = estimate.percent(0.9), estimate.interval(0.9)
    assert percent.estimate == pytest.approx(np.expm1(estimate.value("effect")))
    assert [percent.interval.low, percent.interval.high] == pytest.approx(np.expm1([interval.low, interval.high]))


@pytest.mark.parametrize(
    ("panel", "reason"),
    [
        (make(level=0.0, spread=5.0), "takes both signs"),
        (make(level=200.0, spread=100.0, outcome="noisy"), "within noise of 0"),
    ],
)
def test_percent_that_has_no_meaning_says_why(panel: at.Panel, reason: str) -> None:
    estimate = at.did(panel, baseline=[0], followup=[1])
    if "noise" in reason:
        # The same values with a standard error as large as the level.
        estimate = replace(estimate, covariance=estimate.covariance * 1e3, outcome_range=(0.0, 1.0))
    percent = estimate.percent()
    assert np.isnan(percent.estimate)
    assert percent.interval.kind == "undefined"
    assert reason in percent.reason
    assert panel.columns.outcome in percent.reason


def test_percent_without_a_level_says_why() -> None:
    percent = at.prepost(make(), baseline=[0], followup=[1]).percent()
    assert percent.interval.kind == "undefined"
    assert "prepost does not estimate the level" in percent.reason


def test_the_ratio_problem_takes_both_terms_with_their_layers(estimate: Estimate) -> None:
    problem = estimate.ratio_problem("background", "change", 0.9)
    assert (problem.numerator, problem.denominator) == (estimate.value("background"), estimate.value("change"))
    assert problem.covariance.shape == (2, 2, 2)
    assert np.sqrt(problem.covariance.sum(axis=0)[0, 0]) == pytest.approx(estimate.std_error("background"))
    assert (problem.level, problem.df.tolist()) == (0.9, estimate.stratum_df.tolist())


def test_it_shows_itself_and_escapes_what_the_user_wrote() -> None:
    estimate = at.did(make(outcome="<b>kpi</b>"), baseline=[0], followup=[1])
    noted = replace(estimate, notes=("a note < another",))
    page = noted._repr_html_()
    assert "<b>kpi" not in page
    assert "&lt;b&gt;kpi&lt;/b&gt;" in page
    assert "<li>a note &lt; another</li>" in page
    assert "10 trained against 14 not trained, 0 left out" in repr(estimate)


def test_an_undefined_part_reaches_only_the_combinations_that_use_it() -> None:
    from attribution.core.estimate import Combined, combined

    values = np.array([[1.0, np.nan, 3.0]])
    matrix = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    found = combined(values, matrix)
    assert found[0, 0] == 4.0
    assert np.isnan(found[0, 1])
    assert np.array_equal(Combined(lambda weights: values, matrix)(np.ones((1, 1))), found, equal_nan=True)


def test_a_part_has_no_percentage_of_a_level_that_is_not_its_own() -> None:
    frame = pd.DataFrame(
        [(p, t, 10.0 + p + t * p, 2 if p < 4 else None) for p in range(8) for t in range(4)],
        columns=["p", "t", "y", "start"],
    )
    panel = at.Panel.from_frame(frame, unit="p", period="t", outcome="y", adopted="start")
    found = at.staggered(panel).percent(term="effect[event=0]")
    assert found.interval.kind == "undefined"
    assert "is a part" in found.reason
    logged = at.Panel.from_frame(frame, unit="p", period="t", outcome="y", adopted="start", scale="log")
    estimate = at.staggered(logged)
    expected = np.expm1(estimate.value("effect[event=0]"))
    assert estimate.percent(term="effect[event=0]").estimate == pytest.approx(expected)
