"""The panel: who was observed, when, with which KPI, and when each unit was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from attribution.core.cohort import Cohort
from attribution.core.periods import Periods
from attribution.errors import DataError, require_type

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["panel", "repeated_cross_sections", "cross_section", "series"]
Direction = Literal["higher", "lower"]
Scale = Literal["linear", "log"]

NEVER = int(np.iinfo(np.int32).max)
"""The adoption code of a unit that is never trained: later than every period."""


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """One row per unit, in the order of the labels.

    `adopted` is the code of the first period at or after adoption: 0 for adoption in or before the first
    period, the number of periods for adoption after the last one, `NEVER` for never. `cluster` are codes into
    `cluster_labels`; `covariates` are values fixed before adoption.
    """

    label: pd.Index
    adopted: NDArray[np.int32]
    cluster: NDArray[np.int32]
    cluster_labels: pd.Index
    weight: NDArray[np.float64]
    assigned: NDArray[np.float64] | None = None
    groups: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)
    covariates: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.label)


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Rows sorted by (unit, period): codes and the KPI, NaN where the row has no value."""

    unit: NDArray[np.int32]
    period: NDArray[np.int16]
    outcome: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.unit)


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The names the data came with, so that messages and reports speak the user's words."""

    unit: str
    period: str
    outcome: str
    adopted: str | None = None
    trained: str | None = None
    cluster: str | None = None
    weight: str | None = None
    assigned: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PanelCounts:
    """What was read: rows, units, missing KPI values, absent rows, and how never-trained was written.

    `adopted_unrecorded` are units whose adoption is a period that the data do not hold, between two that they do: they
    count as adopting in the next one.
    """

    rows: int
    units: int
    rows_missing_outcome: int
    units_without_outcome: int
    rows_absent: int
    never_read_as: Mapping[str, int] = field(default_factory=dict)
    covariates_missing: Mapping[str, int] = field(default_factory=dict)
    switched_off: int = 0
    adopted_unrecorded: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Units, their observations over time, and when each was trained; build it with `Panel.from_frame`."""

    units: Units
    observations: Observations
    periods: Periods
    columns: Columns
    kind: Kind
    direction: Direction
    scale: Scale
    counts: PanelCounts
    cohort: Cohort | None = None

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        unit: str | None = None,
        period: str | None = None,
        outcome: str,
        adopted: str | None = None,
        trained: str | None = None,
        cluster: str | None = None,
        weight: str | None = None,
        assigned: str | None = None,
        covariates: Sequence[str] = (),
        groups: Sequence[str] = (),
        direction: Direction = "higher",
        scale: Scale = "linear",
        kind: Kind = "panel",
    ) -> Panel:
        """Build a panel from a data frame (pandas, polars or Arrow), one row per unit and period.

        `kind` is `"panel"`: the same units over periods; `"repeated_cross_sections"`: other people in every period, so
        that each row is a unit, `adopted` is when the row's group was trained, and `unit` may be left out (where it is
        given, it is the cluster unless `cluster` is); `"cross_section"`: one row per unit, the KPI measured once, after
        the training, no `period`, `trained` 0 or 1; or `"series"`: one aggregate KPI, one row per period.

        `unit` holds text or integer ids; `period` integers, dates, Periods or text such as 2026Q1 or 2026-01;
        `outcome` the KPI, missing where it was not measured. Give `adopted`, the first period of training (missing,
        inf or, with positive periods, 0 for never), or `trained`, 0 or 1 in each period. `cluster` is what training
        was assigned by, the unit unless given; covariates are taken from the unit's first value before adoption. A
        missing KPI value or an absent row drops nobody. Raises `DataError` for missing columns, duplicate rows of a
        unit and period, adoption, cluster or weight that varies within a unit, and a KPI that is not numeric or is
        infinite, each with counts, an example and the remedy; `MethodError` for options that do not go together.

        Examples
        --------
        >>> import pandas as pd
        >>> import attribution as at
        >>> frame = pd.DataFrame({"rep": ["a", "a", "b", "b"], "month": ["2026-01", "2026-02"] * 2,
        ...     "sales": [3.0, 5.0, 4.0, 4.0], "start": ["2026-02", "2026-02", None, None]})
        >>> at.Panel.from_frame(frame, unit="rep", period="month", outcome="sales", adopted="start")
        Panel('sales': 2 units, 4 rows, periods 2026-01 to 2026-02)
        """
        from attribution.core.frame import panel_from_frame

        return panel_from_frame(
            frame,
            unit=unit,
            period=period,
            outcome=outcome,
            adopted=adopted,
            trained=trained,
            cluster=cluster,
            weight=weight,
            assigned=assigned,
            covariates=covariates,
            groups=groups,
            direction=direction,
            scale=scale,
            kind=kind,
        )

    def with_cohort(self, cohort: Cohort) -> Panel:
        """Return the panel with a cohort: whom the comparison consists of, and with which weights.

        Raises `DataError` if the cohort's weights are not one per unit, or it has for trained whom this panel has not:
        it is of other people.
        """
        require_type(cohort, Cohort, name="cohort", remedy="pass a Cohort with one weight per unit")
        cohort.require_units(len(self.units))
        if cohort.arms is not None:
            strangers = (cohort.arms == 1) & (self.units.adopted == NEVER)
            if strangers.any():
                first = self.units.label[int(strangers.argmax())]
                raise DataError(
                    f"{int(strangers.sum()):,} of its {int((cohort.arms == 1).sum()):,} trained never were trained in "
                    f"this panel; for example, {self.columns.unit or 'row'} {first}",
                    where=f"cohort {cohort.method}",
                    remedy="build the cohort from the same panel it is attached to",
                )
        return replace(self, cohort=cohort)

    @property
    def weights(self) -> NDArray[np.float64]:
        """Unit weight times cohort weight, one per unit; 0 for a unit that does not take part."""
        if self.cohort is None:
            return self.units.weight
        return np.asarray(self.units.weight * self.cohort.weights)

    def tidy(self) -> pd.DataFrame:
        """Return one row per adoption period: units, clusters, rows, and rows without a KPI value."""
        import pandas as pd

        units, observations = self.units, self.observations
        missing = np.isnan(observations.outcome)
        adopted = units.adopted[observations.unit]
        rows = []
        for code in np.unique(units.adopted):
            inside = units.adopted == code
            if code == NEVER:
                label = "never"
            elif code >= len(self.periods):
                label = "after the last period"
            else:
                label = self.periods.text(int(code))
            rows.append(
                {
                    "adopted": label,
                    "units": int(inside.sum()),
                    "clusters": len(np.unique(units.cluster[inside])),
                    "rows": int((adopted == code).sum()),
                    "rows_missing_outcome": int((missing & (adopted == code)).sum()),
                }
            )
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        periods = self.periods
        if self.kind == "cross_section":
            trained = int((self.units.adopted == 0).sum())
            return f"Panel({self.columns.outcome!r}: {len(self.units):,} units measured once, {trained:,} trained)"
        return (
            f"Panel({self.columns.outcome!r}: {len(self.units):,} units, {len(self.observations):,} rows, "
            f"periods {periods.text(0)} to {periods.text(len(periods) - 1)})"
        )

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        return f"<p><strong>{escape(repr(self))}</strong></p>" + table_html(self.tidy())
