"""attribution plan: what it prints, what it writes, how it ends."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.unit.cli.ran import Ran

ROLLOUT = Path(__file__).resolve().parents[3] / "designs" / "support-rollout.toml"


@pytest.fixture
def plan(attribution: Callable[..., Ran]) -> Callable[..., Ran]:
    """Return the command on the simulated company, run in an empty current folder."""
    return partial(attribution, "plan", ROLLOUT)


def test_calendars_are_printed_and_the_draw_is_written_once(plan: Callable[..., Ran], tmp_path: Path) -> None:
    asked = ["--capacity", "16", "--periods", "3", "--first", "T07, T09", "--together", "T01+T02", "--holdback", "6"]
    found = plan(*asked, "--out", "draw.csv")
    assert (found.code, found.err) == (0, "")
    assert "40 teams, at most 16 in a month" in found.out
    assert "\n> " in found.out
    assert "6 never" in found.out
    assert "2 of the teams go first by choice: they fill the first period" in found.out
    rows = (tmp_path / "draw.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == "team,units,stratum,wave,start,randomised"
    assert len(rows) == 41
    assert sum(row.endswith("2024-09,False") for row in rows) == 2
    again = plan(*asked, "--out", "draw.csv")
    assert again.code == 2
    assert "not written over" in again.err


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["--capacity", "2"], "capacity 2 × 16 periods = 32 < 40 teams"),
        (["--capacity", "20", "--periods", "2", "--out", "draw.txt"], "written as .csv"),
    ],
)
def test_what_cannot_be_planned_writes_nothing(
    asked: list[str], says: str, plan: Callable[..., Ran], tmp_path: Path
) -> None:
    found = plan(*asked)
    assert found.code == 2
    assert says in found.err
    assert list(tmp_path.iterdir()) == []
