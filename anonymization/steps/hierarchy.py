"""Hierarchies of codes: each value and what stands for it at every level, in a recipe or in a file of ARX's layout."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from anonymization.errors import RecipeProblem

#: A value's code to its labels at levels 1, 2, ...
Levels = Mapping[str, tuple[str, ...]]

#: The label that stands for anything.
ANY = "*"


def wrong_levels(name: str, levels: Levels, level: int) -> str:
    """What is wrong with a hierarchy at that level, as a sentence; "" when nothing is. No value is named."""
    depths = {len(labels) for labels in levels.values()}
    if not levels or len(depths) > 1 or depths == {0}:
        return (
            f"generalise: all values in the hierarchy of {name} need the same number of levels, at least one."
        )
    depth = depths.pop()
    if not 1 <= level <= depth:
        return f"generalise: the hierarchy of {name} has levels 1 to {depth}. Choose one of them."
    for j in range(depth - 1):
        upper: dict[str, str] = {}
        for labels in levels.values():
            if upper.setdefault(labels[j], labels[j + 1]) != labels[j + 1]:
                return (
                    f"generalise: in the hierarchy of {name} one group of level {j + 1} lies in two groups of level "
                    f"{j + 2}. A group must lie in one."
                )
    return ""


@lru_cache(maxsize=64)
def read_levels(path: str, digest: str) -> Levels:
    """A file of ARX's layout: `;`-separated, one row for each value, columns from the exact value to `*`.

    Raises:
        RecipeProblem: when it cannot be read, is not the file whose SHA-256 is given, or names a value twice.
    """
    try:
        content = Path(path).read_bytes()
    except OSError:
        raise RecipeProblem(
            [f"generalise: the hierarchy file {path} cannot be read. Correct its path."]
        ) from None
    if hashlib.sha256(content).hexdigest() != digest.lower():
        raise RecipeProblem(
            [
                (
                    f"generalise: the hierarchy file {path} is not the one whose SHA-256 the recipe gives. Give its "
                    f"own ({hashlib.sha256(content).hexdigest()}) if it is the right file."
                )
            ]
        )
    try:
        rows = [row for row in csv.reader(content.decode("utf-8-sig").splitlines(), delimiter=";") if row]
    except (UnicodeDecodeError, csv.Error):
        raise RecipeProblem(
            [f"generalise: the hierarchy file {path} is not UTF-8 text with `;` between columns."]
        ) from None
    levels = {row[0].strip(): tuple(label.strip() for label in row[1:]) for row in rows}
    if len(levels) < len(rows):
        raise RecipeProblem(
            [f"generalise: the hierarchy file {path} has a value twice. Keep one row for each."]
        )
    return levels
