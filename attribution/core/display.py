"""How numbers and records show themselves below the page: in sentences, and in a notebook as one escaped table."""

from __future__ import annotations

from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def number(value: float, digits: int = 3) -> str:
    """Return a number with significant digits and a true minus; what is larger than they are stands in full.

    An exponent has only what is smaller than a millionth, such as a p value or what is 0 but for rounding.

    Examples
    --------
    >>> number(1771.3), number(-0.31706), number(0.5), number(1234567.8, 4)
    ('1,771', '−0.317', '0.5', '1,234,568')
    """
    if np.isnan(value):
        return "–"
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    if abs(value) >= 10**digits:
        written = f"{value:,.0f}"
    else:
        written = f"{value:.{digits}g}"
        written = written if abs(value) < 1e-6 else f"{Decimal(written):,f}"
    return written.replace("-", "−")


def signed(value: float, digits: int = 3) -> str:
    """Return a number with its sign spelled out: +0.034, −0.317."""
    return f"+{number(value, digits)}" if value > 0 else number(value, digits)


def text(value: Any) -> str:
    """Return a cell as text: four significant digits, a true minus, a dash for what is not there."""
    if value is None:
        return "–"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (float, np.floating)):
        return number(float(value), 4)
    return str(value)


def table_html(frame: pd.DataFrame, caption: str = "") -> str:
    """Return a frame as an HTML table with every label and value escaped."""
    head = "".join(f"<th scope='col'>{escape(str(name))}</th>" for name in frame.columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(text(value))}</td>" for value in row) + "</tr>"
        for row in frame.itertuples(index=False)
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
