"""The rules of [[waiver]]: it names a rule that there is."""

from __future__ import annotations

from collections.abc import Iterator

from attribution.design.draft import Draft
from attribution.design.messages import echo, nearest
from attribution.design.review_tables import Waiver
from attribution.errors import Problem
from attribution.registry import CHECKS


def waiver_problems(draft: Draft) -> Iterator[Problem]:
    """Yield a problem for each waiver of a rule that there is not."""
    for key, waiver in draft.rows(Waiver, "rule"):
        if waiver.rule not in CHECKS:
            what = f"found {echo(waiver.rule)}, expected the id of a rule, as attribution check prints it"
            none = "name the rule that failed, without the analysis in brackets"
            yield Problem(f"{key}.rule", what, nearest(waiver.rule, CHECKS, none=none))
