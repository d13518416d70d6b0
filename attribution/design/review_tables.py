"""The tables of the review before launch: what is planned and assumed for its power, and gates that are waived."""

from __future__ import annotations

import datetime
from typing import Annotated

from pydantic import Field

from attribution.design.fields import Id, NotNegative, Positive, Share, Text, Window
from attribution.design.table import Table

Clusters = Annotated[int, Field(ge=1, le=10_000_000)]


class PowerTable(Table):
    """What the power of the study is judged with: who is planned, how much the KPI varies, and what more would cost.

    What the data before the launch show (arms that are already known, variances, levels) comes from them; a key stated
    here stands where they are silent, and in a file without data.
    """

    power: Annotated[float, Field(gt=0.5, lt=1)] = 0.8
    """the chance to see an effect that is there, by which the smallest effect that can be seen is judged"""
    trained_clusters: Clusters | None = None
    """the number of clusters of assignment (teams, sites; persons where these are assigned) that will be trained"""
    control_clusters: Clusters | None = None
    """the number of clusters that will not be trained by the end of the follow-up"""
    cluster_size: Annotated[float, Field(ge=1)] | None = None
    """the mean number of units in a cluster"""
    waves: Window | None = None
    """the periods in which training starts, where it is rolled out; the trained clusters are spread evenly over them"""
    sd: Positive | None = None
    """the standard deviation of the KPI between units in one period"""
    icc: Share | None = None
    """the share of that variance that lies between clusters (intra-cluster correlation)"""
    autocorrelation: Annotated[float, Field(ge=0, lt=1)] | None = None
    """the correlation of a unit's KPI from one period to the next"""
    baseline_level: float | None = None
    """the mean of the KPI before the training"""
    source: Text | None = None
    """where these numbers come from"""
    cost_per_trained_cluster: NotNegative | None = None
    """the money that training one more cluster costs"""
    cost_per_control_cluster: NotNegative | None = None
    """the money that following one more untrained cluster costs"""
    cost_per_period: NotNegative | None = None
    """the money that one more period of follow-up costs"""


class Waiver(Table):
    """A gate that fails and is accepted all the same: by whom, why, and until when. It prints with every claim."""

    rule: Id
    """the id of the rule, as the review prints it"""
    reason: Text
    """why the claim may be made all the same"""
    name: Text
    """who takes responsibility for it"""
    expires: datetime.date
    """the last day on which it holds, without quotes"""
