"""The rehearsal: what is replayed, what it says of sound and unsound designs, and that it can be interrupted."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

import attribution as at
from attribution.core.panel import Panel
from attribution.errors import DataError, MethodError, OutputError
from attribution.registry import CHECKS
from attribution.study.rehearsal import Rehearsal
from attribution.study.rehearsal_replay import GATES
from attribution.study.rehearse import rehearse

MONTHS = [str(month) for month in pd.period_range("2024-07", periods=18, freq="M")]
AFTER = [str(month) for month in pd.period_range("2026-01", periods=3, freq="M")]
CALENDAR = {"timing.launch": AFTER[0], "timing.baseline": MONTHS[-3:], "timing.followup": AFTER, "inference.draws": 99}


def history(people: int = 40, trained: int = 16, *, seed: int = 1, months: int = 18) -> pd.DataFrame:
    """Return a KPI that nobody's training moved; `trained` are to be trained from January 2026 on."""
    rng = np.random.default_rng(seed)
    kpi = 20 + rng.normal(size=(people, 1)) + rng.normal(size=months) * 0.3 + rng.normal(size=(people, months))
    start = np.where(np.arange(people) < trained, AFTER[0], None)
    return pd.DataFrame(
        {
            "person": np.repeat([f"{number:03d}" for number in range(people)], months),
            "month": np.tile(MONTHS[-months:], people),
            "start": np.repeat(start, months),
            "sales": kpi.ravel(),
        }
    )


@pytest.fixture
def study(make_study: Callable[..., Path]) -> Callable[..., Any]:
    """Return a maker of a design with a history, random unless changed."""

    def make(frame: pd.DataFrame | None = None, **changes: Any) -> Any:
        given = {name.replace("__", "."): value for name, value in changes.items()}
        path = make_study(history() if frame is None else frame, CALENDAR | {"assignment.mechanism": "random"} | given)
        return at.load_design(path)

    return make


def values(found: Rehearsal) -> list[tuple[Any, ...]]:
    """Return the rows as tuples in which NaN equals itself."""
    return [tuple("nan" if value != value else value for value in astuple(row)) for row in found.rows]


def test_each_row_is_what_the_estimator_says_of_the_placebo_panel(study: Callable[..., Any]) -> None:
    design = study()
    found = rehearse(design, rehearsals=4, effects=[0.7], seed=11)
    assert found.effects == (0.0, 0.7)
    assert found.rehearsals == 4
    assert len(found.rows) == 8
    frame = history()
    for nothing, injected in zip(found.rows[::2], found.rows[1::2], strict=True):
        assert (nothing.injected, injected.injected) == (0.0, 0.7)
        assert (nothing.trained, nothing.control) == (16, 24)
        assert injected.estimate == pytest.approx(nothing.estimate + 0.7, abs=1e-12)
        assert injected.std_error == pytest.approx(nothing.std_error, rel=1e-12)
        assert injected.change == pytest.approx(nothing.change + 0.7, abs=1e-12)
        assert injected.share == pytest.approx(injected.estimate / injected.change, rel=1e-12)
        assert injected.verdict == ("works" if injected.low > 0 else "cannot_tell")
    # The first one by hand: the draw of its seed and number, on three months before and three from the launch on.
    first = found.rows[0]
    place = MONTHS.index(first.launch)
    rng = np.random.default_rng(np.random.SeedSequence(11, spawn_key=(0,)))
    drawn = np.argsort(-rng.logistic(size=40), kind="stable")[:16]
    frame["start"] = np.repeat(np.where(np.isin(np.arange(40), drawn), first.launch, None), 18)
    panel = Panel.from_frame(frame, unit="person", period="month", outcome="sales", adopted="start")
    estimate = at.did(panel, baseline=MONTHS[place - 3 : place], followup=MONTHS[place : place + 3])
    assert first.estimate == pytest.approx(estimate.value("effect"), rel=1e-12)
    assert (first.low, first.high) == pytest.approx((estimate.interval().low, estimate.interval().high), rel=1e-12)
    factor = at.attribution_factor(estimate, draws=99, seed=design.inference.seed)
    assert first.share_kind == factor.interval.kind
    roi = at.roi(
        factor, costs=at.cost_ledger({"license": 2000, "learner_time": 3000}, currency="USD"), value_per_unit=30
    )
    assert first.roi == pytest.approx(roi.roi.estimate, rel=1e-12)


def test_a_sound_design_stands_the_rehearsal(study: Callable[..., Any]) -> None:
    found = rehearse(study(), rehearsals=91, effects=[1.2])
    false, power = found.measure("false_claims"), found.measure("power", 1.2)
    assert found.unsound == ""
    assert abs(false.value - 0.05) < 3 * math.sqrt(0.05 * 0.95 / 91)
    assert power.value > 0.9
    assert found.measure("coverage").value == 1 - false.value
    assert found.measure("bias").value == pytest.approx(found.measure("bias", 1.2).value, abs=1e-12)
    assert abs(found.measure("bias").value) < 4 * found.measure("bias").mc_error
    assert found.measure("type_m", 1.2).value == pytest.approx(1.0, abs=0.1)
    assert found.measure("share_coverage").value == pytest.approx(0.95, abs=0.08)
    assert found.measure("roi_q50").value == pytest.approx(-1.0, abs=0.3)
    table = found.by_launch()
    assert len(table) == 13
    assert table["rehearsals"].sum() == 91
    assert table["critical_nominal"].between(1.96, 2.2).all()
    assert (table["false_claims_permuted"] <= 0.05).all()


def test_picking_the_worst_without_a_comparison_claims_success_where_there_is_none(study: Callable[..., Any]) -> None:
    frame = history(people=400, trained=0).assign(start=None)
    changes = {"timing.baseline": MONTHS[-1:], "analysis.0.method": "prepost"}
    design = study(
        frame,
        **{"assignment.mechanism": "performance", "assignment.selected_share": 0.3} | changes,
    )
    found = rehearse(design, rehearsals=60, effects=[])
    assert found.arms == (120, 280)
    # Half of a score's variance lasts here. The worst 30% of a normal score lie φ(z)/.3 = 1.159 SD below its mean, and
    # get half of that back: the rise expected from selection alone. The months' own shocks part the dates.
    picked = math.exp(-(ndtri(0.3) ** 2) / 2) / math.sqrt(2 * math.pi) / 0.3
    rise = (1 - 0.5) * picked * math.sqrt(2)
    assert found.measure("bias").value == pytest.approx(rise, abs=0.25)
    assert found.measure("success_claims").value > 0.9
    assert found.measure("claimed").value == 0.0
    assert "success could be claimed where there is no effect" in found.unsound
    assert found.gates()["gate"].tolist() == ["uncontrolled"]
    # The review says so before anybody is trained.
    status = {one.id: one.status for one in at.review(design)}
    assert status["uncontrolled"] == "fail"
    with_comparison = study(
        frame,
        **{"assignment.mechanism": "performance", "assignment.selected_share": 0.3, "timing.baseline": MONTHS[-1:]},
    )
    assert rehearse(with_comparison, rehearsals=20).unsound != ""


def test_the_same_seed_gives_the_same_rows_with_any_number_of_workers(
    study: Callable[..., Any], tmp_path: Path
) -> None:
    design = study()
    calls: list[tuple[int, int]] = []
    one = rehearse(design, rehearsals=9, effects=[0.5], progress=lambda done, total: calls.append((done, total)))
    two = rehearse(design, rehearsals=9, effects=[0.5], workers=2, store=tmp_path / "kept" / "rows.jsonl")
    assert values(one) == values(two)
    assert calls == [(done, 9) for done in range(10)]
    assert values(rehearse(design, rehearsals=9, effects=[0.5], seed=99)) != values(one)


def test_an_interrupted_rehearsal_keeps_what_it_has_and_goes_on(study: Callable[..., Any], tmp_path: Path) -> None:
    design = study()
    out = tmp_path / "out"
    store = out / "rehearsals.jsonl"
    run = [sys.executable, "-W", "error", "-c", "from attribution.cli.main import main; main()", "rehearse"]
    options = ["--rehearsals", "4000", "--effect", "0.5", "--workers", "2", "--out", str(out)]
    running = subprocess.Popen(
        [*run, str(design.source.path), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    patience = time.monotonic() + 60
    while (not store.exists() or store.read_bytes().count(b"\n") < 6) and time.monotonic() < patience:
        assert running.poll() is None, running.communicate()
        time.sleep(0.02)
    # Ctrl-C in a terminal goes to all processes of the command.
    os.killpg(running.pid, signal.SIGINT)
    printed, said = running.communicate(timeout=30)
    assert running.returncode == 130
    assert printed == ""
    assert "Traceback" not in said
    kept = store.read_bytes().count(b"\n") - 1
    # The interrupt may fall between writing a line and counting it.
    counted = re.search(r"interrupted: (\d+) of 4000 rehearsals are kept in", said)
    assert counted is not None, said
    assert kept - 1 <= int(counted[1]) <= kept
    # A line that a killed process left half written is done again.
    with store.open("ab") as file:
        file.write(b'{"number": 7, "rows": [{"num')
    done: list[int] = []
    resumed = rehearse(
        design, rehearsals=kept + 3, effects=[0.5], store=store, progress=lambda at_now, _: done.append(at_now)
    )
    assert kept - 5 < done[0] <= kept
    assert values(resumed) == values(rehearse(design, rehearsals=kept + 3, effects=[0.5]))
    lines = store.read_text(encoding="utf-8").splitlines()
    assert len({json.loads(line)["number"] for line in lines[1:]}) == len(lines) - 1


@pytest.mark.parametrize(
    ("changed", "named"),
    [({"seed": 9}, "seed"), ({"effects": [0.25]}, "effects"), ({"draws": 100}, "draws")],
    ids=["seed", "effects", "draws"],
)
def test_a_store_of_other_rehearsals_is_refused(
    study: Callable[..., Any], tmp_path: Path, changed: dict[str, Any], named: str
) -> None:
    design = study()
    store = tmp_path / "rows.jsonl"
    rehearse(design, rehearsals=1, effects=[0.5], store=store)
    before = store.read_bytes()
    with pytest.raises(OutputError, match=f"it holds rehearsals of another {named}") as caught:
        rehearse(design, rehearsals=2, store=store, **({"effects": [0.5]} | changed))
    assert "name another folder" in caught.value.remedy
    assert store.read_bytes() == before


@pytest.mark.parametrize("text", [b'{"study": 1}\n', b"hello\n", b"\xff\xfe\n", b"[1]\n"], ids=str)
def test_a_file_that_is_no_store_is_refused_and_left_as_it_is(
    study: Callable[..., Any], tmp_path: Path, text: bytes
) -> None:
    store = tmp_path / "rows.jsonl"
    store.write_bytes(text)
    with pytest.raises(OutputError, match="something else than rehearsals"):
        rehearse(study(), rehearsals=1, store=store)
    assert store.read_bytes() == text


def test_a_store_that_cannot_be_written_says_so(study: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot be kept"):
        rehearse(study(), rehearsals=1, store=tmp_path / "file" / "rows.jsonl")


def test_a_rehearsal_that_fails_is_counted_with_its_reason(study: Callable[..., Any]) -> None:
    # In some months in the middle of the history nobody is measured but two people.
    frame = history()
    frame.loc[frame["month"].between(MONTHS[8], MONTHS[13]) & (frame["person"] > "001"), "sales"] = np.nan
    undeclared = {"kpi.0.expected_effect": None, "kpi.0.effect_source": None}
    found = rehearse(study(frame, **undeclared), rehearsals=26)
    failed = found.measure("failed")
    assert failed.value == sum(found.problems.values()) > 0
    assert all("no" in reason or "clusters have" in reason for reason in found.problems)
    assert found.measure("false_claims").n == 26 - failed.value


def test_if_every_rehearsal_fails_the_first_reason_is_an_error(study: Callable[..., Any]) -> None:
    frame = history()
    frame.loc[frame["month"] < MONTHS[-1], "sales"] = np.nan
    with pytest.raises(MethodError, match="each of 3 rehearsals failed; the first: rehearsal: "):
        rehearse(study(frame), rehearsals=3)


def test_the_effect_is_the_worthwhile_one_else_the_expected_one(study: Callable[..., Any]) -> None:
    both = {"kpi.0.expected_effect": -1.5, "kpi.0.effect_source": "pilot", "kpi.0.direction": "lower"}
    found = rehearse(study(**both), rehearsals=1)
    assert found.effects == (0.0, 1.5)
    # An improvement of a KPI that is better low.
    assert [row.injected for row in found.rows] == [0.0, -1.5]
    assert rehearse(study(**both, **{"kpi.0.minimum_worthwhile_effect": 0.5}), rehearsals=1).effects == (0.0, 0.5)


def test_where_no_effect_is_declared_it_is_the_smallest_that_could_be_seen(study: Callable[..., Any]) -> None:
    undeclared = {"kpi.0.expected_effect": None, "kpi.0.effect_source": None}
    found = rehearse(study(**undeclared), rehearsals=26)
    nothing, mde = found.effects
    assert (nothing, found.injected_as[1]) == (0.0, "the smallest effect that the study could see")
    # What the formula says is seen four times in five: within three Monte Carlo errors.
    assert found.measure("power", mde).value == pytest.approx(0.8, abs=3 * math.sqrt(0.8 * 0.2 / 26))


def test_who_is_trained_may_stand_in_the_design_alone(study: Callable[..., Any]) -> None:
    frame = history().assign(start=None)
    with pytest.raises(DataError, match="nothing says who is to be trained"):
        rehearse(study(frame), rehearsals=1)
    planned = {"power.trained_clusters": 5, "power.control_clusters": 9}
    assert rehearse(study(frame, **planned), rehearsals=1).arms == (5, 9)


def test_waves_of_the_plan_are_rehearsed(study: Callable[..., Any]) -> None:
    frame = history()
    frame.loc[frame["person"] < "008", "start"] = AFTER[1]
    found = rehearse(study(frame, **{"analysis.0.method": "staggered"}), rehearsals=3)
    assert found.arms == (16, 24)
    assert not found.problems


def test_a_cohort_is_made_anew_on_each_placebo_panel(study: Callable[..., Any]) -> None:
    frame = history()
    frame["tenure"] = np.repeat(np.linspace(1, 30, 40), 18)
    found = rehearse(
        study(
            frame,
            **{"columns.covariates": ["tenure"], "cohort": {"method": "nearest", "covariates": ["tenure"]}},
        ),
        rehearsals=3,
    )
    assert not found.problems
    assert len({row.estimate for row in found.rows}) == len(found.rows)


def test_after_the_launch_the_history_ends_with_it(study: Callable[..., Any]) -> None:
    after = history().assign(month=np.tile(MONTHS, 40))
    extra = after[after["month"].isin(MONTHS[:3])].assign(month=np.tile(AFTER, 40), sales=1e6)
    found = rehearse(study(pd.concat([after, extra], ignore_index=True)), rehearsals=13)
    assert max(found.launches) < AFTER[0]
    assert max(abs(row.estimate) for row in found.rows) < 100
    assert values(found) == values(rehearse(study(history()), rehearsals=13))


def test_anticipation_is_no_history(study: Callable[..., Any]) -> None:
    baseline = {"timing.baseline": MONTHS[-5:-2], "timing.anticipation": 2}
    found = rehearse(study(**baseline), rehearsals=20)
    # 16 months of history, a plan of 3 + 2 + 3: nine dates, the last launch on the 14th month.
    assert len(found.launches) == 9
    assert max(found.launches) == MONTHS[13]


@pytest.mark.parametrize(
    "options",
    [{"rehearsals": 0}, {"rehearsals": 2.5}, {"workers": 0}, {"seed": -1}, {"draws": 0}, {"effects": [math.inf]}],
    ids=str,
)
def test_unusable_options_are_refused(study: Callable[..., Any], options: dict[str, Any]) -> None:
    with pytest.raises(MethodError) as caught:
        rehearse(study(), **options)
    assert caught.value.remedy


def test_an_analysis_that_is_not_there_is_refused(study: Callable[..., Any]) -> None:
    with pytest.raises(MethodError, match="there is no analysis 'other'"):
        rehearse(study(), analysis="other")


def test_without_a_data_file_there_is_nothing_to_rehearse_on(make_study: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="there are no data to rehearse on"):
        rehearse(at.load_design(make_study(None)))


def test_the_gates_are_rules_of_the_registry() -> None:
    assert set(GATES) < set(CHECKS)


def test_a_rehearsal_shows_itself(study: Callable[..., Any]) -> None:
    found = rehearse(study(**{"kpi.0.label": "Sales <b>"}), rehearsals=2, effects=[])
    assert repr(found).startswith("Rehearsal('sales-2026', 'primary': 2 placebo launches")
    assert "<table>" in found._repr_html_()
    assert list(found.tidy()["number"]) == [0, 1]
    assert list(found.summary().columns) == ["injected", "measure", "value", "mc_error", "n", "words"]


def test_another_analysis_is_judged_by_the_same_gates(study: Callable[..., Any]) -> None:
    design = study(**{"analysis.1": {"id": "alone", "method": "prepost", "role": "reference"}})
    found = rehearse(design, analysis="alone", rehearsals=2)
    assert found.analysis == "alone"
    assert not found.compared
    assert math.isnan(found.rows[0].share)
    assert list(found.gates()["gate"]) == []
    picked = study(
        **{
            "analysis.1": {"id": "alone", "method": "prepost", "role": "reference"},
            "assignment.mechanism": "performance",
        }
    )
    assert list(rehearse(picked, analysis="alone", rehearsals=2).gates()["gate"].unique()) == ["uncontrolled"]
