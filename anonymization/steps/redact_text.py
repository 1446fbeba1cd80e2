"""Redacts free text, each note read with its own row's identifiers in hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

import pandas as pd

from anonymization.errors import BrokenIntent, RecipeProblem
from anonymization.schema import FieldType, Schema
from anonymization.steps.base import Context, Intent, StepEvidence, in_one_piece, intent, listed

if TYPE_CHECKING:
    from anonymization.pii import Counts, Knowledge

LinkKind = Literal["name", "place", "phone", "id", "email", "date", "coordinate"]


@dataclass(frozen=True, slots=True)
class RedactText:
    """Redacts columns of notes.

    Args:
        columns: the free-text columns.
        linked: columns of the same row that may be repeated in the text, and what each holds.
        language, country: columns that name the note's language and country ("" where there are none).
        profile: standard, or strict, which also takes out capitalised words that the corpus does not know.
        keep_words: words that are never names here (programmes, months, offices).
    """

    kind: ClassVar[str] = "redact_text"
    columns: tuple[str, ...]
    linked: Mapping[str, LinkKind] = field(default_factory=dict)
    language: str = ""
    country: str = ""
    profile: Literal["standard", "strict"] = "strict"
    keep_words: tuple[str, ...] = ()

    def plan(self, schema: Schema) -> Intent:
        for name in self.columns:
            if schema.must(name, self.kind).type is not FieldType.STRING:
                raise RecipeProblem(
                    [f"redact_text: {name} does not hold text. Drop or generalise it instead."]
                )
        also = (*self.linked, *(c for c in (self.language, self.country) if c))
        says = (
            f"Redacts {listed(self.columns)} with the {self.profile} profile, "
            f"reading {len(self.linked)} linked columns."
        )
        return intent(self, schema, dict.fromkeys(self.columns, None), says, also_reads=also)

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        return in_one_piece(self, table, context)

    def scan(self, table: pd.DataFrame, context: Context) -> dict[str, Counts]:  # noqa: ARG002
        """How this partition's notes use their words, and its names and places (see anonymization.pii.counts)."""
        from anonymization.pii import Linked, learn  # noqa: PLC0415

        linked = Linked.of(table, self.linked)
        return {name: learn(_texts(table, name), linked) for name in self.columns}

    def decide(self, scans: Sequence[dict[str, Counts]], context: Context) -> dict[str, Knowledge]:  # noqa: ARG002
        """What the whole corpus says; it holds the registry's names, so it is kept where the extract is kept."""
        from anonymization.pii import Counts, Knowledge  # noqa: PLC0415

        return {name: Knowledge.of(Counts.merged(scan[name] for scan in scans)) for name in self.columns}

    def carry_out(
        self, table: pd.DataFrame, decision: Mapping[str, Knowledge], context: Context
    ) -> tuple[pd.DataFrame, StepEvidence]:
        # Presidio and its tokeniser take seconds to import; only those who redact pay.
        from anonymization.pii import Linked, own_values_left, redact  # noqa: PLC0415

        out = table.copy(deep=False)
        linked = Linked.of(table, self.linked)
        evidence: StepEvidence = {}
        for name in self.columns:
            redacted, found = redact(
                _texts(table, name),
                linked,
                languages=_strings(table, self.language),
                countries=_strings(table, self.country),
                profile=self.profile,
                keep_words=self.keep_words,
                processes=context.processes,
                knowledge=decision[name],
            )
            left = own_values_left(redacted, linked)
            if left:
                raise BrokenIntent(
                    f"In {left} texts of {name} an identifier of the same row is there after redaction. "
                    "This is a defect; nothing was released."
                )
            out[name] = pd.Series(redacted, dtype=object, index=table.index)
            evidence[name] = {**found, "own_identifiers_left": left}
        return out, evidence


def _texts(table: pd.DataFrame, column: str) -> list[str | None]:
    return [t if isinstance(t, str) else None for t in table[column]]


def _strings(table: pd.DataFrame, column: str) -> list[str]:
    if not column:
        return [""] * len(table)
    return [v if isinstance(v, str) else "" for v in table[column]]
