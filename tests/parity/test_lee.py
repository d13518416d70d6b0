"""Lee's bounds against another package's, where both cut off a whole number of people."""

from __future__ import annotations

import numpy as np
import pytest

from attribution.inference.lee import lee_bounds

PYLEEBOUNDS = (-1.8162593333333332, 2.8697274305555562)
"""Lower and upper bound of the data below by pyleebounds 0.3.0, `LeeBounds()._compute_bounds(y, d, s, 0.9, 0.72)`."""


def test_bounds_of_pyleebounds() -> None:
    # Of 100 trained 90 stayed, of 100 others 72: 18 of the 90 are cut off, a whole number, so that no convention on a
    # person across the cut matters. Closed form: 1e-6.
    place = np.arange(1, 201)
    trained = place <= 100
    values = np.round(10 * np.sin(1.7 * place) + 0.01 * place * trained, 6)
    stayed = np.ones(200, dtype=bool)
    stayed[90:100] = stayed[172:200] = False
    found = lee_bounds(values, trained=trained, stayed=stayed)
    assert (found.low, found.high) == pytest.approx(PYLEEBOUNDS, rel=1e-6)
