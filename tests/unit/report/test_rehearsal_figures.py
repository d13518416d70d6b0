"""The figure of a rehearsal: what its title says, where its lines stand, that it can be restyled."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from attribution.errors import MethodError
from attribution.report import drawing
from attribution.report.rehearsal_figures import rehearsal_effects
from attribution.study.rehearsal import Rehearsal
from attribution.study.rehearsal_rows import Rehearsed


@pytest.fixture(autouse=True)
def without_windows() -> Iterator[None]:
    import matplotlib
    import matplotlib.pyplot as plt

    matplotlib.use("agg")
    yield
    plt.close("all")


def made(term: str = "effect", effects: tuple[float, ...] = (0.0, 2.0), direction: str = "higher") -> Rehearsal:
    rng = np.random.default_rng(1)
    sign = 1.0 if direction == "higher" else -1.0
    rows = []
    for number in range(40):
        for effect in effects:
            estimate = sign * (effect + 0.5 * rng.normal())
            rows.append(
                Rehearsed(number, "2025-01", sign * effect, 5, 7, term, estimate, 0.5, 10.0, estimate - 1, estimate + 1)
            )
    return Rehearsal(
        study="s", analysis="primary", method="did", label="Sales", unit="orders", direction=direction,
        level=0.95, seed=1, effects=effects, injected_as=("no effect",) * len(effects), mechanism="random", notes=(),
        rows=tuple(rows),
    )  # fmt: skip


@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_the_truths_are_lines_and_the_title_says_the_rates(direction: str) -> None:
    found = made(direction=direction)
    ax = rehearsal_effects(found)
    lines = [float(np.asarray(line.get_xdata())[0]) for line in ax.lines]
    assert lines == [0.0, 2.0]
    assert ax.get_label() == (
        f"Without an effect, an effect is found in {100 * found.measure('false_claims').value:.1f}% of 40 placebo "
        f"launches; with 2 orders, in {100 * found.measure('power', 2.0).value:.0f}%"
    )
    low, high = ax.get_xlim()
    assert low < min(0, *lines)
    assert high > 2


def test_without_a_comparison_it_speaks_of_success() -> None:
    ax = rehearsal_effects(made(term="change", effects=(0.0,)))
    assert ax.get_label().startswith("Without an effect, success could be claimed in")
    assert "observed change" in ax.get_xlabel()


def test_it_draws_on_the_axes_given() -> None:
    def draw(ax: object) -> object:
        return rehearsal_effects(made(), ax=ax)

    ax = drawing.picture(draw, width=400, height=300)
    assert drawing.svg(ax, title="t", desc="d", name="n").startswith("<svg")


def test_what_is_no_rehearsal_is_refused() -> None:
    with pytest.raises(MethodError, match=r"at\.rehearse"):
        rehearsal_effects(3)


def test_an_effect_that_was_not_injected_is_refused() -> None:
    with pytest.raises(MethodError, match=r"no effect of 0\.7 was injected"):
        rehearsal_effects(made(), effect=0.7)
