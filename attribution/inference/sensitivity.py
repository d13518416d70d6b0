"""How far trends may part from parallel before the effect is no longer told from 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal

import numpy as np

from attribution.core.estimate import Estimate
from attribution.core.interval import Interval
from attribution.errors import MethodError
from attribution.inference.event_path import EventPath, event_path
from attribution.numerics.honest import Ends, EventStudy, breakdown, original
from attribution.numerics.honest_relative import holds_zero, mean_zero_draws, relative
from attribution.numerics.honest_smooth import fixed_length, frontier, pre_bend

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["relative", "smoothness"]
Target = Literal["first", "average"] | int

METHODS = {"relative": "C-LF", "smoothness": "FLCI"}
SMALL_DF = 30


@dataclass(frozen=True, slots=True, eq=False)
class TrendSensitivity:
    """Robust intervals of an effect by the size of the violation of parallel trends that is allowed for.

    `kind` says what a magnitude is: `relative`, a multiple of the largest step between neighbouring pre periods;
    `smoothness`, the most a trend may bend from one period to the next, in KPI units. `breakdown` is the magnitude
    from which on the interval holds 0: 0 where it does so from the start, infinite where it never does.
    """

    outcome: str
    kind: Kind
    target: str
    level: float
    estimate: float
    std_error: float
    original: Interval
    magnitudes: tuple[float, ...]
    intervals: tuple[Interval, ...]
    breakdown: float
    path: EventPath
    notes: tuple[str, ...] = ()

    def tidy(self) -> pd.DataFrame:
        """Return a row for the original interval (magnitude NaN), then one per magnitude.

        Columns: `method, magnitude, estimate, low, high, excludes_zero, level`.
        """
        import pandas as pd

        rows = []
        for magnitude, one in zip((float("nan"), *self.magnitudes), (self.original, *self.intervals), strict=True):
            rows.append((one.method, magnitude, self.estimate, one.low, one.high, 0.0 not in one, one.level))
        columns = ["method", "magnitude", "estimate", "low", "high", "excludes_zero", "level"]
        return pd.DataFrame(rows, columns=columns)

    @property
    def sentence(self) -> str:
        """Say the breakdown value in words."""
        what = f"the {self.target} on {self.outcome}"
        if self.kind == "relative":
            size = f"{self.breakdown:.2g} times the largest step between neighbouring periods before the start"
            allowed, none = f"trends part by no more than {size} in any period", "no violation at all"
        else:
            allowed = f"the difference in trends bends by no more than {self.breakdown:.3g} from one period to the next"
            none = "a straight difference in trends"
        if self.breakdown == 0:
            return f"With {none}, the {self.level:.0%} interval of {what} holds 0 already."
        if np.isinf(self.breakdown):
            return f"The {self.level:.0%} interval of {what} excludes 0 whatever the violation that was tried."
        return f"The {self.level:.0%} interval of {what} excludes 0 as long as {allowed}."

    def __repr__(self) -> str:
        return (
            f"TrendSensitivity({self.kind!r}, {self.target}: {self.estimate:.5g} {self.original}; "
            f"breakdown {self.breakdown:.4g})"
        )

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        notes = "".join(f"<li>{escape(note)}</li>" for note in (self.sentence, *self.notes))
        return table_html(self.tidy(), caption=f"{self.target} on {self.outcome}: {self.kind}") + f"<ul>{notes}</ul>"


def trend_sensitivity(
    estimate: Estimate,
    *,
    kind: Kind = "relative",
    magnitudes: Sequence[float] | None = None,
    level: float = 0.95,
    target: Target = "first",
    window: tuple[int, int] | None = None,
    reference: int | None = None,
    seed: int = 0,
) -> TrendSensitivity:
    """Return intervals of an effect that hold under stated violations of parallel trends, and the breakdown value.

    `estimate` is an event study: terms `effect[event=e]` around one reference period, whose δ_e, the difference in
    trends, is unknown. `kind="relative"`: no step of δ after the start is more than `magnitude` times the largest step
    before it, in absolute size. `kind="smoothness"`: δ bends by at most `magnitude` KPI units from one period to the
    next, so that 0 carries the pre-trend forward as a straight line. `target` is the effect of the `first` period, the
    `average` of all periods from the start on, or one event time; `window` the first and last event used; `reference`
    the event all are measured from, unless it is to be seen (0 without a variance, or −1 and absent).

    Magnitudes unless given: 0, 0.5, 1, 1.5, 2; or five steps up to an upper bound of the pre periods' own bend.
    `seed` makes the least-favourable critical values, by simulation, the same each time. Critical values are normal.

    Raises `MethodError` where there is no pre period, a gap or no reference among the events, or a covariance that is
    undefined or singular, and for magnitudes below 0.

    Examples
    --------
    >>> import attribution as at
    >>> frame = at.dataset("jobtraining")
    >>> panel = at.Panel.from_frame(frame, unit="fcode", period="year", outcome="lscrap", trained="grant")
    >>> found = trend_sensitivity(at.event_study(panel), kind="smoothness", magnitudes=[0, 0.1])
    >>> found.tidy()[["method", "magnitude", "low", "high"]].round(2).values.tolist()
    [['original', nan, -0.56, 0.02], ['FLCI', 0.0, -0.32, 0.22], ['FLCI', 0.1, -0.38, 0.28]]
    >>> found.breakdown
    0.0

    Source: Rambachan & Roth (2023), A more credible approach to parallel trends, Rev. Econ. Stud. 90, the sets Δ^RM(M̄)
    with conditional least-favourable hybrid intervals and Δ^SD(M) with fixed-length intervals.
    """
    where = "trend_sensitivity"
    if kind not in METHODS:
        raise MethodError(f"kind is {kind!r}", where=where, remedy="choose 'relative' or 'smoothness'")
    if not 0 < level < 1:
        raise MethodError(f"level is {level!r}", where=where, remedy="give a level between 0 and 1")
    path = event_path(estimate, window, reference, where=where)
    weights, words = _target(path, target, where)
    study = EventStudy(path.beta, path.sigma, len(path.pre), weights)
    ends, zero, scale = _intervals(study, kind, level, seed)
    sizes = _magnitudes(magnitudes, kind, study, level, where)
    intervals = tuple(Interval(*ends(size), level, "bounded", METHODS[kind]) for size in sizes)
    return TrendSensitivity(
        outcome=estimate.outcome,
        kind=kind,
        target=words,
        level=level,
        estimate=study.value,
        std_error=study.std_error,
        original=Interval(*original(study, level), level, "bounded", "original"),
        magnitudes=sizes,
        intervals=intervals,
        breakdown=breakdown(zero, scale),
        path=path,
        notes=_notes(estimate, path, weights),
    )


def _intervals(
    study: EventStudy, kind: Kind, level: float, seed: int
) -> tuple[Callable[[float], Ends], Callable[[float], bool], float]:
    """Return the interval of a magnitude, whether it holds 0, and a magnitude to start from."""
    if kind == "relative":
        draws = mean_zero_draws(study, seed)
        return (
            lambda size: relative(study, size, level, draws),
            lambda size: holds_zero(study, size, level, draws),
            1.0,
        )
    path = frontier(study)

    def inside(size: float) -> bool:
        low, high = fixed_length(path, size, level)
        return low <= 0 <= high

    return lambda size: fixed_length(path, size, level), inside, study.std_error


def _target(path: EventPath, target: Target, where: str) -> tuple[np.ndarray, str]:
    """Return the weights on the post periods, and what they are in words."""
    after = [event for event in path.post if event >= 0]
    if target == "average":
        chosen, words = after, f"average effect of events {after[0]} to {after[-1]}" if after else ""
    else:
        wanted = 0 if target == "first" else target
        chosen, words = [event for event in path.post if event == wanted], f"effect of event {wanted}"
    if not chosen:
        raise MethodError(
            f"there is no event for the target {target!r}",
            where=where,
            remedy=f"choose 'first', 'average', or one of the events {', '.join(map(str, path.post))}",
        )
    return np.isin(path.post, chosen) / len(chosen), words


def _magnitudes(
    given: Sequence[float] | None, kind: Kind, study: EventStudy, level: float, where: str
) -> tuple[float, ...]:
    if given is None:
        steps = np.linspace(0, 2, 5) if kind == "relative" else np.linspace(0, pre_bend(study, level), 5)
        return tuple(float(step) for step in steps)
    sizes = tuple(sorted({float(one) for one in given}))
    if not sizes or not all(0 <= size < np.inf for size in sizes):
        raise MethodError(
            f"magnitudes are {list(given)!r}", where=where, remedy="give at least one number, each 0 or above"
        )
    return sizes


def _notes(estimate: Estimate, path: EventPath, weights: np.ndarray) -> tuple[str, ...]:
    notes = []
    parts = {f"effect[event={event}]": float(one) for event, one in zip(path.post, weights, strict=True)}
    df = estimate.contrast(parts).df
    if df < SMALL_DF:
        notes.append(
            f"critical values are normal although the estimate has {df:.3g} degrees of freedom: the intervals are "
            "somewhat short"
        )
    if len(path.pre) < 2:
        notes.append(
            "one pre-period beside the reference: the largest step before the start rests on a single difference"
        )
    return tuple(notes)
