"""How records show themselves in a notebook: one small table, everything escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def text(value: Any) -> str:
    """Return a cell as text: four significant digits, a true minus, a dash for what is not there."""
    if value is None:
        return "–"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (float, np.floating)):
        return _number(float(value))
    return str(value)


def _number(value: float) -> str:
    if np.isnan(value):
        return "–"
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    return (f"{value:,.4g}" if abs(value) < 1e6 else f"{value:,.0f}").replace("-", "−")


def table_html(frame: pd.DataFrame, caption: str = "") -> str:
    """Return a frame as an HTML table with every label and value escaped."""
    head = "".join(f"<th scope='col'>{escape(str(name))}</th>" for name in frame.columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(text(value))}</td>" for value in row) + "</tr>"
        for row in frame.itertuples(index=False)
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
