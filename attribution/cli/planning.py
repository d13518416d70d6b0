"""The command that plans a rollout: calendars by what each lets the study see, and the draw of the teams."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attribution.cli.shared import Design, say, shown

MOST_SHOWN = 6


def plan(
    design: Design,
    capacity: Annotated[int, typer.Option(min=1, help="How many teams can start in one period.", show_default=False)],
    periods: Annotated[
        int | None, typer.Option(min=1, help="Periods from the launch in which teams may start.", show_default=False)
    ] = None,
    first: Annotated[str, typer.Option(help="Teams that must go first, with commas between them.")] = "",
    together: Annotated[
        list[str] | None,
        typer.Option(help="Teams that start together, as A+B; may be given several times.", show_default=False),
    ] = None,
    holdback: Annotated[int, typer.Option(min=0, help="How many teams are not trained at all.")] = 0,
    by: Annotated[
        str | None, typer.Option(help="A column of groups within which the draw is balanced.", show_default=False)
    ] = None,
    teams: Annotated[
        Path | None, typer.Option(help="A CSV file of the teams: team, units.", show_default=False)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="The seed; that of the design unless given.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option(help="The CSV file of the assignment.")] = Path("assignment.csv"),
) -> None:
    """Plan a rollout: the calendar that sees the smallest effect, and a random draw of who starts when."""
    from attribution.design.load import load_design
    from attribution.report.rollout_write import write_rollout
    from attribution.study.rollout import plan_rollout

    study = load_design(design)
    found = plan_rollout(
        study,
        capacity=capacity,
        periods=periods,
        first=[name.strip() for name in first.split(",") if name.strip()],
        together=[[name.strip() for name in group.split("+")] for group in together or ()],
        holdback=holdback,
        by=by,
        teams=teams,
        seed=seed,
    )
    written = write_rollout(found, out, design_digest=study.source.digest)
    chosen, unit = found.chosen, found.kpi.unit
    say(f"{study.study.title}: {len(found.teams)} teams, at most {capacity} in a {study.timing.period}\n")
    for number, one in enumerate(found.calendars[:MOST_SHOWN]):
        mark = ">" if number == 0 else " "
        starts = ", ".join(
            f"{count} in {found.labels[start]}" for start, count in zip(one.starts, one.counts, strict=True)
        )
        held = f", {one.holdback} never" if one.holdback else ""
        seen = one.mde.reason or f"{one.mde.mde:.3g} {unit}"
        say(f"{mark} {one.name}: {starts}{held}\n      MDE {seen}" + "".join(f"; {it}" for it in one.mde.caveats))
    if len(found.calendars) > MOST_SHOWN:
        say(f"  and {len(found.calendars) - MOST_SHOWN} more, in {shown(written[1])}")
    say(f"\nDrawn for the first, {chosen.name}, with seed {found.seed}.")
    say(f"With the teams' own sizes: MDE {found.drawn.mde:.3g} {unit}.")
    for note in found.notes:
        say(f"  {note}")
    say(f"\nassignment: {shown(written[0])}\nrecord:     {shown(written[1])}")
