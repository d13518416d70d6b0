"""The Michigan firms as they are read."""

from __future__ import annotations

import attribution as at


def test_the_michigan_firms() -> None:
    frame = at.dataset("jobtraining")
    assert len(frame) == 471
    assert frame["fcode"].nunique() == 157
    assert sorted(frame["year"].unique()) == [1987, 1988, 1989]
    assert set(frame["grant"].unique()) == {0, 1}
    measured = frame.pivot(index="fcode", columns="year", values="lscrap")
    assert int(measured[[1987, 1988]].notna().all(axis=1).sum()) == 54


def test_a_reader_may_change_its_copy() -> None:
    copy = at.dataset("jobtraining")
    copy["lscrap"] = 0.0
    assert at.dataset("jobtraining")["lscrap"].nunique() > 50
