"""The measures of a rehearsal on rows written by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from attribution.errors import MethodError
from attribution.study.rehearsal import Rehearsal
from attribution.study.rehearsal_rows import Rehearsed, line_of, rows_of
from attribution.study.rehearsal_summary import by_launch, rate


def row(number: int, injected: float, estimate: float, *, half: float = 1.0, **more: object) -> Rehearsed:
    made = Rehearsed(
        number, "2025-01", injected, 5, 7, "effect", estimate, half / 2, 20.0, estimate - half, estimate + half
    )
    return replace(made, change=estimate + 3.0, share=estimate / (estimate + 3.0), share_kind="bounded", **more)


def rehearsal(rows: list[Rehearsed], effects: tuple[float, ...], direction: str = "higher") -> Rehearsal:
    return Rehearsal(
        study="s", analysis="primary", method="did", label="Sales", unit="orders", direction=direction,
        level=0.95, seed=1, effects=effects, injected_as=("no effect", "as asked for")[: len(effects)],
        mechanism="random", notes=(), rows=tuple(rows),
    )  # fmt: skip


def test_rates_and_errors_of_sign_and_size() -> None:
    estimates = [2.5, 1.5, 0.5, -1.5, 4.0]
    rows = [row(number, 2.0, estimate) for number, estimate in enumerate(estimates)]
    found = rehearsal(rows, (2.0,))
    value = {one.name: one.value for one in found.measures(2.0)}
    assert value["power"] == pytest.approx(4 / 5)
    assert value["success_claims"] == pytest.approx(3 / 5)
    assert value["type_s"] == pytest.approx(1 / 4)
    assert value["type_m"] == pytest.approx(np.mean([2.5, 1.5, 1.5, 4.0]) / 2)
    assert value["bias"] == pytest.approx(np.mean(estimates) - 2)
    assert value["rmse"] == pytest.approx(np.sqrt(np.mean((np.array(estimates) - 2) ** 2)))
    assert value["coverage"] == pytest.approx(2 / 5)
    bias = found.measure("bias", 2.0)
    assert bias.mc_error == pytest.approx(np.std(estimates, ddof=1) / math.sqrt(5))


def test_improvement_of_a_kpi_that_is_better_low_is_a_fall() -> None:
    rows = [row(number, -2.0, estimate) for number, estimate in enumerate([-2.5, -1.5, 1.5])]
    value = {one.name: one.value for one in rehearsal(rows, (2.0,), "lower").measures(2.0)}
    assert value["success_claims"] == pytest.approx(2 / 3)
    assert value["type_s"] == pytest.approx(1 / 3)
    assert value["bias"] == pytest.approx((2.5 + 1.5 - 1.5) / 3 - 2)


def test_the_true_share_is_of_the_background_that_the_launch_has_without_an_effect() -> None:
    # Without an effect the drawn change by 1 and 3: a background of 2. Two of two and two injected: a share of 1/2.
    rows = [replace(row(0, 0.0, 0.0), change=1.0), replace(row(1, 0.0, 0.0), change=3.0)]
    sets = [
        ("bounded", 0.4, 0.6), ("bounded", 0.6, 0.9), ("bounded", -0.9, -0.1), ("unbounded", math.nan, math.nan),
        ("disjoint", 0.1, 0.4), ("disjoint", 0.1, 0.6), ("undefined", math.nan, math.nan),
    ]  # fmt: skip
    for number, (kind, low, high) in enumerate(sets):
        one = row(number, 2.0, 2.0)
        rows.append(
            replace(
                one,
                share=(low + high) / 2 if kind == "bounded" else 0.5,
                share_kind=kind,
                share_low=low,
                share_high=high,
            )
        )
    value = {one.name: one for one in rehearsal(rows, (0.0, 2.0)).measures(2.0)}
    assert value["share_not_estimable"].value == pytest.approx(4 / 7)
    # Held by the first, by the whole line and by the first disjoint set, whose gap ends below a half.
    assert value["share_coverage"].value == pytest.approx(3 / 7)
    assert value["share_coverage_quoted"].value == pytest.approx(1 / 3)
    assert value["share_type_s"].value == pytest.approx(1 / 3)
    assert value["share_type_m"].value == pytest.approx(1.0)
    assert value["share_bias"].value == pytest.approx(0.0)


def test_rows_without_an_estimate_are_counted_and_enter_nothing_else() -> None:
    rows = [row(0, 0.0, 2.0), Rehearsed(1, "2025-01", 0.0, problem="nobody")]
    value = {one.name: one for one in rehearsal(rows, (0.0,)).measures(0.0)}
    assert value["failed"].value == 1
    assert (value["false_claims"].value, value["false_claims"].n) == (1.0, 1)
    assert rehearsal(rows, (0.0,)).problems == {"nobody": 1}


def test_a_launch_that_fails_with_every_effect_fails_once() -> None:
    lost = [Rehearsed(1, "2025-01", effect, problem="nobody") for effect in (0.0, 2.0)]
    found = rehearsal([row(0, 0.0, 2.0), row(0, 2.0, 4.0), *lost], (0.0, 2.0))
    assert found.problems == {"nobody": 1}
    assert [found.measure("failed", effect).value for effect in (0.0, 2.0)] == [1, 1]


def test_a_measure_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(MethodError, match="there is no 'type_m'") as caught:
        rehearsal([row(0, 0.0, 2.0)], (0.0,)).measure("type_m")
    assert "false_claims" in caught.value.remedy


def test_a_claim_needs_the_verdict_and_every_gate() -> None:
    rows = [
        row(0, 0.0, 2.0, verdict="works"),
        row(1, 0.0, 2.0, verdict="works", gates=("overlap",)),
        row(2, 0.0, 0.0, verdict="cannot_tell"),
    ]
    found = rehearsal(rows, (0.0,))
    assert found.measure("works").value == pytest.approx(2 / 3)
    assert found.measure("claimed").value == pytest.approx(1 / 3)
    assert found.gates().to_dict("records") == [{"injected": 0.0, "gate": "overlap", "failed": 1, "n": 3}]


def test_the_returns_are_quantiles_of_the_reported_ones() -> None:
    rows = [row(number, 0.0, 0.0, roi=float(number - 10), roi_low=float(number - 15)) for number in range(20)]
    value = {one.name: one.value for one in rehearsal(rows, (0.0,)).measures(0.0)}
    assert value["roi_q50"] == -1.0
    assert value["roi_q05"] == -10.0
    assert value["roi_positive"] == pytest.approx(9 / 20)
    assert value["roi_told_positive"] == pytest.approx(4 / 20)


def test_a_design_is_unsound_beyond_three_errors_and_not_before() -> None:
    # 400 rows: .05 and three errors of .0109 are .0827, 33 of 400.
    for many, unsound in ((33, False), (34, True)):
        rows = [row(number, 0.0, -2.0 if number < many else 0.0) for number in range(400)]
        assert bool(rehearsal(rows, (0.0,)).unsound) is unsound
    # Half the level, and three errors of .0078, are .0484 on the side of an improvement: 19 of 400.
    for many, unsound in ((19, False), (20, True)):
        rows = [row(number, 0.0, 2.0 if number < many else 0.0) for number in range(400)]
        assert bool(rehearsal(rows, (0.0,)).unsound) is unsound


def test_without_a_comparison_a_decline_is_no_claim() -> None:
    declined = [replace(row(number, 0.0, -5.0), term="change") for number in range(50)]
    assert rehearsal(declined, (0.0,)).unsound == ""
    rose = [replace(row(number, 0.0, 5.0), term="change") for number in range(50)]
    assert "success could be claimed" in rehearsal(rose, (0.0,)).unsound


def test_the_benchmark_is_the_rank_among_redrawn_assignments() -> None:
    # |t| of 1, 2, … 40 at one date.
    rows = [row(number, 0.0, 0.5 * (number + 1)) for number in range(40)]
    (one,) = by_launch(rows, 0.95).to_dict("records")
    assert one["critical_permuted"] == 38.0
    assert one["critical_nominal"] == pytest.approx(2.0859634472658626)  # t(20), R: qt(.975, 20)
    assert one["false_claims"] == pytest.approx(38 / 40)
    assert one["false_claims_permuted"] == pytest.approx(2 / 40)


def test_a_rate_of_0_has_an_error_too() -> None:
    one = rate("x", np.zeros(96, dtype=bool), "")
    assert (one.value, one.n) == (0.0, 96)
    assert one.mc_error == pytest.approx(math.sqrt(0.02 * 0.98 / 96))
    assert math.isnan(rate("x", np.zeros(0, dtype=bool), "").value)


def test_a_row_survives_its_line() -> None:
    kept = row(3, 0.1 + 0.2, 1 / 3, gates=("a", "b"), roi=math.inf, verdict="works")
    (back,) = rows_of(line_of([kept]))
    assert (back.injected, back.estimate, back.gates, back.roi, back.number) == (
        0.1 + 0.2,
        1 / 3,
        ("a", "b"),
        math.inf,
        3,
    )
    assert math.isnan(back.share_low)
