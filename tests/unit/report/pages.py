"""What a reader reads of a page."""

from __future__ import annotations

import html
import re


def text_of(page: str) -> str:
    """Return a page without its style and its tags."""
    without = re.sub(r"<style.*?</style>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", without)))
