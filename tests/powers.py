"""What a study could see, with numbers that a test states; every number differs from every other."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import stdtr

from attribution.planning.records import DesignPower, Fix, Mde, Noise, Plan, PlannedCohort

MONTHS = tuple(f"{2025 + place // 12}-{place % 12 + 1:02d}" for place in range(36))


def mde_of(seen: float, *, df: float = 58.0, **changes: Any) -> Mde:
    """Return a smallest effect with a power curve that is 80% there (a normal shape is enough for a page)."""
    effects = np.linspace(0.0, 3 * seen, 61)
    scale = seen / 2.84
    powers = stdtr(df, effects / scale - 2.0) + stdtr(df, -effects / scale - 2.0)
    powers = powers * 0.8 / float(np.interp(seen, effects, powers))
    stated = {"mde": seen, "std_error": scale, "df": df, "level": 0.95, "power": 0.8, "how": "analytic"}
    return Mde(**(stated | {"effects": effects, "powers": np.minimum(powers, 1.0)} | changes))


def plan_of(waves: int = 1, *, clusters: int = 24, control: int = 36, size: float = 1.0, span: int = 7) -> Plan:
    """Return a plan over months in which as many clusters start in each of some waves, from the fourth month on."""
    starts = [PlannedCohort(3 + wave, np.full(clusters, size)) for wave in range(waves)]
    never = [PlannedCohort(None, np.full(control, size))] if control else []
    return Plan(
        "did",
        {},
        (*starts, *never),
        (0, 1, 2),
        tuple(range(3, span)),
        MONTHS[10 : 10 + span],
        "the adoption column of the data",
    )


def power_of(mde: float = 0.51, **changes: Any) -> DesignPower:
    """Return what a study could see: 0.51 of the 0.6 that is expected; it pays from 0.37 on."""
    plan = changes.pop("plan", plan_of())
    noise = Noise(
        np.full((plan.span, plan.span), 0.2) + 0.3 * np.eye(plan.span),
        0.7 * np.eye(plan.span),
        20.4,
        "the data before the launch",
        ("the KPI varies after the launch as before it",),
    )
    fixes = (
        Fix("more_untrained", "24 more people untrained", plan, mde_of(0.43), True, 6400.0, "250 for each"),
        Fix("longer", "2 more months of follow-up", plan, mde_of(0.62), False, None, "the design does not say"),
    )
    stated: dict[str, Any] = {
        "analysis": "primary",
        "kpi": "sales",
        "unit": "orders",
        "direction": "higher",
        "scale": "linear",
        "plan": plan,
        "noise": noise,
        "analytic": mde_of(mde),
        "simulated": None,
        "expected": 0.6,
        "worthwhile": None,
        "break_even": 0.37,
        "currency": "USD",
        "benefit_at_mde": 21_500.0,
        "total_cost": 5200.0,
        "fixes": fixes,
        "notes": ("the benefit is that of 24 people over 4 months",),
    }
    return DesignPower(**(stated | changes))
