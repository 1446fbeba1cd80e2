"""What the data dictionary demands of every row, mended where that is plain and refused where it is not.

Bounds, dates in order and flags that follow from a cut-off are mended in place; a code that is not listed has no
nearest neighbour, so its row is drawn again. The same step follows every method, and counts what it did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymization.dp.values import Key, canonical
from anonymization.errors import AnonymizationError

Flags = npt.NDArray[np.bool_]
_ROUNDS = 20


class CannotKeepRules(AnonymizationError):
    """Too few drawn rows keep the rules."""


class Rule(Protocol):
    """A demand on a row. A missing value breaks no rule."""

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def says(self) -> str: ...

    def broken(self, df: pd.DataFrame) -> Flags: ...

    def mended(self, df: pd.DataFrame, broken: Flags) -> pd.DataFrame:
        """The table with the broken rows mended as far as this rule knows how."""


@dataclass(frozen=True, slots=True)
class Between:
    """A number within public bounds; moved to the bound."""

    column: str
    lower: float
    upper: float

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    @property
    def says(self) -> str:
        return f"{self.column} lies between {self.lower:g} and {self.upper:g}"

    def broken(self, df: pd.DataFrame) -> Flags:
        values = _numbers(df[self.column])
        return np.asarray((values < self.lower) | (values > self.upper))

    def mended(self, df: pd.DataFrame, broken: Flags) -> pd.DataFrame:
        moved = df[self.column].clip(self.lower, self.upper)
        return df.assign(**{self.column: df[self.column].where(~broken, moved)})


@dataclass(frozen=True, slots=True)
class OneOf:
    """A code of the public list; never mended."""

    column: str
    codes: tuple[Key, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    @property
    def says(self) -> str:
        return f"{self.column} holds a code of its list"

    def broken(self, df: pd.DataFrame) -> Flags:
        listed = {canonical(c) for c in self.codes} | {None}
        return np.fromiter((canonical(v) not in listed for v in df[self.column].tolist()), np.bool_, len(df))

    def mended(self, df: pd.DataFrame, broken: Flags) -> pd.DataFrame:  # noqa: ARG002 - a rule's signature
        return df


@dataclass(frozen=True, slots=True)
class InOrder:
    """One date or number not after another; the two are exchanged."""

    first: str
    second: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.first, self.second)

    @property
    def says(self) -> str:
        return f"{self.first} is not above {self.second}"

    def broken(self, df: pd.DataFrame) -> Flags:
        return np.asarray((df[self.first] > df[self.second]).fillna(value=False), dtype=bool)

    def mended(self, df: pd.DataFrame, broken: Flags) -> pd.DataFrame:
        low = df[self.first].where(~broken, df[self.second])
        high = df[self.second].where(~broken, df[self.first])
        return df.assign(**{self.first: low, self.second: high})


@dataclass(frozen=True, slots=True)
class Implies:
    """A flag that holds only below a cut-off (`eligible` means a score below it); the flag is taken away.

    Args:
        flag: a boolean column.
        column: the number behind it.
        below: the cut-off.
        exactly: whether a number below it also demands the flag.
    """

    flag: str
    column: str
    below: float
    exactly: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.flag, self.column)

    @property
    def says(self) -> str:
        return (
            f"{self.flag} {'means exactly' if self.exactly else 'needs'} {self.column} below {self.below:g}"
        )

    def broken(self, df: pd.DataFrame) -> Flags:
        score = _numbers(df[self.column])
        flag, known = _flags(df[self.flag])
        under = score < self.below
        wrong = (flag & ~under) | (~flag & under) if self.exactly else flag & ~under
        return np.asarray(wrong & known & ~np.isnan(score), dtype=bool)

    def mended(self, df: pd.DataFrame, broken: Flags) -> pd.DataFrame:
        right = _numbers(df[self.column]) < self.below
        column = df[self.flag].mask(broken, pd.Series(right, index=df.index, dtype=object))
        return df.assign(**{self.flag: column if column.isna().any() else column.astype(bool)})


@dataclass(frozen=True, slots=True)
class Only:
    """An amount that is zero unless a flag holds (a benefit without enrolment); the amount is set to zero."""

    flag: str
    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.flag, self.column)

    @property
    def says(self) -> str:
        return f"{self.column} is zero without {self.flag}"

    def broken(self, df: pd.DataFrame) -> Flags:
        amount, (flag, known) = _numbers(df[self.column]), _flags(df[self.flag])
        return np.asarray(known & ~flag & (amount != 0) & ~np.isnan(amount), dtype=bool)

    def mended(self, df: pd.DataFrame, broken: Flags) -> pd.DataFrame:
        return df.assign(**{self.column: df[self.column].mask(broken, 0)})


def kept(
    draw: Callable[[int, int], pd.DataFrame], n: int, seed: int, rules: Sequence[Rule]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Rows that keep every rule, and what was done for it.

    Args:
        draw: rows for (how many, seed).
        n: how many rows are wanted.
        seed: of the draw; later rounds use the seeds after it.
        rules: in the order in which they are mended.

    Raises:
        CannotKeepRules: when twenty rounds do not give enough.
    """
    broken, drawn, mended, have = dict.fromkeys((r.says for r in rules), 0), 0, 0, 0
    parts: list[pd.DataFrame] = []
    for turn in range(_ROUNDS):
        part = draw(n if not parts else max(2 * (n - have), 50), seed + turn)
        drawn += len(part)
        before = np.zeros(len(part), dtype=bool)
        for rule in rules:
            wrong = rule.broken(part)
            broken[rule.says] += int(wrong.sum())
            before |= wrong
            if wrong.any():
                part = rule.mended(part, wrong)
        after = np.zeros(len(part), dtype=bool)
        for rule in rules:
            after |= rule.broken(part)
        mended += int((before & ~after).sum())
        parts.append(part.iloc[np.flatnonzero(~after)])
        have += len(parts[-1])
        if have >= n:
            table = pd.concat(parts, ignore_index=True).head(n) if len(parts) > 1 else parts[0].head(n)
            done = {"rules": broken, "rows_drawn": drawn, "rows_mended": mended, "rows_kept": len(table)}
            return table.reset_index(drop=True), done
    raise CannotKeepRules(
        "Too few drawn rows keep the rules of the data dictionary; check the rules against the extract."
    )


def _numbers(column: pd.Series) -> npt.NDArray[np.float64]:
    return np.asarray(pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan))


def _flags(column: pd.Series) -> tuple[Flags, Flags]:
    """Whether each flag holds, and whether it is known."""
    known = column.notna().to_numpy(dtype=bool)
    return np.fromiter((bool(v) if k else False for v, k in zip(column, known, strict=True)), np.bool_), known
