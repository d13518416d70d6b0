"""What each primary analysis of a design could see, from the design alone or with the history that is there."""

from __future__ import annotations

from collections.abc import Mapping

from attribution.design.schema import StudyDesign
from attribution.planning.records import DesignPower
from attribution.study.link import Linked


def powers_of(design: StudyDesign, linked: Linked | None, *, replications: int = 0) -> Mapping[str, DesignPower]:
    """Return what each primary analysis could see, by its id; without data (`linked` None) from [power] alone."""
    return {}
