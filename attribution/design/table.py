"""What every table of the design file is: frozen, strict, unknown keys refused."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table of the design file: frozen, strict, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def one_of(*names: str) -> dict[str, Any]:
    """Return the part of a JSON Schema that asks for exactly one of some keys."""
    return {"oneOf": [{"required": [name]} for name in names]}
