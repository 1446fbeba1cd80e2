"""What is public about a table, and whether a query keeps to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .queries import DpQuery, Measure, Per, QueryError
from .values import Key, canonical


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
            QueryError: for an unknown table or column, a key that the dictionary does not list, or another
                unit.
        """
        said = self._names(query)
        if not said:
            said = [*self._groups(query), *self._programmes(query)]
        if said:
            raise QueryError(said)
        return query

    def _names(self, query: DpQuery) -> list[str]:
        said = []
        if query.table != self.name:
            said.append(f"This data dictionary describes the table {self.name}, not the one asked for.")
        if query.unit_id != self.unit_id:
            said.append(f"The privacy unit of {self.name} is named by {self.unit_id}; ask with that column.")
        for column in query.columns:
            if column == self.unit_id == query.unit_id:
                continue
            known = self.columns.get(column)
            if known is None:
                said.append(f"The table {self.name} has no column {column[:60]!r}; see its data dictionary.")
            elif known.closed:
                said.append(f"The column {column} identifies people directly and cannot be asked about.")
        if any(
            self.unit_id == c for c in [*query.group_by, query.column, *(f.column for f in query.filters)]
        ):
            said.append(f"The column {self.unit_id} names households and cannot be asked about.")
        if query.per is Per.ROW and query.max_rows > self.max_rows:
            said.append(f"At most {self.max_rows} rows of a household count in {self.name}; lower max_rows.")
        return said

    def _groups(self, query: DpQuery) -> list[str]:
        said = []
        for column, keys in query.group_by.items():
            known = self.columns[column]
            listed = {canonical(k) for k in (known.keys or ((True, False) if known.boolean else ()))}
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

    def bounded(self, given: Mapping[str, object]) -> DpQuery:
        """A query from a form or the API: bounds and keys that are left out come from the data dictionary.

        Args:
            given: as `DpQuery.from_dict`; `group_by` may also be a list of column names.

        Raises:
            QueryError: as `DpQuery.from_dict` and `complete`.
        """
        filled = dict(given)
        groups = filled.get("group_by")
        if isinstance(groups, (list, tuple)):
            filled["group_by"] = {str(c): self._public_keys(str(c)) for c in groups}
        column = self.columns.get(str(filled.get("column")))
        if column is not None and filled.get("measure") in (Measure.MEAN, Measure.SUM):
            for name, bound in (("lower", column.lower), ("upper", column.upper)):
                if filled.get(name) is None and bound is not None:
                    filled[name] = bound
        return self.complete(DpQuery.from_dict(filled))

    def _public_keys(self, column: str) -> list[Key]:
        known = self.columns.get(column)
        if known is None or known.closed:
            raise QueryError([f"The table {self.name} has no column {column[:60]!r} that can be grouped by."])
        keys = known.keys or ((True, False) if known.boolean else ())
        if not keys:
            raise QueryError([f"The data dictionary lists no keys for {column}, so it cannot be grouped by."])
        return list(keys)
