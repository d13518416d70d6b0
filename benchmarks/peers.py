"""Time our estimators beside other packages, on the same rows, and write the table.

Run by `make bench`, with the other packages in an environment of their own (`make bench-peers`). This process imports
the standard library only: the peak memory of a child counts from that of its parent.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

from contest import OURS, TASKS, Outcome, Task, compare, make_data, run

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
UNITS = (10_000, 100_000)
FASTER, FASTER_WITH_READING = 3.0, 1.5

HOW_TO_READ = """\
All read the same rows, in random order, 24 months a person: adoption by teams of ten in four cohorts of 15%, 40%
never, three covariates that move the trend and adoption (`synthetic.py`). Seconds are the median of three runs after
a warm-up in a process of its own for each package, with {threads} threads and {limit:g} s for the four runs together.
What a package wants the columns to look like is prepared outside the clock; reading a frame into a `Panel` is ours to
pay and is shown apart. Peak memory is the largest resident memory of that process over the four runs. Options are
those under which the packages estimate the same thing (never-trained controls, varying base period, no trimming that
bites); each was given the faster of its own ways to do it, and draws once, for the bands by event time, where it lets
the user choose."""


def table(task: Task, cluster: str, n_units: int, outcomes: list[Outcome]) -> tuple[list[str], bool]:
    """Return a section of the page, and whether ours is as fast and as small as we ask, with numbers that agree."""
    against = compare(task, outcomes)
    ours = next((one for one in outcomes if one.contestant == OURS and one.steps and not one.failure), None)
    lines = [
        f"### {n_units:,} people, clusters: {cluster}",
        "",
        "| package | seconds | × ours from a panel | × ours with `from_frame` | peak MB | of which data and imports "
        "| overall ATT (SE) | effect at event 0 (SE) | numbers agree |",
        "|---|---:|---:|---:|---:|---:|---|---|---|",
    ]
    for one in outcomes:
        lines.append("| " + " | ".join(_row(one, ours, against)) + " |")
    lines += ["", _verdict(outcomes, ours), ""]
    passed = ours is not None and _meets(outcomes, ours) and not any(one.disagreement for one in outcomes)
    return lines, passed


def _row(one: Outcome, ours: Outcome | None, against: str) -> list[str]:
    name = f"{one.label} {next(iter(one.versions.values()), '')}".strip()
    if not one.steps:
        return [name, f"no result: {one.failure}", "", "", "", "", "", "", ""]
    seconds = f"{one.work:.3g}"
    if "panel" in one.steps:
        seconds = f"{one.work:.3g} from a panel, {one.total:.3g} with `from_frame`"
    if one.runs < 3:
        seconds += f" ({'one run, no warm-up' if one.runs < 1 else f'median of {one.runs}'}; {one.failure})"
    ratios = ["", ""]
    if ours is not None and one is not ours:
        ratios = [f"{one.total / ours.work:.1f}", f"{one.total / ours.total:.1f}"]
    agrees = f"**NO**: {one.disagreement}" if one.disagreement else "yes"
    if one.label == against:
        agrees = "compared with"
    numbers = [
        f"{one.answers[key][0]:.4f} ({one.answers[key][1]:.4f})" if key in one.answers else ""
        for key in ("overall", "event=0")
    ]
    return [name, seconds, *ratios, f"{one.peak:,.0f}", f"{one.loaded:,.0f}", *numbers, agrees]


def _fastest(outcomes: list[Outcome]) -> Outcome | None:
    peers = [one for one in outcomes if one.contestant != OURS and one.steps and not one.disagreement]
    return min(peers, key=lambda one: one.total, default=None)


def _meets(outcomes: list[Outcome], ours: Outcome) -> bool:
    fastest = _fastest(outcomes)
    if fastest is None:
        return False
    faster = fastest.total >= FASTER * ours.work and fastest.total >= FASTER_WITH_READING * ours.total
    return faster and ours.peak <= fastest.peak


def _verdict(outcomes: list[Outcome], ours: Outcome | None) -> str:
    fastest = _fastest(outcomes)
    if ours is None:
        return f"attribution has no result. {'**MISSED**' if fastest else ''}".strip()
    if fastest is None:
        return "No other package has a result."
    return (
        f"Beside {fastest.label}, the fastest other one: {fastest.total / ours.work:.1f} × as fast from a panel "
        f"(asked: {FASTER:g}), {fastest.total / ours.total:.1f} × with `from_frame` (asked: {FASTER_WITH_READING:g}), "
        f"{ours.peak:,.0f} MB of its {fastest.peak:,.0f} MB (asked: no more): "
        f"{'met' if _meets(outcomes, ours) else '**MISSED**'}."
    )


def head(threads: int, limit: float, load: float) -> list[str]:
    """Return the top of the page: what was run where, and how to read it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return [
        "# Beside other packages",
        "",
        f"Written by `make bench` on {time.strftime('%Y-%m-%d')}: {os.cpu_count()} cores ({platform.machine()}), "
        f"{memory:.0f} GB of memory, {platform.system()}, Python {platform.python_version()}; load at the start "
        f"{load:.1f}. Do not edit.",
        "",
        HOW_TO_READ.format(threads=threads, limit=limit),
        "",
        "“Numbers agree” compares every event time with the first package that has a result; the limits are in "
        "`contest.py`, the reason stands above each table.",
        "",
    ]


def versions(outcomes: list[Outcome]) -> list[str]:
    """Return the versions that took part, and of numpy and pandas in both environments."""
    lines = ["## Versions", ""]
    for ours in (True, False):
        found: dict[str, str] = {}
        for one in outcomes:
            if (one.contestant == OURS) == ours:
                found |= one.versions
        if found:
            lines.append(f"- {'ours' if ours else 'others'}: " + ", ".join(f"{name} {v}" for name, v in found.items()))
    return [*lines, ""]


def updated(page: str, sections: dict[tuple[str, str], list[str]]) -> str:
    """Return the page with some sections measured again, by task and by the heading of the section; each says so."""
    lines, task, skipping = [], "", False
    for line in page.split("\n"):
        if line.startswith("#"):
            skipping = False
        if line.startswith("## "):
            task = line.removeprefix("## ")
        again = sections.get((task, line)) if line.startswith("### ") else None
        if again is not None:
            skipping = True
            lines += [*again, f"Measured again, alone, on {time.strftime('%Y-%m-%d')}.", ""]
        elif not skipping:
            lines.append(line)
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=Path, default=ROOT / ".venv-peers", help="the other packages' environment")
    parser.add_argument("--units", type=int, nargs="+", default=list(UNITS))
    parser.add_argument("--tasks", nargs="+", default=[task.name for task in TASKS], choices=[t.name for t in TASKS])
    parser.add_argument("--only", nargs="+", help="contestants, e.g. attribution diff_diff")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=float, default=600.0, help="seconds for one contestant's four runs")
    parser.add_argument("--update", action="store_true", help="put what is run into RESULTS.md, which is there already")
    parser.add_argument("--out", type=Path, help="where to write; RESULTS.md if everything is run, else nowhere")
    asked = parser.parse_args()
    others = asked.peers / "bin" / "python"
    if not others.exists():
        print(f"peers: {asked.peers.name} is missing; `make bench-peers` makes it, then run `make bench` again")
        return 0

    whole = asked.units == list(UNITS) and len(asked.tasks) == len(TASKS) and not asked.only
    page = head(asked.threads, asked.limit, os.getloadavg()[0])
    seen: list[Outcome] = []
    sections: dict[tuple[str, str], list[str]] = {}
    passed = True
    with tempfile.TemporaryDirectory() as folder:
        files = {n_units: Path(folder, f"{n_units}.npz") for n_units in asked.units}
        for n_units, path in files.items():
            make_data(Path(sys.executable), path, n_units)
        for task in (task for task in TASKS if task.name in asked.tasks):
            page += [f"## {task.title}", "", f"Agreement: {task.agreement}.", ""]
            for n_units, path in files.items():
                for cluster in task.clusters:
                    outcomes = []
                    for name in (name for name in task.contestants if not asked.only or name in asked.only):
                        python = Path(sys.executable) if name == OURS else others
                        print(f"{task.name}, {n_units:,} people, {cluster}: {name} …", file=sys.stderr, flush=True)
                        outcomes.append(
                            run(name, python, task, cluster, path, limit=asked.limit, threads=asked.threads)
                        )
                    lines, met = table(task, cluster, n_units, outcomes)
                    page, passed = page + lines, passed and met
                    seen += outcomes
                    sections[task.title, lines[0]] = lines
                    print("\n".join(lines), flush=True)
    page += versions(seen)
    out = asked.out or (RESULTS if whole else None)
    if asked.update:
        RESULTS.write_text(updated(RESULTS.read_text(encoding="utf-8"), sections), encoding="utf-8")
        print(f"updated: {RESULTS.name}")
    elif out is not None:
        out.write_text("\n".join(page), encoding="utf-8")
        print(f"written: {out.name}")
    else:
        print("\n".join(versions(seen)))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
