"""Tables and hierarchies from files, for the search: text as it stands, so that codes keep their zeros."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from anonymization.errors import Unusable
from anonymization.files import as_it_stands
from anonymization.lattice.criteria import Sensitive
from anonymization.lattice.hierarchy import Hierarchy
from anonymization.risk.classes import Ints, group


def read_rows(path: Path) -> list[list[str]]:
    """A hierarchy of ARX's layout: `;`-separated, one row a value, columns from exact to `*`.

    Raises:
        Unusable: it cannot be read, or is not UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        rows = list(csv.reader(text.splitlines(), delimiter=";"))
    except OSError as error:
        raise Unusable(
            f"The hierarchy {path.name} cannot be read: {error.strerror}. Correct its path."
        ) from None
    except (UnicodeDecodeError, csv.Error):
        raise Unusable(f"The hierarchy {path.name} is not UTF-8 text with `;` between its columns.") from None
    while rows and not rows[-1]:
        rows.pop()
    return [[cell.strip() for cell in row] for row in rows]


def read_hierarchies(folder: Path) -> dict[str, list[list[str]]]:
    """All hierarchies of a folder, by column: `age.csv` is that of the column age.

    Raises:
        Unusable: there is no such folder, nothing in it, or one that cannot be read.
    """
    if not folder.is_dir():
        raise Unusable(
            f"There is no folder {folder.name} at that path. Put one CSV for each column into a folder."
        )
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() == ".csv" and not p.name.startswith("."))
    if not files:
        raise Unusable(
            f"The folder {folder.name} holds no hierarchies. Put one CSV for each column there: age.csv."
        )
    return {p.stem: read_rows(p) for p in files}


def coded(
    path: Path, rows: dict[str, list[list[str]]], sensitive: str = ""
) -> tuple[Ints, Ints, list[Hierarchy], Sensitive | None]:
    """The file's distinct combinations, how many records show each, and the columns' hierarchies in its order.

    An empty cell is a value of its own that is joined with others at the last level only, unless its hierarchy says
    otherwise. With a sensitive column its values (numbers in their order) are the last column of the combinations.

    Raises:
        Unusable: a value that its hierarchy does not have, by the number of the row; a hierarchy that is none.
    """
    table, _ = as_it_stands(path, [*rows, sensitive] if sensitive else [*rows])
    hierarchies, columns = [], []
    for name, levels in rows.items():
        hierarchy, leaves = _column(name, levels, table.column(name))
        hierarchies.append(hierarchy)
        columns.append(leaves)
    found = None
    if sensitive:
        found, values = sensitive_of(*_distinct(table.column(sensitive)))
        columns.append(values)
    codes = np.asfortranarray(np.column_stack(columns))
    number, first = group(codes)
    counts = np.bincount(number, minlength=len(first)).astype(np.int64)
    return np.asfortranarray(codes[first]), counts, hierarchies, found


def sensitive_of(texts: Sequence[str], codes: Ints) -> tuple[Sensitive, Ints]:
    """Values of a sensitive column in order, numbers by size; a missing one (code -1) comes last.

    Returns:
        The shares of its values in the whole table, and the records' new codes.
    """
    numbers = pd.to_numeric(pd.Series(list(texts), dtype=object), errors="coerce").to_numpy(dtype=np.float64)
    order = (
        np.argsort(texts, kind="stable") if np.isnan(numbers).any() else np.argsort(numbers, kind="stable")
    )
    to = np.empty(len(texts) + 1, dtype=np.int64)
    to[order] = np.arange(len(texts))
    to[-1] = len(texts)
    new = to[codes]
    size = len(texts) + bool((codes < 0).any())
    overall = np.bincount(new, minlength=size) / max(len(new), 1)
    return Sensitive(overall, len(texts) if size > len(texts) else -1), new


def _column(name: str, rows: list[list[str]], column: pa.ChunkedArray) -> tuple[Hierarchy, Ints]:
    texts, codes = _distinct(column)
    if (codes < 0).any() and rows and all(row and row[0] for row in rows):
        tops = {row[-1] for row in rows}
        rows = [*rows, [""] * (len(rows[0]) - 1) + [tops.pop() if len(tops) == 1 else ""]]
    hierarchy = Hierarchy.of(name, rows)
    place = {text: leaf for leaf, text in enumerate(hierarchy.labels[0])}
    to = np.array([place.get(text, -1) for text in texts] + [place.get("", -1)], dtype=np.int64)
    leaves = to[codes]
    wrong = np.flatnonzero(leaves < 0)
    if len(wrong):
        several = len(np.unique(codes[wrong]))
        raise Unusable(
            f"{several} values of {name} are not in its hierarchy (first in row {int(wrong[0]) + 1}, {len(wrong)} rows "
            "in all). Add a row for each of them."
        )
    return hierarchy, leaves


def _distinct(column: pa.ChunkedArray) -> tuple[list[str], Ints]:
    """Distinct texts of a column and each row's, -1 where missing or empty."""
    whole = column.combine_chunks()
    whole = whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole
    if not pa.types.is_dictionary(whole.type):
        whole = whole.dictionary_encode()
    texts = [_text(v) for v in whole.dictionary.to_pylist()]
    indices = pc.fill_null(whole.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    place: dict[str, int] = {}
    to = [place.setdefault(text, len(place)) if text else -1 for text in texts]
    return list(place), np.array([*to, -1], dtype=np.int64)[indices]


def _text(value: object) -> str:
    """A value of a parquet file as a hierarchy writes it: 34, not 34.0."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value).strip()
