"""The tables beside the figures over time, with their paths in `results.json`."""

from __future__ import annotations

import math

from attribution.core.estimate import Estimate
from attribution.inference.sensitivity import TrendSensitivity
from attribution.report.cells import Cell, Columns, Table, decimals_of, fixed, headings, numeric
from attribution.report.events import EventRow, share_words
from attribution.report.format import MINUS, level_text
from attribution.report.projection import Projection


def events_table(estimate: Estimate, rows: tuple[EventRow, ...], period: str, level: float) -> Table:
    """Return effect, change and share by time since training began: what the page says of each period."""
    decimals = decimals_of([row.effect for row in rows] + [row.low for row in rows])
    lines = []
    for index, row in enumerate(rows):
        base = f"events.{index}"
        absent = "not counted" if row.event < 0 else "not estimated"
        values = (("effect", row.effect), ("low", row.low), ("high", row.high))
        cells = [numeric(fixed(value, decimals), f"{base}.{key}") for key, value in values]
        changed = numeric(fixed(row.change, decimals), f"{base}.change") if math.isfinite(row.change) else Cell(absent)
        share, interval = share_words(row)
        cells += [changed, numeric(share if math.isfinite(row.change) else absent, f"{base}.share" if interval else "")]
        lines.append((Cell(str(row.event).replace("-", MINUS), kind="head"), *cells, Cell(interval)))
    names = (f"{period}s since training began", "effect", "from", "to", "change", "share", "share’s set")
    what = "log change" if estimate.scale == "log" else "change"
    caption = f"Effect and share of the {what} by time since training began, {level_text(level)} intervals"
    return Table(caption, headings(names, first="words"), tuple(lines))


def projection_table(found: Projection, level: float) -> Table:
    """Return what was observed and what was projected, period by period."""
    decimals = decimals_of([float(one) for one in found.observed])
    lines = []
    numbers = {"observed": found.observed, "projected": found.projected, "low": found.low, "high": found.high}
    for index, period in enumerate(found.periods):
        cells = []
        for key, values in numbers.items():
            shown = fixed(float(values[index]), decimals)
            cells.append(numeric(shown, f"projection.{index}.{key}") if math.isfinite(values[index]) else Cell("none"))
        lines.append((Cell(period, kind="head"), *cells))
    names = ("period", "observed", "trend of before", "from", "to")
    caption = f"Observed, and the trend of before carried on, with its {level_text(level)} band"
    return Table(caption, headings(names, first="words"), tuple(lines))


def sensitivity_table(tested: TrendSensitivity) -> Table:
    """Return the interval of the effect by how far trends may part."""
    ends = [end for one in tested.intervals for end in (one.low, one.high)]
    decimals, lines = decimals_of(ends), []
    for index, (size, one) in enumerate(zip(tested.magnitudes, tested.intervals, strict=True)):
        base = f"trends.robust.{index}"
        cells = [numeric(fixed(one.low, decimals), f"{base}.low"), numeric(fixed(one.high, decimals), f"{base}.high")]
        told = Cell("no" if 0.0 in one else "yes", kind="words")
        lines.append((Cell(f"{size:.3g} times", kind="head"), *cells, told))
    columns: Columns = (*headings(("trends part by", "from", "to"), first="words"), ("told from 0", "words"))
    caption = (
        f"The {level_text(tested.level)} interval by how far trends may part, in multiples of the largest step between "
        "periods before the start"
    )
    return Table(caption, columns, tuple(lines))
