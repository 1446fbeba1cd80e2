"""Direct identifiers that survive: no cell of the release may still hold one, of whatever row.

The release's short texts are few when they are codes and labels, so they are gathered as hashes with counts, and the
extract's direct identifiers are then looked up among them, partition by partition. Pseudonyms are not gathered: a
keyed token of 100 bits is no identifier.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from anonymization.errors import BrokenIntent
from anonymization.keys import TOKEN_LENGTH, normalise
from anonymization.partitions.intake import Ints, text_hashes
from anonymization.recipe import Recipe
from anonymization.schema import VariableRole
from anonymization.steps.evidence import Distinct

_SHORTEST = 4  # characters; shorter texts are shared by too many to name anybody
#: Free text is read as numbers with their separators taken out; of 7 digits and more (phones, identity numbers).
_NUMBER = re.compile(r"\d(?:[\d\s().\-/]*\d)?")
_DIGITS = 7
_TOKEN = f"^[0-9A-HJKMNP-TV-Z]{{{TOKEN_LENGTH}}}$"


@dataclass(frozen=True, slots=True)
class Cells:
    """Hashes, rising and distinct, of what the release shows, and how many cells show each."""

    hashes: Ints
    counts: Ints

    @classmethod
    def of(cls, hashes: Ints) -> Cells:
        found, counts = np.unique(hashes[hashes != 0], return_counts=True)
        return cls(found, counts.astype(np.int64))

    @classmethod
    def merged(cls, parts: Sequence[Cells]) -> Cells:
        found, places = np.unique(np.concatenate([p.hashes for p in parts]), return_inverse=True)
        counts = np.bincount(places, weights=np.concatenate([p.counts for p in parts]), minlength=len(found))
        return cls(found, counts.astype(np.int64))


@dataclass(frozen=True, slots=True)
class Shown:
    """What one partition of the release shows. Args: cells: whole cells; numbers: long numbers in free text."""

    cells: Cells
    numbers: Cells


@dataclass(frozen=True, slots=True)
class Sought:
    """What one partition of the extract says of a direct identifier: which of the shown hashes are its own."""

    cells: Ints
    numbers: Ints
    known: int
    distinct: Distinct


def shown(table: pa.Table, recipe: Recipe) -> Shown:
    """Of one partition of the release."""
    cells, numbers = [], []
    for name in table.column_names:
        column = table.column(name)
        decision = recipe.columns.get(name)
        if pa.types.is_string(column.type) or pa.types.is_date(column.type):
            if decision and "pseudonymise" in decision.treatment:
                column = column.filter(
                    pc.fill_null(pc.invert(pc.match_substring_regex(column, _TOKEN)), False)
                )
            cells.append(text_hashes(column, _SHORTEST))
            if decision and decision.role is VariableRole.FREE_TEXT:
                found = [d for text in column.drop_null().to_pylist() for d in _numbers(text)]
                numbers.append(text_hashes(pa.chunked_array([pa.array(found, pa.string())])))
    empty = [np.zeros(0, dtype=np.int64)]
    return Shown(Cells.of(np.concatenate([*cells, *empty])), Cells.of(np.concatenate([*numbers, *empty])))


def _numbers(text: str) -> list[str]:
    runs = (_digits(m) for m in _NUMBER.findall(text))
    return [d for d in runs if len(d) >= _DIGITS]


def _digits(text: str) -> str:
    return "".join(ch for ch in text if ch.isdigit())


def _long_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The digits of each cell that has enough of them."""
    plain = pa.types.is_string(column.type) or pa.types.is_integer(column.type)
    text = column.cast(pa.string()) if plain else None
    if text is not None and pc.all(pc.string_is_ascii(text)).as_py() is not False:
        digits = pc.replace_substring_regex(text, r"[^0-9]", "")
    else:
        texts = (normalise(v) or "" for v in column.drop_null().to_pylist())
        digits = pa.chunked_array([pa.array([_digits(t) for t in texts], pa.string())])
    return digits.filter(pc.fill_null(pc.greater_equal(pc.utf8_length(digits), _DIGITS), False))


def merged(parts: Sequence[Shown]) -> Shown:
    return Shown(Cells.merged([p.cells for p in parts]), Cells.merged([p.numbers for p in parts]))


def direct_columns(recipe: Recipe) -> tuple[str, ...]:
    return tuple(n for n, d in recipe.columns.items() if d.role is VariableRole.DIRECT)


def sought(table: pa.Table, what: Shown) -> dict[str, Sought]:
    """Of one partition of the extract: only its direct identifiers' columns are given."""
    out = {}
    for name in table.column_names:
        column = table.column(name)
        hashes = text_hashes(column, _SHORTEST)
        hashes = hashes[hashes != 0]
        digits = np.zeros(0, dtype=np.int64)
        if len(what.numbers.hashes):
            digits = text_hashes(_long_numbers(column))
        out[name] = Sought(
            np.intersect1d(hashes, what.cells.hashes),
            np.intersect1d(digits, what.numbers.hashes),
            len(column) - column.null_count,
            Distinct(hashes.view(np.uint64)),
        )
    return out


@dataclass(slots=True)
class Survivors:
    """Direct identifiers that are left, added up over the partitions of the extract.

    Args:
        what: all that the release shows.
    """

    what: Shown
    cells: dict[str, set[int]] = field(default_factory=dict)
    numbers: set[int] = field(default_factory=set)
    known: dict[str, int] = field(default_factory=dict)
    distinct: dict[str, Distinct] = field(default_factory=dict)

    def add(self, found: Mapping[str, Sought]) -> None:
        for name, part in found.items():
            self.cells.setdefault(name, set()).update(part.cells.tolist())
            self.numbers.update(part.numbers.tolist())
            self.known[name] = self.known.get(name, 0) + part.known
            earlier = self.distinct.get(name)
            self.distinct[name] = (
                part.distinct if earlier is None else Distinct.union([earlier, part.distinct])
            )

    def by_identifier(self) -> dict[str, int]:
        """For each, how many cells of the release hold one of its values whole.

        Raises:
            BrokenIntent: when an identifier that names single records (most values distinct) is found at all.
        """
        out = {name: _shown(self.what.cells, hashes) for name, hashes in self.cells.items()}
        for name, count in out.items():
            if count and self.distinct[name] > 0.5 * max(1, self.known[name]):
                raise BrokenIntent(
                    f"{count} cells of the release still hold values of the direct identifier {name}. "
                    "Nothing was released; drop or pseudonymise every column that repeats it."
                )
        return out

    def in_text(self) -> int:
        """How many long numbers in free text are one of theirs."""
        return _shown(self.what.numbers, self.numbers)


def _shown(cells: Cells, hashes: set[int]) -> int:
    """How many cells show one of the hashes, all of which are among them."""
    return int(cells.counts[np.searchsorted(cells.hashes, sorted(hashes))].sum())
