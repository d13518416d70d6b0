"""Who a synthetic site is made of, and what it finds where nobody was trained: records for the reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attribution.core.arms import Controls
from attribution.core.panel import Panel
from attribution.estimators.sites.fit import Fitted, fit_sites, placebo_replicates
from attribution.numerics.synthetic import EFFECT, Kind

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticWeights:
    """The weights of donors and of baseline periods behind an estimate of `synthetic`, and the two paths.

    `donor_weights` and `baseline_weights` sum to 1. `trained[n_periods]` is the mean of the trained sites in each of
    `periods`, baseline first; `mix[n_periods]` that of the weighted donors, moved to the level of the trained for
    `did`, so that trained − mix is the effect of each period. `error` is the root mean squared gap in the baseline (for
    `did`: about its mean), `spread` the SD of the donors in a baseline period (for `did`: of their moves). `zeta` is
    the ridge of the donors' weights, in KPI units.
    """

    outcome: str
    kind: Kind
    sites: tuple[str, ...]
    donors: tuple[str, ...]
    donor_weights: Floats = field(repr=False)
    baseline_weights: Floats = field(repr=False)
    periods: tuple[str, ...]
    trained: Floats = field(repr=False)
    mix: Floats = field(repr=False)
    error: float
    spread: float
    zeta: float

    @property
    def effective_donors(self) -> float:
        """Kish's number of donors, 1/Σω²: how many donors of equal weight the mix is worth."""
        return 1.0 / float(self.donor_weights @ self.donor_weights)

    @property
    def largest(self) -> tuple[str, float]:
        """The donor of the largest weight, and that weight."""
        place = int(np.argmax(self.donor_weights))
        return self.donors[place], float(self.donor_weights[place])

    def tidy(self) -> pd.DataFrame:
        """Return one row per donor, largest weight first, then per baseline period: `role, label, weight`."""
        import pandas as pd

        order = np.argsort(-self.donor_weights, kind="stable")
        rows = [("donor", self.donors[place], float(self.donor_weights[place])) for place in order]
        rows += [
            ("baseline", label, float(weight))
            for label, weight in zip(self.periods, self.baseline_weights, strict=False)
        ]
        return pd.DataFrame(rows, columns=["role", "label", "weight"])

    def paths(self) -> pd.DataFrame:
        """Return one row per period: `period, trained, mix, effect`; `effect` is trained − mix."""
        import pandas as pd

        return pd.DataFrame(
            {"period": self.periods, "trained": self.trained, "mix": self.mix, "effect": self.trained - self.mix}
        )

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        weights = self.tidy()
        return table_html(weights[weights["weight"] > 0], caption=f"{self.kind}: the mix behind {self.outcome}")


def synthetic_weights(
    panel: Panel,
    *,
    baseline: Sequence[Any],
    followup: Sequence[Any],
    kind: Kind = "did",
    controls: Controls = "not_yet",
) -> SyntheticWeights:
    """Return the weights behind `synthetic` with the same options: of donors and of baseline periods.

    Raises as `synthetic` does.

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> moves = {"trained": 3, "still": 0, "fast": 6}
    >>> rows = [(site, t, moves[site] * t, 4 if site == "trained" else None) for site in moves for t in range(6)]
    >>> frame = pd.DataFrame(rows, columns=["site", "month", "sales", "start"])
    >>> panel = at.Panel.from_frame(frame, unit="site", period="month", outcome="sales", adopted="start")
    >>> found = synthetic_weights(panel, baseline=[0, 1, 2, 3], followup=[4, 5], kind="control")
    >>> found.tidy().head(2).round(3).values.tolist()
    [['donor', 'fast', 0.5], ['donor', 'still', 0.5]]

    Source: Arkhangelsky et al. (2021), Algorithm 1; Abadie, Diamond & Hainmueller (2010), without covariates.
    """
    fitted = fit_sites(panel, baseline=baseline, followup=followup, kind=kind, controls=controls)
    return weights_of(panel, fitted)


def weights_of(panel: Panel, fitted: Fitted) -> SyntheticWeights:
    """Return the weights of a fit that is already there."""
    sites = fitted.sites
    labels = _labels(panel, fitted)
    trained = sites.center + fitted.path
    return SyntheticWeights(
        outcome=panel.columns.outcome,
        kind=fitted.kind,
        sites=labels[: sites.n_trained],
        donors=labels[sites.n_trained :],
        donor_weights=fitted.fit.unit,
        baseline_weights=fitted.fit.baseline,
        periods=tuple(panel.periods.text(int(code)) for code in sites.codes),
        trained=trained,
        mix=trained - fitted.curve,
        error=fitted.error,
        spread=fitted.spread,
        zeta=fitted.fit.zeta,
    )


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticPlacebos:
    """Donors taken as trained: the effect that is found where there is none.

    `sets` are the labels of each set of donors, `effects[n_sets]` what it finds, `statistic[n_sets]` what sets are
    ranked by: for `control` the error after training over that before, for `did` the size of the effect; `own` is that
    of the trained. `p_value` is the share of sets, the trained among them, at least as extreme. `drawn` says that
    there are more sets than these.
    """

    outcome: str
    kind: Kind
    effect: float
    own: float
    sets: tuple[tuple[str, ...], ...] = field(repr=False)
    effects: Floats = field(repr=False)
    statistic: Floats = field(repr=False)
    rank: int
    p_value: float
    drawn: bool

    def tidy(self) -> pd.DataFrame:
        """Return one row for the trained, then one per set: `who, effect, statistic`."""
        import pandas as pd

        rows = [("trained", self.effect, self.own)]
        named = [", ".join(one) for one in self.sets]
        rows += list(zip(named, self.effects.tolist(), self.statistic.tolist(), strict=True))
        return pd.DataFrame(rows, columns=["who", "effect", "statistic"])

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        caption = f"{self.kind}: donors taken as trained, {self.outcome}; rank {self.rank}, p = {self.p_value:.3g}"
        return table_html(self.tidy(), caption=caption)


def synthetic_placebos(
    panel: Panel,
    *,
    baseline: Sequence[Any],
    followup: Sequence[Any],
    kind: Kind = "did",
    controls: Controls = "not_yet",
    placebos: int = 500,
    seed: int = 0,
) -> SyntheticPlacebos:
    """Take donors as trained, and return what is found where there is nothing to find, with the permutation p-value.

    As many donors at a time as there are trained sites; every set of them where there are at most `placebos`, else
    that many drawn with `seed`. Raises as `synthetic` does, and `MethodError` where no donor would be left.

    Examples
    --------
    >>> import pandas as pd
    >>> import attribution as at
    >>> rows = [(s, t, s * t % 7 + 9 * (s == 0 and t > 3), 4 if s == 0 else None) for s in range(9) for t in range(6)]
    >>> frame = pd.DataFrame(rows, columns=["site", "month", "sales", "start"])
    >>> panel = at.Panel.from_frame(frame, unit="site", period="month", outcome="sales", adopted="start")
    >>> found = synthetic_placebos(panel, baseline=[0, 1, 2, 3], followup=[4, 5])
    >>> found.rank, len(found.sets), round(found.p_value, 3)
    (1, 8, 0.111)

    Source: Abadie, Diamond & Hainmueller (2010), section 3.4; Arkhangelsky et al. (2021), Algorithm 4.
    """
    fitted = fit_sites(panel, baseline=baseline, followup=followup, kind=kind, controls=controls)
    found = placebo_replicates(fitted, placebos=placebos, seed=seed)
    labels = _labels(panel, fitted)[fitted.sites.n_trained :]
    return SyntheticPlacebos(
        outcome=panel.columns.outcome,
        kind=kind,
        effect=float(fitted.values[EFFECT]),
        own=found.own,
        sets=tuple(tuple(labels[place] for place in one) for one in found.sets),
        effects=found.values[:, EFFECT],
        statistic=found.statistic,
        rank=found.rank,
        p_value=found.p_value,
        drawn=found.drawn,
    )


def _labels(panel: Panel, fitted: Fitted) -> tuple[str, ...]:
    return tuple(str(panel.units.cluster_labels[code]) for code in fitted.sites.cluster)
