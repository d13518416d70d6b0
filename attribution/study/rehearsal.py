"""The record of a rehearsal: every placebo launch, what they say together, and whether the design stands."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from attribution.core.panel import Direction
from attribution.errors import MethodError
from attribution.study.rehearsal_rows import Rehearsed
from attribution.study.rehearsal_summary import Measure, by_launch, columns_of, measures, money_measures

if TYPE_CHECKING:
    import pandas as pd

ERRORS = 3.0
"""Monte Carlo errors above the nominal rate at which claims that are false are more than chance."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Rehearsal:
    """Placebo launches of a study, replayed: one row for each and each injected effect.

    `effects` are the injected ones in KPI units, as improvements, 0 first. `trained` and `control` are the clusters of
    a placebo launch, `launches` the dates that were tried, `notes` what is not as planned. Rates have Monte Carlo
    errors over draws on this one history: they say how well the number of rehearsals fixes a rate, not how the rate
    would differ in another history.
    """

    study: str
    analysis: str
    method: str
    label: str
    unit: str
    direction: Direction
    level: float
    seed: int
    effects: tuple[float, ...]
    injected_as: tuple[str, ...]
    mechanism: str
    notes: tuple[str, ...]
    rows: tuple[Rehearsed, ...] = field(repr=False)

    @property
    def rehearsals(self) -> int:
        """The number of placebo launches."""
        return len({row.number for row in self.rows})

    @property
    def launches(self) -> tuple[str, ...]:
        """The dates of the fake launches."""
        return tuple(dict.fromkeys(row.launch for row in self.rows if row.launch))

    @property
    def arms(self) -> tuple[int, int]:
        """How many clusters were taken for trained and for their comparison, in the first rehearsal that says so."""
        return next(((row.trained, row.control) for row in self.rows if row.trained), (0, 0))

    @property
    def compared(self) -> bool:
        """Say whether the analysis compares with anybody: without, it shows the observed change alone."""
        return all(row.term == "effect" for row in self.rows if not row.problem)

    @property
    def problems(self) -> dict[str, int]:
        """Why rehearsals have no estimate, with how many of them, whatever was injected."""
        # One row for each injected effect: a launch that fails with all of them fails once.
        failed = {(row.problem, row.number): None for row in self.rows if row.problem}
        return dict(Counter(problem for problem, _ in failed))

    def tidy(self) -> pd.DataFrame:
        """Return one row per rehearsal and injected effect, in KPI units, not signed as improvement."""
        import pandas as pd

        frame = pd.DataFrame([asdict(row) for row in self.rows])
        return frame.assign(gates=[", ".join(row.gates) for row in self.rows])

    def measures(self, effect: float) -> list[Measure]:
        """Return every measure of one injected effect, given as an improvement."""
        mine = [row for row in self.rows if row.injected == self._signed(effect)]
        changes: dict[str, list[float]] = {}
        for row in self.rows:
            if row.injected == 0 and not math.isnan(row.change):
                changes.setdefault(row.launch, []).append(row.change)
        background = {launch: float(np.mean(each)) for launch, each in changes.items()}
        return [*measures(columns_of(mine, self._signed(effect), self.direction, background)), *money_measures(mine)]

    def measure(self, name: str, effect: float = 0.0) -> Measure:
        """Return one measure by its name; raises `MethodError` for one that the injected effect does not have."""
        found = {one.name: one for one in self.measures(effect)}
        if name not in found:
            raise MethodError(f"there is no {name!r}", where="measure", remedy=f"choose one of {', '.join(found)}")
        return found[name]

    def _signed(self, effect: float) -> float:
        """Return an improvement as it was injected."""
        return (effect if self.direction == "higher" else -effect) + 0.0

    def summary(self) -> pd.DataFrame:
        """Return one row per injected effect and measure: `injected, measure, value, mc_error, n, words`.

        `injected` is an improvement in KPI units; `mc_error` is NaN where it is undefined, `n` counts the rehearsals
        that the measure is over.
        """
        import pandas as pd

        rows = [
            (effect, one.name, one.value, one.mc_error, one.n, one.words)
            for effect in self.effects
            for one in self.measures(effect)
        ]
        return pd.DataFrame(rows, columns=["injected", "measure", "value", "mc_error", "n", "words"])

    def by_launch(self) -> pd.DataFrame:
        """Return for each fake date, without an effect, how large |t| is over re-drawn assignments, and should be.

        `critical_permuted` is the quantile of |t| at the level, `critical_nominal` the critical value that the analysis
        uses, `false_claims` how often |t| exceeds that, `false_claims_permuted` how often a p value by the rank of |t|
        among the re-drawn ones would be small, by construction.
        """
        return by_launch(self.rows, self.level)

    def gates(self) -> pd.DataFrame:
        """Return how often each gate failed, by injected effect: `injected, gate, failed, n`."""
        import pandas as pd

        rows = []
        for effect in self.effects:
            mine = [row for row in self.rows if row.injected == self._signed(effect) and not row.problem]
            for gate in dict.fromkeys(gate for row in mine for gate in row.gates):
                rows.append((effect, gate, sum(gate in row.gates for row in mine), len(mine)))
        return pd.DataFrame(rows, columns=["injected", "gate", "failed", "n"])

    @property
    def unsound(self) -> str:
        """Why the design does not stand, in words; empty where false claims are no more than chance.

        Without an effect an interval at the level leaves out 0 at a rate of 1 − level, half of it on the side of an
        improvement. A rate that is more than three Monte Carlo errors above is not chance. Without a comparison only
        the latter is judged: the KPI may well change by itself, and nobody would claim a decline.
        """
        nominal = 1 - self.level
        judged = [("success_claims", nominal / 2, "success could be claimed where there is no effect")]
        if self.compared:
            judged.insert(0, ("false_claims", nominal, "an effect is found where there is none"))
        for name, expected, words in judged:
            one = self.measure(name)
            if one.n and one.value > expected + ERRORS * math.sqrt(expected * (1 - expected) / one.n):
                return f"{words} in {one.value:.1%} of {one.n} rehearsals, and {100 * expected:.3g}% would be chance"
        return ""

    def __repr__(self) -> str:
        one = self.measure("false_claims")
        return (
            f"Rehearsal({self.study!r}, {self.analysis!r}: {self.rehearsals} placebo launches, false claims "
            f"{one.value:.1%} (Monte Carlo error {one.mc_error:.1%}))"
        )

    def _repr_html_(self) -> str:
        from html import escape

        from attribution.core.display import table_html

        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return table_html(self.summary(), caption=repr(self)) + (f"<ul>{notes}</ul>" if notes else "")
