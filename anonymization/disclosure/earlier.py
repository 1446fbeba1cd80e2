"""A result file as the counts that later ones are compared with (see `differencing`)."""

from __future__ import annotations

from anonymization.disclosure.differencing import ReleasedTable
from anonymization.disclosure.files import media_type
from anonymization.disclosure.spec import TOTALS, BadDescription, TableSpec, read_spec
from anonymization.disclosure.tables import NotATable, ResultTable, number, read_table


def counted_cells(name: str, data: bytes, sidecar: bytes | None) -> ReleasedTable | None:
    """The counts of the population that a table is about; None for a file that is no described table.

    Of several columns of counts it is the first that is part of no other one. Rows of totals and suppressed cells
    are left out.

    Args:
        name: what to call it in a finding.
    """
    kind = media_type(data, "table.csv")
    if kind not in ("csv", "json") or sidecar is None:
        return None
    try:
        table, spec = read_table(data, kind), read_spec(sidecar, kind)
    except (NotATable, BadDescription):
        return None
    if not isinstance(spec, TableSpec) or spec.model is not None or spec.columns() - set(table.columns):
        return None
    return counts_of(name, table, spec)


def counts_of(name: str, table: ResultTable, spec: TableSpec) -> ReleasedTable | None:
    """See `counted_cells`; None where no count is declared."""
    whole = next((c for c in spec.counts if c not in spec.parts), None)
    if whole is None:
        return None
    named = tuple(
        c
        for c in table.columns
        if c in spec.dimensions or (c not in spec.columns() and not table.is_numeric(c))
    )
    totals = {*TOTALS, *(label.strip().lower() for label in spec.total_labels)}
    at, counted = [table.columns.index(c) for c in named], table.columns.index(whole)
    cells: dict[tuple[str, ...], int] = {}
    for row in table.rows:
        key, count = tuple(row[a].strip().lower() for a in at), number(row[counted])
        if count is not None and count >= 0 and count.is_integer() and not totals & set(key):
            cells[key] = int(count)
    return ReleasedTable(name, tuple(c.strip().lower() for c in named), cells)
