"""What is public about a table, and whether a query keeps to it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from .checks import MOST_BINS
from .queries import DpQuery, Filter, Measure, Op, Per, QueryError
from .values import Key, canonical, number

#: Equal bins of a histogram that names none.
_BINS = 10


@dataclass(frozen=True, slots=True)
class PublicColumn:
    """One line of the data dictionary, as far as differential privacy needs it.

    Args:
        keys: the public code list; empty where there is none.
        lower, upper: public bounds of a number, in the column's unit.
        boolean: whether it holds true and false.
        closed: never asked about (direct identifiers, free text).
    """

    keys: tuple[Key, ...] = ()
    lower: float | None = None
    upper: float | None = None
    boolean: bool = False
    closed: bool = False

    @property
    def listed(self) -> tuple[Key, ...]:
        """The keys that it can be grouped by; none where it has no public list."""
        return self.keys or ((True, False) if self.boolean else ())

    def refuses(self, item: Filter) -> list[str]:
        """Sentences about a filter on this column that its keys or bounds do not allow; none of them names a value."""
        values = item.value if isinstance(item.value, tuple) else (item.value,)
        numeric = self.lower is not None and self.upper is not None
        if item.op not in (Op.GE, Op.LE) and self.listed:
            known = {canonical(k) for k in self.listed}
            fine = all(canonical(v) in known for v in values)
            return (
                []
                if fine
                else [f"A filter on {item.column} names a value that the data dictionary does not list."]
            )
        if numeric or (self.keys and all(number(k) is not None for k in self.keys)):
            return self._outside(item, values)
        if self.listed:
            return [f"The column {item.column} holds no numbers; filter it with '==', '!=' or 'in'."]
        return [
            f"The data dictionary gives neither keys nor bounds for {item.column}, so it cannot be filtered by."
        ]

    def _outside(self, item: Filter, values: tuple[Key, ...]) -> list[str]:
        low, high = (
            -math.inf if self.lower is None else self.lower,
            math.inf if self.upper is None else self.upper,
        )
        read = [number(v) for v in values]
        if all(v is not None and low <= v <= high for v in read):
            return []
        return [f"A filter on {item.column} needs numbers within the bounds that the data dictionary gives."]


@dataclass(frozen=True, slots=True)
class PublicTable:
    """A table as the data dictionary describes it: everything a query's cost and cells may depend on.

    Args:
        name: as queries name it.
        unit_id: the column that names the household.
        columns: by name.
        max_rows: the most rows that a household may be charged for (1 for a household table).
    """

    name: str
    unit_id: str
    columns: Mapping[str, PublicColumn]
    max_rows: int = 1

    def complete(self, query: DpQuery) -> DpQuery:
        """The query, if it keeps to what is public.

        Raises:
            QueryError: for an unknown table or column, a key or value that the dictionary does not list, bounds or
                bins that are wider than its bounds, or another unit.
        """
        said = self._names(query)
        if not said:
            said = [
                *self._groups(query),
                *self._programmes(query),
                *self._numbers(query),
                *self._filters(query),
            ]
        if said:
            raise QueryError(list(dict.fromkeys(said)))
        return query

    def _names(self, query: DpQuery) -> list[str]:
        said = []
        if query.table != self.name:
            said.append(f"This data dictionary describes the table {self.name}, not the one asked for.")
        if query.unit_id != self.unit_id:
            said.append(f"The privacy unit of {self.name} is named by {self.unit_id}; ask with that column.")
        asked = query.asked_columns
        for column in asked:
            if column == self.unit_id:
                said.append(f"The column {self.unit_id} names households and cannot be asked about.")
                continue
            known = self.columns.get(column)
            if known is None:
                said.append(f"The table {self.name} has no column {column[:60]!r}; see its data dictionary.")
            elif known.closed:
                said.append(f"The column {column} identifies people directly and cannot be asked about.")
        if query.per is Per.ROW and query.max_rows > self.max_rows:
            said.append(f"At most {self.max_rows} rows of a household count in {self.name}; lower max_rows.")
        return said

    def _groups(self, query: DpQuery) -> list[str]:
        said = []
        groups = dict(query.group_by)
        if query.between:
            groups[query.between.column] = (query.between.first, query.between.second)
        for column, keys in groups.items():
            listed = {canonical(k) for k in self.columns[column].listed}
            if not listed:
                said.append(f"The data dictionary lists no keys for {column}, so it cannot be grouped by.")
            elif not {canonical(k) for k in keys} <= listed:
                said.append(
                    f"The keys given for {column} include one that the data dictionary does not list."
                )
        return said

    def _programmes(self, query: DpQuery) -> list[str]:
        return [
            f"The column {column} does not hold true and false, so it cannot be counted as a programme."
            for column in query.count_by_programme
            if not self.columns[column].boolean
        ]

    def _numbers(self, query: DpQuery) -> list[str]:
        """Sentences about bounds and bins that the dictionary does not cover."""
        if query.column is None:
            return []
        widest = self._widest(query.column, query.per)
        if widest is None:
            said = f"The data dictionary gives no bounds for {query.column}, so it cannot be summed or cut in bins; "
            return [said + "ask for counts, or have bounds added to the dictionary."]
        given = query.bins or [b for b in (query.lower, query.upper) if b is not None]
        if all(widest[0] <= edge <= widest[1] for edge in given):
            return []
        what = "bins" if query.bins else "bounds"
        allowed = f"what the data dictionary allows, {widest[0]:g} to {widest[1]:g}"
        return [f"The {what} of {query.column} go beyond {allowed}; narrow them, or leave them out."]

    def _widest(self, column: str, per: Per) -> tuple[float, float] | None:
        """The widest bounds of one contribution: of a household's total, of as many rows as it may have."""
        known = self.columns[column]
        if known.lower is None or known.upper is None:
            return None
        rows = self.max_rows if per is Per.HOUSEHOLD else 1
        return min(known.lower, known.lower * rows), max(known.upper, known.upper * rows)

    def _filters(self, query: DpQuery) -> list[str]:
        return [
            said
            for item in (*query.filters, *query.numerator, *query.denominator)
            for said in self.columns[item.column].refuses(item)
        ]

    def bounded(self, given: Mapping[str, object]) -> DpQuery:
        """A query from a form or the API: bounds, keys and bins that are left out come from the data dictionary.

        Args:
            given: as `DpQuery.from_dict`; `group_by` may also be a column or a list of columns, and `bins` a number of
                equal bins between the bounds (10 where it is left out).

        Raises:
            QueryError: as `DpQuery.from_dict` and `complete`.
        """
        if not isinstance(given, Mapping):
            raise QueryError(["A query is given as fields with values."])
        filled = dict(given)
        groups = filled.get("group_by")
        if isinstance(groups, str):
            groups = [groups]
        if isinstance(groups, (list, tuple)):
            filled["group_by"] = {str(c): self._public_keys(str(c)) for c in groups}
        column = self.columns.get(str(filled.get("column")))
        measure = filled.get("of") if filled.get("measure") == Measure.DIFFERENCE else filled.get("measure")
        if column is not None and measure in (Measure.MEAN, Measure.SUM, Measure.QUANTILE):
            for name, bound in (("lower", column.lower), ("upper", column.upper)):
                if filled.get(name) is None and bound is not None:
                    filled[name] = bound
        if column is not None and measure == Measure.HISTOGRAM:
            filled["bins"] = _equal(filled.get("bins"), column)
        return self.complete(DpQuery.from_dict(filled))

    def _public_keys(self, column: str) -> list[Key]:
        known = self.columns.get(column)
        if known is None or known.closed:
            raise QueryError([f"The table {self.name} has no column {column[:60]!r} that can be grouped by."])
        if not known.listed:
            raise QueryError([f"The data dictionary lists no keys for {column}, so it cannot be grouped by."])
        return list(known.listed)


def _equal(bins: object, column: PublicColumn) -> object:
    """Edges of so many equal bins between the public bounds; edges that were given stay."""
    many = _BINS if bins in (None, (), []) else bins
    if isinstance(many, bool) or not isinstance(many, int) or column.lower is None or column.upper is None:
        return bins if bins is not None else []
    if not 1 <= many <= MOST_BINS:
        raise QueryError([f"A histogram has 1 to {MOST_BINS} bins."])
    return equal_edges(float(column.lower), float(column.upper), many)


def equal_edges(lower: float, upper: float, many: int) -> list[float]:
    """Edges of so many equal bins; inner ones to twelve digits."""
    inner = [float(f"{lower + (upper - lower) * i / many:.12g}") for i in range(1, many)]
    return [lower, *inner, upper]
