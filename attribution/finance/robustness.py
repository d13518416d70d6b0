"""How strong something unmeasured would have to be to take the return to zero."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from attribution.errors import MethodError, require_type
from attribution.finance.roi import Roi, returns
from attribution.inference.unmeasured import Robustness
from attribution.numerics.partial_r2 import benchmarked

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class RoiRobustness:
    """What an unmeasured influence would have to be for the net benefit, and the ROI, to be zero.

    `value` is the share of what is left of training, and of the KPI, that it would have to explain (see `Robustness`);
    `times` how many times as strong as the strongest measured covariate it would be: 0 where the ROI is not above 0 to
    begin with, infinite where no multiple does, NaN without a covariate. `break_even` is the effect, in KPI units,
    whose benefit is the cost; NaN where none is. `reason` says why there is nothing to undo.
    """

    net_benefit: float
    break_even: float
    value: float
    times: float
    robustness: Robustness = field(repr=False)
    roi: Roi = field(repr=False)
    reason: str = ""

    def net_benefit_with(self, trained: float, outcome: float) -> float:
        """Return the net benefit with an influence of these strengths counted."""
        effect, _ = self.robustness.adjusted(trained, outcome)
        return float(self.roi.plan.attributed(effect)) - self.roi.total_cost.estimate

    def tidy(self) -> pd.DataFrame:
        """Return one row per measured covariate: `covariate, times, net_benefit, roi`.

        `times` as strong an influence takes the ROI to zero; `net_benefit` and `roi` are what one exactly as strong as
        the covariate leaves, NaN where training has no room for it.
        """
        import pandas as pd

        rows = []
        cost = self.roi.total_cost.estimate
        for one in self.robustness.benchmarks:
            times = 0.0 if self.reason else self.robustness.times(self.break_even, one.covariate)
            net = self.net_benefit_with(*map(float, benchmarked(one.strength_trained, one.strength_outcome, 1.0, 1.0)))
            rows.append((one.covariate, times, net, net / cost if cost > 0 else float("nan")))
        return pd.DataFrame(rows, columns=["covariate", "times", "net_benefit", "roi"])

    @property
    def sentence(self) -> str:
        """Say in words what would take the ROI to zero."""
        one = self.robustness.strongest
        outcome = self.robustness.outcome
        if self.reason:
            return f"{self.reason[0].upper()}{self.reason[1:]}: nothing unmeasured is needed for the ROI to be zero."
        share = f"explain {self.value:.1%} of what is left of both training and {outcome}"
        if one is None:
            return (
                f"An unmeasured influence would have to {share} to take the ROI to zero; no measured covariate says "
                "how likely that is."
            )
        if not np.isfinite(self.times):
            return (
                f"No multiple of {one.covariate}, the strongest measured covariate, would take the ROI to zero; an "
                f"unmeasured influence would have to {share}."
            )
        return (
            f"An unmeasured influence {self.times:.2g} times as strong as {one.covariate}, the strongest measured "
            f"covariate, would take the ROI to zero; without a yardstick, it would have to {share}."
        )

    def __repr__(self) -> str:
        one = self.robustness.strongest
        beside = "" if one is None else f", {self.times:.3g} × {one.covariate}"
        return f"RoiRobustness(net benefit {self.net_benefit:,.0f} {self.roi.currency}, value {self.value:.1%}{beside})"

    def _repr_html_(self) -> str:
        from attribution.core.display import table_html

        title = f"With something as strong as a covariate, in {self.roi.currency}; times: what takes the ROI to zero"
        return table_html(self.tidy(), caption=title) + f"<p>{escape(self.sentence)}</p>"


def roi_robustness(roi: Roi, robustness: Robustness) -> RoiRobustness:
    """Return how strong something unmeasured would have to be to take the ROI to zero.

    The effect is moved towards the break-even effect, as far as an influence of equal strength on training and KPI
    moves it; costs are as they stand. Raises `MethodError` where the money is that of another effect.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import attribution as at
    >>> from attribution.inference.robustness import robustness
    >>> rng = np.random.default_rng(1)
    >>> tenure = rng.normal(size=400)
    >>> trained = tenure + 3 * rng.normal(size=400) > 0
    >>> before = 10 + rng.normal(size=400)
    >>> after = before + 3 * trained + 0.5 * tenure + rng.normal(size=400)
    >>> frame = pd.DataFrame({"person": np.tile(range(400), 2), "month": np.repeat([1, 2], 400),
    ...     "sales": np.r_[before, after], "start": np.tile(np.where(trained, 2.0, np.nan), 2),
    ...     "tenure": np.tile(tenure, 2)})
    >>> panel = at.Panel.from_frame(frame, unit="person", period="month", outcome="sales", adopted="start",
    ...     covariates=["tenure"])
    >>> effect = at.did(panel, baseline=[1], followup=[2], covariates=["tenure"])
    >>> costs = at.cost_ledger([at.CostLine("license", 3_000, source="invoice")], currency="USD")
    >>> money = at.roi(at.attribution_factor(effect, draws=99, seed=1), costs=costs, value_per_unit=10)
    >>> found = roi_robustness(money, robustness(effect, panel))
    >>> round(found.break_even, 2), round(found.times, 1)
    (1.56, 4.8)

    Source: Cinelli & Hazlett (2020), section 4, with the break-even effect in place of 0.
    """
    require_type(roi, Roi, name="roi", remedy="pass what at.roi(factor, costs=…) returns")
    require_type(robustness, Robustness, name="robustness", remedy="pass what at.robustness(estimate, panel) returns")
    benefit = float(roi.plan.attributed(np.array(robustness.effect)))
    if abs(benefit - roi.attributed_benefit.estimate) > 1e-9 * max(abs(benefit), abs(roi.attributed_benefit.estimate)):
        raise MethodError(
            f"the money is of an effect that is worth {roi.attributed_benefit.estimate:,.0f}, and the effect here is "
            f"worth {benefit:,.0f}",
            where="roi_robustness",
            remedy="pass the ROI and the robustness of one estimate",
        )
    net = float(returns(np.array(benefit), np.array(roi.total_cost.estimate))[0])
    target = roi.break_even_effect.estimate
    reason = ""
    if not net > 0:
        reason = "the ROI is not above zero as it stands"
    value = 0.0 if reason else robustness.value_for(target)
    times = float("nan") if robustness.strongest is None else 0.0 if reason else robustness.times(target)
    return RoiRobustness(net, target, value, times, robustness, roi, reason)
