"""Parity of did on repeated cross-sections: two published examples, R 4.2.2, at 1e-6 relative (closed form).

The Kentucky injury benefits of Meyer, Viscusi & Durbin (1995) and the incinerator of Kiel & McClain (1995), as in
Wooldridge, Introductory Econometrics, examples 13.4 and 13.3: coefficient on the interaction of a saturated regression.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.estimators.windows.variances import Variance

Values = dict[str, dict[str, Any]]
Reader = Callable[[str], pd.DataFrame]

NAMED: dict[str, Variance] = {"ols": "classical", "HC0": "HC0", "HC1": "HC1", "HC2": "HC2", "HC3": "HC3"}
STUDIES: dict[str, dict[str, Any]] = {
    "injury_ky": {
        "file": "injury.csv",
        "outcome": "ldurat",
        "period": "afchnge",
        "trained": "highearn",
        "windows": (0, 1),
    },
    "kielmc": {
        "file": "kielmc.csv",
        "outcome": "rprice",
        "period": "year",
        "trained": "nearinc",
        "windows": (1978, 1981),
    },
}


def panel(study: dict[str, Any], read: Reader) -> at.Panel:
    frame = read(study["file"])
    frame = frame[frame["ky"] == 1] if "ky" in frame else frame
    frame = frame.assign(start=np.where(frame[study["trained"]] == 1, float(study["windows"][1]), np.nan))
    return at.Panel.from_frame(
        frame,
        period=study["period"],
        outcome=study["outcome"],
        adopted="start",
        kind="repeated_cross_sections",
    )


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("study", STUDIES)
def test_the_interaction_with_named_variances(study: str, name: str, reference: Values, reference_data: Reader) -> None:
    entry, (before, after) = reference[f"did_{study}_{name}"], STUDIES[study]["windows"]
    estimate = at.did(panel(STUDIES[study], reference_data), baseline=[before], followup=[after], variance=NAMED[name])
    row = estimate.tidy().set_index("term").loc["effect"]
    assert row["estimate"] == pytest.approx(entry["estimate"], rel=1e-6)
    assert row["std_error"] == pytest.approx(entry["std_error"], rel=1e-6)
    assert [row["conf_low"], row["conf_high"]] == pytest.approx(entry["ci"], rel=1e-6)
    assert row["p_value"] == pytest.approx(entry["p_value"], rel=1e-6)
    assert estimate.contrast({"effect": 1.0}).df == pytest.approx(entry["df"], rel=1e-6)
    assert estimate.n.trained.units + estimate.n.control.units == entry["n"]
