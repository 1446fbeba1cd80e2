"""The published figures of a dataset, from its open releases alone: what there is, and what somebody chose to see."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pandas as pd

from anonymization.standing.indicators import ALL, INDICATORS, MONEY, SHARE, Indicator
from enclave.bootstrap import Enclave
from enclave.kernel.errors import NotFound
from enclave.kernel.tiers import Tier
from enclave.releases.model import Release

#: Kinds of standing tables (`enclave.extracts.tables.Kind`) that hold figures.
KINDS = ("participation", "benefits")
_GROUP = "group:"
_DIMENSIONS = ("area", "group", "band", "programme")


@dataclass(frozen=True, slots=True)
class Published:
    """Every figure of a dataset that is published now.

    Args:
        frame: rows of the releases' files, all days together, oldest first.
        days: newest first; releases: of each day, by the table's name.
    """

    frame: pd.DataFrame
    days: tuple[date, ...]
    releases: Mapping[date, Mapping[str, Release]]


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody wants to see.

    Args:
        by: what rows are told apart by: "area", "group:COLUMN", "band", "programme" or "day".
    """

    indicator: str = ""
    programme: str = ALL
    by: str = ""
    area: str = ALL
    group: str = ALL
    band: str = ALL
    day: str = ""

    @property
    def address(self) -> dict[str, str]:
        """As a form sends it."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, and one point of the chart. Figures are None where withheld or not there."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    note: str = ""
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    text: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class View:
    """A page of figures.

    Args:
        options: of each field of the form; fields with nothing to choose are left out.
        changed: sentences on what was chosen and is not there, and what is shown instead.
    """

    choice: Choice
    indicator: Indicator
    title: str
    about: str
    rows: tuple[Row, ...]
    options: Mapping[str, tuple[Option, ...]]
    changed: tuple[str, ...]
    currency: str
    notes: tuple[str, ...] = ()
    releases: tuple[Release, ...] = field(default=())

    @property
    def over_time(self) -> bool:
        return self.choice.by == "day"


def datasets(enclave: Enclave) -> list[str]:
    """Slugs of those that have figures, in the catalogue's order."""
    having = {r.dataset for r in enclave.releases.published(tier=Tier.OPEN) if r.summary.get("kind") in KINDS}
    return [d.slug for d in enclave.catalogue.datasets() if d.slug in having]


def published(enclave: Enclave, slug: str) -> Published:
    """The figures of a dataset; of two releases of one table and day the newer one.

    Raises:
        NotFound: there are none.
    """
    found: dict[date, dict[str, Release]] = {}
    for release in enclave.releases.published(slug, Tier.OPEN):
        if release.summary.get("kind") in KINDS:
            day = date.fromisoformat(str(release.summary["as_of"]))
            found.setdefault(day, {}).setdefault(str(release.summary["table"]), release)
    if not found:
        raise NotFound("There are no figures of such a dataset yet. Open data lists what is published.")
    parts = [_read(enclave, release) for day in sorted(found) for release in found[day].values()]
    return Published(pd.concat(parts, ignore_index=True), tuple(sorted(found, reverse=True)), found)


#: Parsed files by digest: published files never change. Emptied when it holds more than this many.
_PARSED: dict[str, pd.DataFrame] = {}
_MOST_PARSED = 200


def _read(enclave: Enclave, release: Release) -> pd.DataFrame:
    ref = next(r for r in release.files if r.key.endswith(".parquet"))
    found = _PARSED.get(ref.sha256)
    if found is None:
        name = ref.key.rsplit("/", 1)[-1]
        _, data = enclave.releases.download(None, release.id, name)
        found = pd.read_parquet(io.BytesIO(data))
        if len(_PARSED) >= _MOST_PARSED:
            _PARSED.clear()
        _PARSED[ref.sha256] = found
    return found


def view(found: Published, wanted: Mapping[str, str]) -> View:
    """What to show, with everything that is not there replaced by something that is, and said so."""
    return _Chooser(found, wanted).view()


class _Chooser:
    """Narrows the figures down field by field, so that no choice leads to an empty page."""

    def __init__(self, found: Published, wanted: Mapping[str, str]) -> None:
        self.found, self.wanted = found, wanted
        self.changed: list[str] = []
        self.options: dict[str, tuple[Option, ...]] = {}

    def view(self) -> View:
        frame = self.found.frame
        there = set(frame["indicator"])
        indicator = self._pick(
            "indicator", {c: i.title for c, i in INDICATORS.items() if c in there}, "COVERAGE"
        )
        frame = frame[frame["indicator"] == indicator]
        by = self._pick("by", dict(self._ways(frame)), "")
        choice = Choice(indicator=indicator, by=by)
        if by != "programme":
            frame, chosen = self._narrow(frame, "programme")
            choice = replace(choice, programme=chosen)
        for dimension in ("area", "group", "band"):
            if by.partition(":")[0] != dimension:
                frame, chosen = self._narrow(frame, dimension)
                choice = replace(choice, **{dimension: chosen})
        if by != "day":
            days = {d.isoformat(): _day(d) for d in self.found.days if (frame["as_of"] == d).any()}
            chosen = self._pick("day", days, next(iter(days)))
            choice = replace(choice, day=chosen)
            frame = frame[frame["as_of"] == date.fromisoformat(chosen)]
        return self._made(choice, frame)

    def _ways(self, frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
        """What the figure can be told apart by."""
        if _several(frame["area"]):
            yield "area", "Areas"
        names = frame.drop_duplicates("group")
        columns: dict[str, str] = {}
        for code, name in zip(names["group"], names["group_name"], strict=True):
            if code != ALL:
                columns.setdefault(code.partition("=")[0], str(name).partition(": ")[0])
        for column, title in columns.items():
            yield f"{_GROUP}{column}", f"Groups: {title.lower()}"
        if _several(frame["band"]):
            yield "band", "Bands, from the poorest to the best off"
        if _several(frame["programme"]):
            yield "programme", "Programmes"
        if len(self.found.days) > 1:
            yield "day", "Days (how it changed)"

    def _narrow(self, frame: pd.DataFrame, dimension: str) -> tuple[pd.DataFrame, str]:
        known = frame.drop_duplicates(dimension)
        names = dict(zip(known[dimension], known[f"{dimension}_name"], strict=True))
        chosen = self._pick(dimension, names, ALL)
        return frame[frame[dimension] == chosen], chosen

    def _pick(self, name: str, names: Mapping[str, str], default: str) -> str:
        if default not in names:
            default = next(iter(names), "")
        asked = self.wanted.get(name, "") or default
        chosen = asked if asked in names else default
        if asked not in {chosen, ALL}:
            self.changed.append(
                f"{_FIELDS[name]}: that is not there for this figure, so {names.get(chosen, 'all')} is shown."
            )
        if len(names) > 1:
            self.options[name] = tuple(Option(value, text, value == chosen) for value, text in names.items())
        return chosen

    def _made(self, choice: Choice, frame: pd.DataFrame) -> View:
        indicator = INDICATORS[choice.indicator]
        rows = tuple(_rows(choice, frame, self.found.days))
        day = date.fromisoformat(choice.day) if choice.day else self.found.days[0]
        releases = self.found.releases.get(day, {})
        theirs = [r for r in releases.values() if _holds(r, indicator)] or list(releases.values())
        summary = theirs[0].summary if theirs else {}
        where = [
            text for name in ("programme", "area", "group", "band")
            for o in self.options.get(name, ()) if o.chosen and (o.value != ALL or name in {"area", "programme"})
            for text in [o.text]
        ]  # fmt: skip
        where.append("all days" if choice.by == "day" else _day(day))
        notes = summary.get("notes")
        return View(
            choice, indicator, indicator.title, " · ".join(where), rows, self.options, tuple(self.changed),
            str(summary.get("currency", "")), tuple(map(str, notes)) if isinstance(notes, (list, tuple)) else (),
            tuple(theirs),
        )  # fmt: skip


_FIELDS = {
    "indicator": "Figure", "by": "Show by", "programme": "Programme", "area": "Area", "group": "Group",
    "band": "Band", "day": "Day",
}  # fmt: skip


def _several(column: pd.Series[Any]) -> bool:
    return bool((column != column.iloc[0]).any())


def _holds(release: Release, indicator: Indicator) -> bool:
    of_money = indicator.code in {"BENEFITS", "BENEFIT_INCIDENCE", "ADEQUACY"}
    return (release.summary.get("kind") == "benefits") == of_money


def _rows(choice: Choice, frame: pd.DataFrame, days: Sequence[date]) -> Iterator[Row]:
    if choice.by == "day":
        for day in sorted(days):
            yield _row(_day(day), frame[frame["as_of"] == day])
        return
    kind, _, column = choice.by.partition(":")
    if kind == "group":
        frame = frame[(frame["group"] == ALL) | frame["group"].str.startswith(f"{column}=")]
    if kind == "programme" and choice.indicator != "OVERLAP":
        frame = frame[~frame["programme"].str.contains("+", regex=False)]
    if not kind:
        yield _row("All", frame)
        return
    for code in dict.fromkeys(frame[kind]):
        part = frame[frame[kind] == code]
        yield _row(str(part[f"{kind}_name"].iloc[0]), part)


def _row(label: str, part: pd.DataFrame) -> Row:
    if part.empty:
        return Row(label, None, None, None, "Not told apart this way in that extract.")
    first = part.iloc[0]

    def number(column: str) -> float | None:
        value: Any = first[column]
        return None if pd.isna(value) else float(value)

    doubtful = bool(first["low_reliability"])
    note = str(first["withheld"] or "") or ("Low reliability: the range is wide." if doubtful else "")
    return Row(label, number("value"), number("ci_low"), number("ci_high"), note, doubtful)


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def unit_of(made: View) -> tuple[float, str]:
    """What figures of a view are divided by, and the unit in words: households, million LCU; none for shares."""
    unit = made.indicator.unit
    if unit == SHARE:
        return 1.0, ""
    if unit != MONEY:
        return 1.0, unit
    most = max((row.high or 0.0 for row in made.rows), default=0.0)
    size, word = next((s for s in ((1e9, "billion "), (1e6, "million ")) if most >= s[0]), (1.0, ""))
    return size, f"{word}{made.currency}"


def said(value: float | None, made: View) -> str:
    """A figure in the view's unit: 44.9%, 8,963, 131.7."""
    if value is None:
        return ""
    if made.indicator.unit == SHARE:
        return f"{value:.1%}"
    size, _ = unit_of(made)
    return f"{value / size:,.1f}" if size > 1 else f"{value:,.0f}"


def in_words(made: View, most: int = 12) -> str:
    """The chart as text, for those who do not see it."""
    parts = [
        f"{row.label} {said(row.value, made)} ({said(row.low, made)} to {said(row.high, made)})"
        if row.value is not None
        else f"{row.label} withheld"
        for row in made.rows[:most]
    ]
    rest = f"; and {len(made.rows) - most} more" if len(made.rows) > most else ""
    unit = f" in {unit_of(made)[1]}" if unit_of(made)[1] else ""
    return (
        f"{made.title}{unit}, {made.about}: {'; '.join(parts)}{rest}. The table below has the same figures."
    )


def axis_of(made: View) -> str:
    """The name of the chart's axis."""
    short = made.title.partition(" (")[0]
    return f"{short}, {made.currency}" if made.indicator.unit == MONEY else short
