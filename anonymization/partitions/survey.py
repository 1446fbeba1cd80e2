"""What the columns of a CSV file hold, seen batch by batch: numbers or text, and whether something is missing.

The same answers as `anonymization.files.read_table` gives for the whole file: a column is a number only when all its
known cells are. Where a recipe needs a number, a column that is one but for a few cells is one too, and the rows of
those cells are set aside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from anonymization.files import COMMA, INTEGER, NO_NUMBER, REAL
from anonymization.schema import FieldType
from anonymization.tables import large

_PATIENCE = 50_000  # known cells after which a column that is mostly text is text for good
_ALMOST = 0.9
_LONG = 16  # digits from which float64 may be too coarse
_MISSING = pa.array(["", *NO_NUMBER], pa.binary())


@dataclass(slots=True)
class Column:
    """Counts of cells.

    Args:
        known: neither empty nor a word for "no number"; empty, no_number: those.
        integer, real, comma: how many of the known are written so.
        longest: bytes of the longest cell that is an integer.
    """

    known: int = 0
    empty: int = 0
    no_number: int = 0
    integer: int = 0
    real: int = 0
    comma: int = 0
    longest: int = 0

    def see(self, cells: pa.ChunkedArray) -> None:
        if self.known > _PATIENCE and max(self.integer, self.real, self.comma) < self.known // 2:
            self.empty += pc.sum(pc.equal(cells, b"")).as_py() or 0
            return
        counted = pc.value_counts(cells)
        values, counts = counted.field("values"), counted.field("counts")
        missing = pc.is_in(values, _MISSING)
        self.empty += _sum(counts, pc.equal(values, b""))
        self.no_number += _sum(counts, pc.and_(missing, pc.not_equal(values, b"")))
        self.known += _sum(counts, pc.invert(missing))
        for name, pattern in (("integer", INTEGER), ("real", REAL), ("comma", COMMA)):
            like = pc.match_substring_regex(values, pattern)
            # The pattern of a number lets a lone sign, point or exponent through.
            like = pc.and_(like, pc.match_substring_regex(values, r"^-?\.?[0-9]"))
            setattr(self, name, getattr(self, name) + _sum(counts, pc.and_(like, pc.invert(missing))))
            if name == "integer":
                longest = pc.max(pc.binary_length(values.filter(like))).as_py() or 0
                self.longest = max(self.longest, longest)

    def type(self, *, comma: bool, share: float = 1.0) -> FieldType:
        """What the column is when at least `share` of its known cells have to be numbers."""
        need = share * self.known
        if self.known and self.integer >= need:
            return FieldType.INTEGER
        if self.known and (self.real >= need or (comma and self.comma >= need)):
            return FieldType.NUMBER
        return FieldType.STRING

    def almost(self, *, comma: bool) -> FieldType:
        return self.type(comma=comma, share=_ALMOST)


@dataclass(slots=True)
class Survey:
    """Of all columns.

    Args:
        columns: of text cells; nulls, large, types: of typed ones: which miss something, which hold integers that
            float64 cannot, what they are.
        rows: how many were seen.
    """

    columns: dict[str, Column] = field(default_factory=dict)
    nulls: set[str] = field(default_factory=set)
    large: set[str] = field(default_factory=set)
    types: dict[str, pa.DataType] = field(default_factory=dict)
    rows: int = 0

    def see(self, batch: pa.Table, *, text: bool) -> None:
        self.rows += batch.num_rows
        for name in batch.column_names:
            cells = batch.column(name)
            if text:
                self.columns.setdefault(name, Column()).see(cells)
                continue
            self.types.setdefault(name, cells.type)
            if cells.null_count or (pa.types.is_floating(cells.type) and pc.any(pc.is_nan(cells)).as_py()):
                self.nulls.add(name)
            if large(cells):
                self.large.add(name)

    def gaps(self) -> dict[str, bool]:
        """As `tables.gaps_of`, of typed columns."""
        return {name: name in self.large for name in self.types if name in self.nulls}

    def gaps_of_text(self, types: Mapping[str, FieldType]) -> dict[str, bool]:
        """Of cells that are read as `types`: where something is missing, and whether integers are large."""
        out = {}
        for name, column in self.columns.items():
            number = types[name] in (FieldType.INTEGER, FieldType.NUMBER)
            if column.empty or (number and column.no_number):
                out[name] = types[name] is FieldType.INTEGER and column.longest >= _LONG
        return out


def _sum(counts: pa.Array, where: pa.Array) -> int:
    return int(pc.sum(counts.filter(where)).as_py() or 0)
