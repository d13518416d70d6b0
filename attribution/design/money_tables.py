"""The tables of money: what a KPI is worth, what the program cost, currency and rates."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Field

from attribution.design.fields import Currency, Id, NotNegative, Positive, Text
from attribution.design.table import Table, one_of

Category: TypeAlias = Literal[
    "license",
    "implementation",
    "content",
    "integration",
    "manager_time",
    "learner_time",
    "ai_usage",
    "evaluation",
]


class Valuation(Table):
    """What a KPI is worth to a trained unit in a period."""

    model_config = ConfigDict(json_schema_extra=one_of("value_per_unit", "value_of_untrained_level"))

    kpi: Id
    """the id of its KPI; may be left out where there is one"""
    value_per_unit: Positive | None = None
    """the money of one KPI unit, per trained unit and period (linear scale)"""
    value_of_untrained_level: Positive | None = None
    """the money of the whole untrained level, per trained unit and period (log scale)"""
    source: Text | None = None
    """where the value comes from; required unless illustrative"""
    approver: Text | None = None
    """who in finance approved it; required unless illustrative"""
    illustrative: bool = False
    """true where nobody vouches for the value"""


class Cost(Table):
    """One cost of the program, for all trained units."""

    category: Category
    """license, implementation, content, integration, manager_time, learner_time, ai_usage or evaluation"""
    amount: NotNegative
    """the money for all trained units; 0 needs a reason"""
    low: NotNegative | None = None
    """the lower end where the amount is uncertain"""
    high: NotNegative | None = None
    """the upper end where the amount is uncertain"""
    source: Text | None = None
    """where the amount comes from; required above 0 unless illustrative"""
    reason: Text | None = None
    """why there is no such cost; required for 0"""
    illustrative: bool = False
    """true where nobody vouches for the amount"""


class Finance(Table):
    """Currency, horizon and rates."""

    currency: Currency
    """the currency, such as USD"""
    horizon: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """the number of periods that benefits are counted for"""
    hurdle: Annotated[float, Field(gt=-1)] = 0.0
    """the ROI that has to be exceeded"""
    discount_rate: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """the discount rate a year"""
