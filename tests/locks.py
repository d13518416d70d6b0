"""Locks as somebody might write them who knows how: the digests belong to what they hold."""

from __future__ import annotations

import hashlib
from typing import Any

from attribution.study.lock import digest_of


def resigned(document: dict[str, Any]) -> dict[str, Any]:
    """Return a lock whose digests were all computed anew."""
    before = None
    for entry in (document["frozen"], *document["amendments"]):
        if before is not None:
            entry["before"] = before
        entry["design_digest"] = hashlib.sha256(entry["design_text"].encode()).hexdigest()
        entry["digest"] = before = digest_of(entry)
    return document
