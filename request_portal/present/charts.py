"""A private table as a picture: points with error bars, drawn on the server, without a script in the page."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

from request_portal.present.tables import PrivateTable

_INK, _ACCENT, _GREY = "#0b0c0c", "#12606b", "#8a9499"
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
