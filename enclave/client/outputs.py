"""Writing a table so that it can be checked and, once two people have approved it, leave.

A table goes to /workspace/outputs as <name>.csv with its description <name>.sdc.json beside it. The
description says which columns count households and which are numbers about them; what it does not mention
cannot leave.
"""

from __future__ import annotations

import json
import math
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from enclave.client.counting import THRESHOLD, shares_of, warn_small
from enclave.client.errors import ClientError, SmallCellWarning
from enclave.client.suppressing import Counted

SCHEMA = "registry-enclave/output/1"

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_TOKENS = {
    "household_id",
    "person_id",
    "head_person_id",
    "enrolment_id",
    "payment_id",
    "assessment_id",
    "link_id",
}


def outputs_folder() -> Path:
    """Where outputs wait: $ENCLAVE_WORKSPACE/outputs, else /workspace/outputs; made when absent."""
    folder = Path(os.environ.get("ENCLAVE_WORKSPACE") or "/workspace") / "outputs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def output(
    table: pd.DataFrame,
    name: str,
    *,
    counts: Sequence[str],
    statistics: Sequence[str] | Mapping[str, str] = (),
    title: str,
    context: str,
    proportions: Sequence[str] = (),
    dimensions: Sequence[str] = (),
    parts: Mapping[str, str] | None = None,
    quantiles: Mapping[str, tuple[float, str]] | None = None,
    endpoints: Mapping[str, str] | None = None,
    threshold: int = THRESHOLD,
    suppress: bool = False,
) -> Path:
    """Writes one table and its description into the outputs folder.

    Columns of text are dimensions; every other column must be declared. The shares of the largest households
    that `tabulate` adds (`v_top1_share`, `v_top2_share`) are recognised, and rounded up to hundredths.

    Args:
        table: one row per cell or group.
        name: file name without ending: small letters, digits, hyphens, underscores.
        counts: columns of distinct households behind each row; at least one.
        statistics: columns of means, totals, errors and the like; as a mapping, each with its own count
            column.
        title: what the table shows, for the checkers and the public register.
        context: population, period, method and what it is for; checkers return outputs without it.
        proportions: columns of shares of households, between 0 and 1; may also be in the mapping of
            `statistics`.
        dimensions: columns of numbers that only name a group (a year, a quantile).
        parts: count column to the count column that it is a part of, so that the rest is looked at too.
        quantiles: columns of medians, quartiles and the like, each with which one (0.5) and its count column:
            {"median_pay": (0.5, "households")}.
        endpoints: columns of smallest or largest values, each with the count column of the households that
            share that very value.
        threshold: smallest count that may be shown. The airlock's policy decides, not this number.
        suppress: blank what describes fewer than `threshold` households, and the numbers that rest on it.

    Returns:
        The csv's path.

    Raises:
        ClientError: for an unusable name, an undeclared or absent column, an identifier, or counts that are
            none.
    """
    check_words(name, title, context)
    if isinstance(counts, str) or isinstance(statistics, str) or isinstance(proportions, str):
        raise ClientError("Give counts, statistics and proportions as lists of column names.")
    places = {column: {"q": q, "count": count} for column, (q, count) in (quantiles or {}).items()}
    ends = dict(endpoints or {})
    numbers = list(dict.fromkeys([*statistics, *proportions, *places, *ends]))
    dominance = shares_of(table, numbers)
    evidence = [column for shares in dominance for column in (shares.top1_share, shares.top2_share)]
    behind = dict(statistics) if isinstance(statistics, Mapping) else {}
    behind |= {column: str(place["count"]) for column, place in places.items()} | ends
    counted = Counted(counts, behind, dict(parts or {}))
    _check_columns(table, counted, [*numbers, *evidence], dimensions)
    shown = table.reset_index(drop=True)
    for column in evidence:
        shown[column] = shown[column].map(
            lambda share: math.ceil(share * 100 - 1e-9) / 100, na_action="ignore"
        )
    if suppress:
        shown = counted.blank(shown, [*numbers, *evidence], threshold)
        for column, (q, count) in (quantiles or {}).items():
            shown[column] = shown[column].mask(table[count].to_numpy() * min(q, 1 - q) < threshold - 1e-9)
        _warn_of_a_single_blank(shown, counts)
    else:
        warn_small(counted.small(shown, threshold), threshold)
    described = {
        "schema": SCHEMA,
        "kind": "table",
        "unit": "household",
        "counts": list(counts),
        "statistics": dict(statistics) if isinstance(statistics, Mapping) else list(statistics),
        "proportions": list(proportions),
        "dimensions": [c for c in shown.columns if c not in {*counts, *numbers, *evidence}],
        "parts": dict(counted.parts),
        "dominance": [asdict(shares) for shares in dominance],
        "quantiles": places,
        "endpoints": ends,
        "title": title.strip(),
        "context": context.strip(),
    }
    folder = outputs_folder()
    text = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
    write_whole(folder / f"{name}.sdc.json", text.encode())
    return write_whole(folder / f"{name}.csv", shown.to_csv(index=False, lineterminator="\n").encode())


def checked_name(name: str) -> str:
    """The name of an output, without ending; raises ClientError when it is not a plain one."""
    if not _NAME.fullmatch(name):
        raise ClientError(
            "Give the output a plain name without ending: small letters, digits, hyphens and underscores, "
            "beginning "
            "with a letter or digit, at most 64 of them, for example 'exclusion-error-by-region'."
        )
    return name


def check_words(name: str, title: str, context: str) -> None:
    """Raises ClientError for a name, title or context that no checker can use."""
    checked_name(name)
    if not title.strip() or not context.strip():
        raise ClientError(
            "Give a title and a context: population, period, method and what the table is for. "
            "Without them the checkers must return it."
        )


def _check_columns(
    table: pd.DataFrame, counted: Counted, numbers: Sequence[str], dimensions: Sequence[str]
) -> None:
    columns = list(table.columns)
    if not columns or table.empty:
        raise ClientError("The table has no rows or no columns; there is nothing to write.")
    if len(set(columns)) != len(columns) or not all(isinstance(c, str) for c in columns):
        raise ClientError(
            "Every column needs one name of its own, as text. Rename the columns; reset_index() may help."
        )
    if not counted.counts:
        raise ClientError(
            "Name at least one column in counts=[…] that says how many households stand behind each row; "
            "client.tabulate makes it."
        )
    declared = [*counted.counts, *numbers, *dimensions]
    absent = [c for c in declared if c not in columns]
    if absent:
        raise ClientError(f"The table has no column called {_listed(absent)}, which you declared.")
    if len(set(declared)) != len(declared):
        raise ClientError(
            "A column can be only one thing: a count, a number about households, or a dimension."
        )
    strangers = [
        c
        for c in (*counted.behind.values(), *counted.parts, *counted.parts.values())
        if c not in counted.counts
    ]
    if strangers:
        raise ClientError(f"{_listed(strangers)} stands for a count but is not in counts=. Add it there.")
    _check_kinds(table, counted, numbers, [c for c in columns if c not in declared])


def _check_kinds(
    table: pd.DataFrame, counted: Counted, numbers: Sequence[str], undescribed: Sequence[str]
) -> None:
    tokens = [c for c in table.columns if c in _TOKENS]
    if tokens:
        raise ClientError(f"Column {_listed(tokens)} holds tokens of people or households: drop it.")
    undeclared = [c for c in undescribed if not _is_text(table[c])]
    if undeclared:
        raise ClientError(
            f"Say what {_listed(undeclared)} is: name it in counts=, statistics=, proportions= or "
            "dimensions=, "
            "or drop it. Nothing undeclared can leave."
        )
    for number in numbers:
        if not pd.api.types.is_numeric_dtype(table[number]):
            raise ClientError(f"Column {number!r} does not hold numbers, though you declared it as such.")
    for count in counted.counts:
        values = table[count]
        whole = pd.api.types.is_numeric_dtype(values) and bool(((values.dropna() % 1) == 0).all())
        if not whole or bool((values.dropna() < 0).any()):
            raise ClientError(f"Column {count!r} must count households: whole numbers, none below zero.")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))


def _is_text(column: pd.Series) -> bool:
    """Labels: text, categories and booleans, but not numbers in an object column."""
    if pd.api.types.is_bool_dtype(column):
        return True
    values = column.dropna()
    return not pd.api.types.is_numeric_dtype(column) and all(isinstance(v, str | bool) for v in values)


def _warn_of_a_single_blank(shown: pd.DataFrame, counts: Sequence[str]) -> None:
    if any(int(shown[count].isna().sum()) == 1 for count in counts):
        warnings.warn(
            "A column has a single blank. Anybody who knows its total can work it out: merge that row "
            "with another, "
            "or blank a second one.",
            SmallCellWarning,
            stacklevel=3,
        )


def write_whole(path: Path, content: bytes) -> Path:
    """Whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)
    return path
