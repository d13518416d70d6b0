from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

import attribution as at
from attribution.core.interval import Interval
from attribution.errors import MethodError
from attribution.report import drawing, figures

matplotlib.use("agg")

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("Before", "Background", "Training", "After")


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def michigan() -> at.StudyResult:
    return at.run(at.load_design(ROOT / "designs" / "michigan-grants.toml"))


def with_set(
    factor: at.AttributionFactor, kind: str, low: float = math.nan, high: float = math.nan
) -> at.AttributionFactor:
    interval = Interval(low, high, 0.95, kind, "fieller")
    return replace(factor, interval=interval, reason="" if kind == "bounded" else "the observed change is within noise")


def texts(ax: Axes) -> str:
    return "\n".join(text.get_text() for text in ax.findobj(Text) if isinstance(text, Text))


def bars(ax: Axes) -> list[tuple[float, float]]:
    return [(bar.get_y(), bar.get_y() + bar.get_height()) for bar in ax.patches]


def headline(ax: Axes) -> list[tuple[float, float]]:
    """Return the pieces of the strong row."""
    return [
        tuple(float(end) for end in line.get_xdata())
        for line in ax.lines
        if line.get_linewidth() == 4 and line.get_color() == drawing.TRAINING
    ]


def arrows(ax: Axes) -> int:
    return sum(line.get_marker() in "<>" and line.get_color() == drawing.TRAINING for line in ax.lines)


def test_waterfall_steps_add_up_from_before_to_after(michigan: at.StudyResult) -> None:
    estimate = michigan.estimate
    before, background, training, after = bars(figures.waterfall(michigan.factor))
    assert before == (0, 0)
    assert background == pytest.approx((0, estimate.value("background")))
    assert training == pytest.approx((estimate.value("background"), estimate.value("change")))
    assert after == pytest.approx((0, estimate.value("change")))


def test_waterfall_draws_levels_where_the_steps_are_seen_beside_them(michigan: at.StudyResult) -> None:
    estimate = michigan.estimate
    after = estimate.value("untrained_level") + estimate.value("effect")
    drawn = bars(figures.waterfall(michigan.factor, from_zero=True))
    assert drawn[0] == pytest.approx((0, after - estimate.value("change")))
    assert drawn[3] == pytest.approx((0, after))


def test_waterfall_carries_the_interval_of_the_effect(michigan: at.StudyResult) -> None:
    ax = figures.waterfall(michigan.factor, label="Scrap rate", unit="log points")
    interval, start = michigan.estimate.interval(), michigan.estimate.value("background")
    uprights = [line.get_ydata() for line in ax.lines if list(line.get_xdata()) == [2, 2]]
    assert uprights
    for upright in uprights:
        assert list(upright) == pytest.approx([start + interval.low, start + interval.high])
    assert "95% interval of the training’s effect, −0.668 to 0.0337" in texts(ax).replace("\n", " ")


def test_waterfall_tells_the_finding_and_the_direction_of_each_move(michigan: at.StudyResult) -> None:
    ax = figures.waterfall(michigan.factor, label="Scrap rate")
    assert ax.get_label() == "Scrap rate: fell by 31% among the trained, fell by 5.6% among the untrained"
    assert ax.get_title(loc="left").replace("\n", " ") == ax.get_label()


def test_waterfall_says_that_one_trained_unit_has_no_interval(sales: Callable[..., pd.DataFrame]) -> None:
    panel = at.Panel.from_frame(sales(trained=1), unit="person", period="month", outcome="sales", adopted="start")
    estimate = at.did(panel, baseline=["2026-01"], followup=["2026-02"])
    ax = figures.waterfall(at.attribution_factor(estimate, draws=99))
    assert "no interval: its standard error is undefined" in texts(ax).replace("\n", " ")
    assert not [line for line in ax.lines if list(line.get_xdata()) == [2, 2]]


def test_waterfall_refuses_an_estimate_without_comparison(michigan: at.StudyResult) -> None:
    alone = replace(michigan.factor, estimate=michigan.estimates["observed"])
    with pytest.raises(MethodError, match="prepost has no effect, background"):
        figures.waterfall(alone)


def test_share_sets_puts_the_headline_first_and_its_point_inside(michigan: at.StudyResult) -> None:
    ax = figures.share_sets(michigan.factor)
    assert headline(ax) == [pytest.approx((-0.33460, 1.44825), abs=1e-5)]
    assert arrows(ax) == 0
    for words in ("Fieller (headline): −33% to 145%", "delta method: 34% to 135%", "0%: none of it", "100%: all of it"):
        assert words in texts(ax)
    assert ax.get_label() == "Training’s share of the log change: 85% estimated, −33% to 145% fit the data"


def test_an_unbounded_set_is_an_arrow_on_both_sides_and_no_share_is_quoted(michigan: at.StudyResult) -> None:
    ax = figures.share_sets(with_set(michigan.factor, "unbounded"))
    assert headline(ax) == [pytest.approx(ax.get_xlim())]
    assert arrows(ax) == 2
    assert "any share fits the data" in texts(ax)
    assert "85%" not in texts(ax)
    assert not [line for line in ax.lines if line.get_marker() == "o"]
    assert "not estimable; the observed change is within noise" in ax.get_label()


def test_a_disjoint_set_shows_its_gap(michigan: at.StudyResult) -> None:
    ax = figures.share_sets(with_set(michigan.factor, "disjoint", -1.5, 2.5))
    left, right = ax.get_xlim()
    assert sorted(headline(ax)) == [pytest.approx((left, -1.5)), pytest.approx((2.5, right))]
    assert arrows(ax) == 2
    assert "up to −150%, and from 250% on" in texts(ax)


def test_an_undefined_set_is_words_alone(michigan: at.StudyResult) -> None:
    ax = figures.share_sets(with_set(michigan.factor, "undefined"))
    assert headline(ax) == []
    assert arrows(ax) == 0
    assert "Fieller (headline): undefined" in texts(ax)


@pytest.mark.parametrize(("kind", "low", "high"), [("bounded", -40.0, 60.0), ("disjoint", -12.28, 6.10)])
def test_the_axis_holds_the_whole_headline(kind: str, low: float, high: float, michigan: at.StudyResult) -> None:
    ax = figures.share_sets(with_set(michigan.factor, kind, low, high))
    left, right = ax.get_xlim()
    assert left < low < high < right
    pieces = [(low, high)] if kind == "bounded" else [(left, low), (high, right)]
    assert sorted(headline(ax)) == [pytest.approx(piece) for piece in pieces]
    assert arrows(ax) == (0 if kind == "bounded" else 2)


def test_a_share_far_from_all_of_it_is_on_the_axis(michigan: at.StudyResult) -> None:
    ax = figures.share_sets(replace(with_set(michigan.factor, "bounded", 3.12, 8.57), share=4.35))
    assert headline(ax) == [(3.12, 8.57)]
    points = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
    assert points == [4.35] * 4
    # The words beside the lines at 0 and 1 have their room.
    left, right = ax.get_xlim()
    assert -left > 0.25 * (right - left)
    assert ax.get_label() == "Training’s share of the log change: 435% estimated, 312% to 857% fit the data"


def other_arrows(ax: Axes) -> list[str]:
    return [str(line.get_marker()) for line in ax.lines if line.get_marker() in "<>" and line.get_linewidth() != 4]


@pytest.mark.parametrize(
    ("low", "high", "kind", "expected"),
    [
        (-40.0, 60.0, "bounded", ["<", ">"]),
        (7.0, 9.0, "bounded", [">"]),
        (-9.0, -7.0, "bounded", ["<"]),
        (-7.0, 9.0, "disjoint", ["<", ">"]),
        (0.1, 0.9, "bounded", []),
    ],
)
def test_another_set_that_leaves_the_axis_ends_in_arrows_and_its_numbers_are_printed(
    low: float, high: float, kind: str, expected: list[str], michigan: at.StudyResult
) -> None:
    other = Interval(low, high, 0.95, kind, "delta")
    ax = figures.share_sets(replace(michigan.factor, others=(other,)))
    assert other_arrows(ax) == expected
    assert -3.4 <= ax.get_xlim()[0] < ax.get_xlim()[1] <= 4.4
    assert figures.percent(low) in texts(ax)


def test_rows_that_are_all_0_have_an_axis(michigan: at.StudyResult) -> None:
    nothing = Interval.undefined(level=0.95, method="corner case")
    for place in (0.0, -5.0):
        ax = drawing.chart(None, [drawing.Row("nothing", place, nothing, True)], (place, place))
        left, right = ax.get_xlim()
        assert left < place < right


def test_a_change_of_0_is_drawn(michigan: at.StudyResult) -> None:
    estimate = michigan.estimate
    still = replace(estimate, values=0.0 * estimate.values)
    factor = at.attribution_factor(still, draws=99)
    assert "did not move among the trained, did not move among the untrained" in figures.waterfall(factor).get_label()
    assert "not estimable" in figures.share_sets(factor).get_label()


def test_scenarios_are_bars_of_net_benefit_from_break_even(michigan: at.StudyResult) -> None:
    assert michigan.roi is not None
    ax = figures.scenarios(michigan.roi)
    drawn = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    assert drawn == [pytest.approx((0, one.net_benefit)) for one in michigan.roi.scenarios]
    for words in ("Conservative: −$580K", "Base: −$140K", "Optimistic: $190K", "0 is break-even"):
        assert words in texts(ax)


def test_scenarios_need_an_interval_of_the_effect(michigan: at.StudyResult) -> None:
    assert michigan.roi is not None
    empty = tuple(replace(one, net_benefit=math.nan) for one in michigan.roi.scenarios)
    with pytest.raises(MethodError, match="no corner cases"):
        figures.scenarios(replace(michigan.roi, scenarios=empty))


def test_effect_forest_holds_every_analysis_with_an_effect(michigan: at.StudyResult) -> None:
    ax = figures.effect_forest(michigan)
    assert headline(ax) == [pytest.approx((-0.66777, 0.03366), abs=1e-5)]
    for name in ("primary, did", "never (sensitivity), did, controls never", "cr1 (sensitivity), did, variance CR1"):
        assert f"{name}:" in texts(ax)
    assert "observed" not in texts(ax)
    assert "effect, log points; left of 0 is better" in texts(ax)
    assert ax.get_label() == "The interval of the effect includes 0 in all 5 analyses"


def test_effect_forest_counts_the_analyses_of_its_kpi_alone(michigan: at.StudyResult) -> None:
    design = michigan.design
    second = design.kpi[0].model_copy(update={"id": "sales", "label": "Sales"})
    analyses = tuple(one.model_copy(update={"kpi": "sales"}) if one.id == "never" else one for one in design.analysis)
    result = replace(michigan, design=design.model_copy(update={"kpi": (*design.kpi, second), "analysis": analyses}))
    label = design.kpi[0].label
    assert figures.effect_forest(result).get_label() == (
        f"The interval of the effect on {label} includes 0 in all 4 analyses"
    )
    assert figures.effect_forest(result, kpi="sales").get_label().startswith("The interval of the effect on Sales ")
    assert figures.effect_forest(result, kpi="sales").get_label().endswith(" 0 in 1 analysis")


def test_effect_forest_names_the_kpis_there_are(michigan: at.StudyResult) -> None:
    with pytest.raises(MethodError, match="no analysis estimates an effect on 'sales'"):
        figures.effect_forest(michigan, kpi="sales")


def test_figures_draw_where_they_are_told_and_leave_global_settings_alone(michigan: at.StudyResult) -> None:
    before = dict(matplotlib.rcParams)
    _, grid = plt.subplots(2, 2, figsize=(12, 8))
    assert figures.waterfall(michigan.factor, ax=grid[0, 0]) is grid[0, 0]
    assert figures.share_sets(michigan.factor, ax=grid[0, 1]) is grid[0, 1]
    assert michigan.roi is not None
    assert figures.scenarios(michigan.roi, ax=grid[1, 0]) is grid[1, 0]
    assert figures.effect_forest(michigan, ax=grid[1, 1]) is grid[1, 1]
    assert grid[0, 0].set_title("mine", loc="left").get_text() == "mine"
    assert dict(matplotlib.rcParams) == before


def test_every_line_of_text_stays_inside_the_figure(michigan: at.StudyResult) -> None:
    label, unit = "W" * 80, "W" * 40
    for width in (330, 760):
        ax = drawing.picture(
            lambda axes: figures.waterfall(michigan.factor, ax=axes, label=label, unit=unit), width=width, height=600
        )
        figure = ax.get_figure(root=True)
        assert isinstance(figure, Figure)
        figure.draw_without_rendering()
        for text in ax.findobj(Text):
            if isinstance(text, Text) and text.get_text() and text.get_visible():
                extent = text.get_window_extent()
                assert extent.x0 >= -1, text.get_text()
                assert extent.x1 <= figure.bbox.x1 + 1, text.get_text()


def test_wrap_breaks_between_words_and_only_if_it_must_inside_one() -> None:
    assert drawing.wrap("one two three", 12, 60) == ["one two", "three"]
    broken = drawing.wrap("W" * 30, 12, 100)
    assert len(broken) > 1
    assert "".join(broken) == "W" * 30


def test_svg_is_the_same_every_time_and_refers_to_nothing_outside(michigan: at.StudyResult) -> None:
    def draw() -> str:
        ax = drawing.picture(lambda axes: figures.waterfall(michigan.factor, ax=axes), width=760, height=330)
        return str(drawing.svg(ax, title="A <b> & c", desc="what it shows", name="fall"))

    source = draw()
    assert source == draw()
    root = ElementTree.fromstring(source)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"] == "fall-title fall-desc"
    assert [child.tag for child in root][:2] == ["title", "desc"]
    assert root[0].text == "A <b> & c"
    assert [element.text for element in root.iter("text") if element.text in NAMES] == list(NAMES)
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    assert all(name.startswith("fall-") for name in ids)
    for element in root.iter():
        assert element.attrib.get("href", "#").startswith("#")
        assert "font:" not in element.attrib.get("style", "")
    for colour in drawing.COLOURS:
        assert colour not in source
    assert "metadata" not in source


def test_a_dollar_in_a_label_is_a_dollar(michigan: at.StudyResult) -> None:
    ax = drawing.picture(
        lambda axes: figures.waterfall(michigan.factor, ax=axes, label="Cost", unit="$ per $x_1$"),
        width=760,
        height=330,
    )
    assert "$ per $x_1$" in drawing.svg(ax, title="", desc="", name="cost")


def test_a_unit_in_any_script_is_drawn_without_a_warning(michigan: at.StudyResult) -> None:
    ax = drawing.picture(
        lambda axes: figures.waterfall(michigan.factor, ax=axes, label="訓練", unit="日 🚀"), width=760, height=330
    )
    assert "日 🚀" in drawing.svg(ax, title="", desc="", name="script")


def test_matplotlib_is_imported_by_the_drawing_module_alone() -> None:
    rooms = Path(at.__file__).parent
    importers = [
        path.name for path in rooms.rglob("*.py") if "    import matplotlib" in path.read_text(encoding="utf-8")
    ]
    assert importers == ["drawing.py"]


@pytest.mark.parametrize("draw", [figures.waterfall, figures.share_sets])
def test_an_estimate_in_place_of_a_factor_is_named(draw: Callable[..., object], michigan: at.StudyResult) -> None:
    with pytest.raises(at.AttributionError, match=r"at\.attribution_factor"):
        draw(michigan.estimate)
