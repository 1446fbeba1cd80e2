"""A private table as a picture: points with error bars, drawn on the server, without a script in the page."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from textwrap import wrap
from typing import Any

from request_portal.present.tables import PrivateTable

_WIDE, _NARROW = 800, 280
_FONT = "Liberation Sans, Arial, sans-serif"

_INK, _SOFT, _ACCENT, _GREY = "#0b0c0c", "#4b5659", "#12606b", "#8a9499"
#: vl-convert holds one JavaScript engine; one drawing at a time.
_ONE = threading.Lock()


def chart_svg(table: PrivateTable) -> str:
    """The table as SVG; equal tables are drawn once."""
    return _draw(table)


@lru_cache(maxsize=64)
def _draw(table: PrivateTable) -> str:
    import altair as alt  # noqa: PLC0415 - heavy, and only this page needs it
    import vl_convert  # noqa: PLC0415 - as above

    rows = [
        {"label": c.label, "value": c.value, "low": c.low, "high": c.high}
        for c in table.cells
        if c.value is not None
    ]
    y = alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=260, ticks=False, domain=False))
    base: Any = alt.Chart(alt.Data(values=rows))
    bars = base.mark_rule(color=_ACCENT, strokeWidth=2).encode(y=y, x="low:Q", x2="high:Q")
    points = base.mark_point(filled=True, size=60, color=_ACCENT, opacity=1).encode(
        y=y, x=alt.X("value:Q", title="Value, with the range that holds the true one in 95 of 100 cases")
    )
    chart = (
        (bars + points)
        .properties(width=820, height=alt.Step(24))
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=13,
            titleFontSize=13,
            titleFontWeight="normal",
            labelColor=_INK,
            titleColor=_INK,
            gridColor="#e3e7e8",
            labelFont="Liberation Sans, Arial, sans-serif",
            titleFont="Liberation Sans, Arial, sans-serif",
            domainColor=_GREY,
        )
    )
    with _ONE:
        svg: str = vl_convert.vegalite_to_svg(chart.to_json(), allowed_base_urls=[])
    return svg


@dataclass(frozen=True, slots=True)
class Points:
    """What a chart of figures shows.

    Args:
        rows: (label, figure, lower end, upper end), figures None where withheld.
        axis: what the figures are; percent: whether they are shares.
        over_time: rows are days, left to right.
        narrow: for a small screen.
    """

    rows: tuple[tuple[str, float | None, float | None, float | None], ...]
    axis: str
    percent: bool = False
    over_time: bool = False
    narrow: bool = False


@lru_cache(maxsize=256)
def figures_svg(points: Points) -> str:
    """Points with their ranges as SVG; equal charts are drawn once."""
    import altair as alt  # noqa: PLC0415 - heavy, and only this page needs it
    import vl_convert  # noqa: PLC0415 - as above

    rows = [
        {"label": _folded(label, points), "value": value, "low": low, "high": high, "none": value is None}
        for label, value, low, high in points.rows
    ]
    figures = [r for r in rows if not r["none"]]
    shown = alt.Chart(alt.Data(values=rows))
    scale, ticks = alt.Scale(zero=True, nice=True), 3 if points.narrow else 6
    axis = alt.Axis(title=points.axis, format=".0%" if points.percent else "~s", tickCount=ticks)
    if points.over_time:
        order = [r["label"] for r in rows]
        x = alt.X("label:N", sort=order, title=None, axis=alt.Axis(labelAngle=-40, ticks=False))
        span = {"y": alt.Y("low:Q", scale=scale, axis=axis), "y2": "high:Q"}
        at = {"x": x, "y": alt.Y("value:Q", scale=scale, axis=axis)}
        layers = [
            alt.Chart(alt.Data(values=figures)).mark_line(color=_GREY, strokeDash=[4, 4]).encode(**at),
            shown.mark_rule(color=_ACCENT, strokeWidth=3).encode(x=x, **span),
            shown.mark_point(filled=True, size=80, color=_ACCENT, opacity=1).encode(**at),
        ]
        height: Any = 300
    else:
        layers, height = _across(alt, shown, points, scale, axis)
    width = _NARROW if points.narrow else _WIDE
    chart = alt.layer(*layers).properties(
        width=width, height=height, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )
    chart = chart.configure_view(stroke=None).configure_axis(
        labelFontSize=13,
        titleFontSize=13,
        titleFontWeight="normal",
        labelColor=_INK,
        titleColor=_INK,
        gridColor="#e3e7e8",
        labelFont=_FONT,
        titleFont=_FONT,
        domainColor=_GREY,
    )
    with _ONE:
        svg: str = vl_convert.vegalite_to_svg(chart.to_json(), allowed_base_urls=[])
    return svg


def _across(alt: Any, shown: Any, points: Points, scale: Any, axis: Any) -> tuple[list[Any], Any]:
    """Rows below one another, each with its label above it: no font of a reader's is too wide for that."""
    step, down = (68, 15) if points.narrow else (48, 9)
    y = alt.Y("label:N", sort=[_folded(row[0], points) for row in points.rows], title=None, axis=None)
    span = {"x": alt.X("low:Q", scale=scale, axis=axis), "x2": "high:Q"}
    words = {"align": "left", "color": _INK, "fontSize": 14, "font": _FONT, "lineBreak": "\n"}
    layers = [
        shown.mark_rule(color=_ACCENT, strokeWidth=3, yOffset=down).encode(y=y, **span),
        shown.mark_point(filled=True, size=80, color=_ACCENT, opacity=1, yOffset=down).encode(
            y=y, x=alt.X("value:Q", scale=scale, axis=axis)
        ),
        shown.mark_text(baseline="top", yOffset=3 - step / 2, **words).encode(
            y=y, x=alt.value(0), text="label:N"
        ),
        shown.transform_filter("datum.none")
        .mark_text(
            text="withheld", fontStyle="italic", baseline="middle", yOffset=down, **{**words, "color": _SOFT}
        )
        .encode(y=y, x=alt.value(2)),
    ]
    return layers, alt.Step(step)


def _folded(label: str, points: Points) -> str:
    """A label that fits a small screen."""
    return "\n".join(wrap(label, 38)[:2]) if points.narrow and not points.over_time else label
