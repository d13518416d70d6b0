"""What every record of `results.json` is, and how it is made from numbers that may not be finite."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A record of the file: no unknown fields, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


R = TypeVar("R", bound=Record)


def or_null(value: float) -> float | None:
    """Return a number, None where it is not finite."""
    return float(value) if math.isfinite(value) else None


def record_from(kind: type[R], values: Mapping[str, Any]) -> R:
    """Return a record of values that bear its fields' names, numbers that are not finite as null."""
    return kind.model_validate(
        {name: or_null(value) if isinstance(value, float) else value for name, value in values.items()}
    )
