"""What a command left behind: its exit code, and what it printed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ran:
    code: object
    out: str
    err: str
