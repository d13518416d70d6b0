"""Michigan job-training grants, 1987–89 (Holzer, Block, Cheatham & Knott 1993)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def jobtraining() -> pd.DataFrame:
    """Return the Michigan job-training grants: 157 firms, 1987–89, one row per firm and year.

    `fcode` firm, `year`, `grant` 1 in the year of the grant, `lscrap` log of the scrap rate per 100 items. Read from
    the copy that linearmodels carries. Source: Holzer, Block, Cheatham & Knott (1993), Are training subsidies
    effective? The Michigan experience, Industrial and Labor Relations Review 46, 625–636.
    """
    from linearmodels.datasets import jobtraining as source

    frame: pd.DataFrame = source.load()
    return frame
