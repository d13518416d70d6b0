"""The attribution factor: its sets, its signs, and why there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.estimate import Estimate
from attribution.errors import MethodError
from attribution.inference.factor import parts_of, shares
from attribution.numerics.ratio import delta, fieller


def did(trained: Sequence[float], control: Sequence[float], *, direction: Any = "higher", cluster: int = 1) -> Estimate:
    change = np.array([*trained, *control], dtype=float)
    n = len(change)
    frame = pd.DataFrame(
        {
            "u": np.repeat(np.arange(n), 2),
            "t": np.tile([0, 1], n),
            "y": np.stack([np.full(n, 100.0), 100.0 + change], axis=1).ravel(),
            "start": np.repeat(np.where(np.arange(n) < len(trained), 1.0, np.nan), 2),
            "c": np.repeat(np.arange(n) // cluster, 2),
        }
    )
    panel = at.Panel.from_frame(
        frame, unit="u", period="t", outcome="y", adopted="start", direction=direction, cluster="c"
    )
    return at.did(panel, baseline=[0], followup=[1])


NOISE = np.array([-1.2, -0.8, -0.3, 0.1, 0.2, 0.5, 0.6, 0.9])
CLEAR = did(6 + NOISE, 2 + NOISE)


def test_a_clear_change_has_a_bounded_share() -> None:
    factor = at.attribution_factor(CLEAR, draws=999, seed=1)
    assert factor.share == pytest.approx(4 / 6)
    assert factor.estimable
    assert factor.interval.kind == "bounded"
    assert factor.share in factor.interval
    assert factor.reason == ""
    assert [one.method for one in factor.others] == ["delta", "percentile", "bca"]
    assert all(factor.share in one and one.kind == "bounded" for one in factor.others)


def test_the_headline_is_the_fieller_set_of_the_estimate() -> None:
    found = fieller(CLEAR.ratio_problem("effect", "change", 0.9))
    factor = at.attribution_factor(CLEAR, draws=19, level=0.9)
    assert (factor.interval.low, factor.interval.high) == (found.low, found.high)
    assert (factor.interval.level, factor.interval.method) == (0.9, "fieller")
    assert all(one.level == 0.9 for one in factor.others)
    error, _ = delta(CLEAR.ratio_problem("effect", "change", 0.9))
    width = factor.others[0].high - factor.others[0].low
    assert width > 2 * 1.64 * error  # t, not normal


def test_a_change_within_noise_is_not_estimable_and_says_so() -> None:
    rays = at.attribution_factor(did(0.1 + NOISE, -3 + NOISE), draws=99)
    line = at.attribution_factor(did(0.1 + NOISE, 0.2 + NOISE), draws=99)
    assert (rays.interval.kind, line.interval.kind) == ("disjoint", "unbounded")
    for factor in (rays, line):
        assert not factor.estimable
        assert factor.reason == "the observed change is within noise"
        assert np.isfinite(factor.share)  # never clipped, never hidden
        assert factor.draws is not None  # money goes on from the effect
        assert factor.others[1].kind == "bounded"  # a finite bootstrap interval that does not hide the headline


def test_several_gaps_are_named() -> None:
    estimate = did([5.0, 9.8], NOISE)
    crowded = replace(
        estimate,
        values=np.array([6.56, 7.7, 1.14, 100.0]),
        covariance=np.stack([np.full((4, 4), 0.8), np.diag([0.32, 0.0, 0.0, 0.0])]),
        stratum_df=np.array([1.0, 60.0]),
    )
    factor = at.attribution_factor(crowded, draws=19)
    assert factor.interval.kind == "unbounded"
    assert factor.reason == "the observed change is within noise; the set has more than one gap"


@pytest.mark.parametrize(
    ("trained", "control", "direction", "improvement", "share"),
    [
        (6.0, 2.0, "higher", (4.0, 6.0), 4 / 6),  # part of the gain
        (6.0, -3.0, "higher", (9.0, 6.0), 1.5),  # all of it, and a background decline offset
        (6.0, 9.0, "higher", (-3.0, 6.0), -0.5),  # an improvement despite a harmful effect
        (-4.0, -10.0, "higher", (6.0, -4.0), -1.5),  # a decline softened
        (-6.0, -2.0, "higher", (-4.0, -6.0), 4 / 6),  # a share of the deterioration
        (-6.0, -2.0, "lower", (4.0, 6.0), 4 / 6),  # where lower is better, part of the gain
        (6.0, 2.0, "lower", (-4.0, -6.0), 4 / 6),  # … and a share of the deterioration
    ],
)
def test_the_share_is_read_with_the_signs_of_the_improvement(
    trained: float, control: float, direction: str, improvement: tuple[float, float], share: float
) -> None:
    factor = at.attribution_factor(did(trained + NOISE, control + NOISE, direction=direction), draws=19)
    expected = np.array(improvement) + (
        np.array([0.0, NOISE.mean()]) if direction == "higher" else [0.0, -NOISE.mean()]
    )
    assert factor.improvement == pytest.approx(tuple(expected))
    assert factor.share == pytest.approx(share, abs=0.02)


def test_the_share_is_never_clipped() -> None:
    assert at.attribution_factor(did(6 + NOISE, -9 + NOISE), draws=19).share > 2
    assert at.attribution_factor(did(6 + NOISE, 20 + NOISE), draws=19).share < -2


def test_no_observed_change_has_no_share() -> None:
    balanced = [-1.0, -0.5, 0.5, 1.0]  # sums to 0 in floating point too
    factor = at.attribution_factor(did(balanced, [1.0, 2.0, 4.0]), draws=19)
    assert np.isnan(factor.share)
    assert (factor.interval.kind, factor.reason) == ("undefined", "the observed change is 0")


def test_an_estimate_without_a_change_has_no_share() -> None:
    factor = at.attribution_factor(CLEAR.combine({"effect": {"effect": 1.0}}), draws=19)
    assert np.isnan(factor.share)
    assert factor.reason == "the estimate has no change"
    assert np.isnan(factor.improvement[1])
    assert factor.improvement[0] == pytest.approx(4.0)
    assert factor.draws is not None
    assert factor.draws.terms == ("effect",)


def test_where_there_is_no_map_there_are_no_bootstrap_intervals() -> None:
    factor = at.attribution_factor(replace(CLEAR, replay=None, no_replay="matching with replacement"), draws=99)
    assert factor.raw_draws is None
    assert [one.method for one in factor.others] == ["delta"]
    assert factor.draws is not None
    assert len(factor.draws) == 99


@pytest.mark.parametrize("level", [0, 1, 95, -0.5, float("nan")])
def test_a_level_outside_0_1_is_refused(level: float) -> None:
    with pytest.raises(MethodError, match="level is") as error:
        at.attribution_factor(CLEAR, level=level)
    assert error.value.where == "attribution_factor"
    assert "between 0 and 1" in error.value.remedy


def test_the_level_of_calibrated_draws_is_that_of_all_levels() -> None:
    one, two = (at.attribution_factor(CLEAR, draws=99, seed=2, level=level) for level in (0.5, 0.99))
    assert one.draws is not None
    assert two.draws is not None
    assert (one.draws.values == two.draws.values).all()
    assert two.interval.low < one.interval.low < one.interval.high < two.interval.high


def test_tidy_has_the_headline_first() -> None:
    tidy = at.attribution_factor(CLEAR, draws=99).tidy()
    assert list(tidy.columns) == ["method", "share", "low", "high", "kind", "level"]
    assert tidy["method"].tolist() == ["fieller", "delta", "percentile", "bca"]
    assert (tidy["share"] == tidy["share"][0]).all()


def test_it_shows_itself() -> None:
    factor = at.attribution_factor(CLEAR, draws=99)
    assert repr(factor).startswith("AttributionFactor(share 0.66")
    assert "fieller [" in repr(factor)
    assert "<caption>Share of the change in y</caption>" in factor._repr_html_()
    noisy = at.attribution_factor(did(0.1 + NOISE, 0.2 + NOISE), draws=99)
    assert "within noise" in repr(noisy)
    assert "<p>the observed change is within noise</p>" in noisy._repr_html_()
    assert repr(at.attribution_factor(did([1.0], [2.0, 3.0]), draws=9)).endswith("is undefined)")


def test_the_share_of_a_part_is_that_of_its_own_effect_and_change(by_cohort: Callable[..., Estimate]) -> None:
    estimate = by_cohort([6 + NOISE, 9 + NOISE], 2 + NOISE)
    overall = at.attribution_factor(estimate, draws=499, seed=1)
    part = at.attribution_factor(estimate, part="group=2", draws=499, seed=1)
    # Two arms alone have the same numbers; only the stratum of the trained is another one.
    alone = at.attribution_factor(did(9 + NOISE, 2 + NOISE), draws=499, seed=1)
    assert part.share == pytest.approx(7 / 9) == pytest.approx(alone.share)
    problem = estimate.ratio_problem("effect[group=2]", "change[group=2]", 0.95)
    found = fieller(problem)
    assert (part.interval.low, part.interval.high, part.interval.kind) == (found.low, found.high, "bounded")
    assert part.improvement == pytest.approx((7.0, 9.0))
    assert [one.method for one in part.others] == ["delta", "percentile", "bca"]
    # The resamples differ (two cohorts are one stratum of 16), the truth does not.
    for one, two in zip(part.others, alone.others, strict=True):
        assert (one.low, one.high) == pytest.approx((two.low, two.high), abs=0.02)
    assert (part.part, overall.part) == ("group=2", "")
    assert repr(part).startswith("AttributionFactor(share of group=2 0.77")
    assert "change in y, group=2</caption>" in part._repr_html_()
    # Money is that of everybody, whatever part the share is of.
    assert part.draws is not None
    assert overall.draws is not None
    assert (part.draws.values == overall.draws.values).all()


def test_shares_have_a_row_for_each_part_with_effect_and_change(by_cohort: Callable[..., Estimate]) -> None:
    estimate = by_cohort([6 + NOISE, [9.0], -0.05 + NOISE], 2 + NOISE)
    found = shares(estimate, level=0.9)
    assert list(found["part"]) == ["", "group=1", "group=2", "group=3"]
    assert list(found["kind"]) == ["bounded", "bounded", "undefined", "disjoint"]
    overall = (8 * 4 + 7 - 8 * 2.05) / (8 * 6 + 9 - 8 * 0.05)  # cohorts count by their clusters
    assert found["share"].tolist() == pytest.approx([overall, 4 / 6, 7 / 9, 41.0])
    assert found["reason"].tolist() == [
        "",
        "",
        "the variance of the effect[group=2] is undefined",
        "the observed change is within noise",
    ]
    assert (found["level"] == 0.9).all()
    for row, part in enumerate(found["part"]):
        factor = at.attribution_factor(estimate, part=part, draws=19, level=0.9)
        one = (factor.share, factor.interval.low, factor.interval.high)
        assert found.loc[row, ["share", "low", "high"]].tolist() == pytest.approx(one, nan_ok=True)
    # A part without a change has no share, and no row.
    bare = estimate.combine({"effect": {"effect": 1.0}, "effect[event=0]": {"effect": 1.0}})
    assert parts_of(bare) == ()
    assert shares(bare)["reason"].tolist() == ["the estimate has no change"]


def test_a_part_that_is_not_there_is_refused(by_cohort: Callable[..., Estimate]) -> None:
    estimate = by_cohort([6 + NOISE, 9 + NOISE], 2 + NOISE)
    with pytest.raises(MethodError, match="part is 'group=3'") as error:
        at.attribution_factor(estimate, part="group=3")
    assert error.value.remedy == "choose one of group=1, group=2"
    with pytest.raises(MethodError, match="part is 'event=0'") as error:
        at.attribution_factor(CLEAR, part="event=0")
    assert error.value.remedy == "leave part out: the estimate has no parts"
    with pytest.raises(MethodError, match="level is 95"):
        shares(CLEAR, level=95)
