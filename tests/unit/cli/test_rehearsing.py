"""attribution rehearse: what it prints, what it writes, how it ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from attribution.cli import main as cli
from tests.studies import MONTHS

HISTORY = {
    "assignment.mechanism": "random",
    "timing.launch": "2026-06",
    "timing.baseline": [*MONTHS[-2:]],
    "timing.followup": ["2026-06", "2026-07"],
    "inference.draws": 99,
}


@pytest.fixture
def rehearse(
    make_study: Callable[..., Path],
    sales: Callable[..., pd.DataFrame],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str, str]]:
    """Return the command on a history without an effect: exit code, what it prints, what it says on the side."""

    def command(*arguments: str, **changes: object) -> tuple[int, str, str]:
        frame = sales(effect=0.0, trend=0.0, noise=1.0).assign(
            start=lambda one: one["start"].replace("2026-02", "2026-06")
        )
        design = make_study(frame, HISTORY | {name.replace("__", "."): value for name, value in changes.items()})
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["attribution", "rehearse", str(design), *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        shown = capsys.readouterr()
        return int(caught.value.code or 0), shown.out, shown.err

    return command


def test_a_rehearsal_says_what_it_found_and_writes_it(
    rehearse: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    code, printed, aside = rehearse("--rehearsals", "12", "--effect", "1", "--effect", "2")
    assert (code, aside) == (0, "")
    assert "12 placebo launches of primary (did)" in printed
    assert "24 clusters taken for trained, 36 for their comparison" in printed
    assert "No effect injected" in printed
    assert "An improvement of 2 orders injected (as asked for)" in printed
    assert "the design stands the rehearsal (exit 0)" in printed
    folder = tmp_path / "runs" / "sales-2026" / "rehearsal"
    assert sorted(path.name for path in folder.iterdir()) == ["rehearsals.jsonl", "summary.csv", "summary.json"]
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["sound"] is True
    assert summary["rehearsals"] == 12
    table = pd.read_csv(folder / "summary.csv")
    assert sorted(table["injected"].unique()) == [0.0, 1.0, 2.0]
    false = table[(table["injected"] == 0) & (table["measure"] == "false_claims")].iloc[0]
    (same,) = (one for one in summary["measures"] if one["measure"] == "false_claims")
    assert same["value"] == false["value"]
    assert f"  an effect is found where there is none {' ' * 19}" in printed
    assert len((folder / "rehearsals.jsonl").read_text(encoding="utf-8").splitlines()) == 13


def test_an_unsound_design_ends_with_3(rehearse: Callable[..., tuple[int, str, str]]) -> None:
    code, printed, _ = rehearse(
        "--rehearsals", "20", analysis__0__method="prepost", assignment__mechanism="performance",
        assignment__selected_share=0.2, timing__baseline=["2026-05"], timing__followup=["2026-06"],
    )  # fmt: skip
    assert code == 3
    assert "The design does not stand the rehearsal: success could be claimed where there is no effect" in printed


def test_unusable_input_ends_with_2_and_writes_nothing(
    rehearse: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    code, _, aside = rehearse("--rehearsals", "2", "--analysis", "other")
    assert code == 2
    assert "there is no analysis 'other'" in aside
    assert not (tmp_path / "runs").exists()


def test_an_interrupt_says_what_is_kept(
    rehearse: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from attribution.study import rehearsal_workers

    def stop(script: object, number: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rehearsal_workers, "rehearse_number", stop)
    code, printed, aside = rehearse("--rehearsals", "5")
    assert (code, printed) == (130, "")
    assert "interrupted: 0 of 5 rehearsals are kept in runs/sales-2026/rehearsal/rehearsals.jsonl" in aside
