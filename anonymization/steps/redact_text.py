"""Redacts free text, each note read with its own row's identifiers in hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import pandas as pd

from anonymization.errors import BrokenIntent, RecipeProblem
from anonymization.schema import FieldType, Schema
from anonymization.steps.base import Context, Intent, StepEvidence, in_one_piece, intent, listed

if TYPE_CHECKING:
    from anonymization.pii import Counts, Knowledge, Linked

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
        replace: what stands in the text instead: roles ([head], [phone]), pseudonyms ([person 7GQ2M4XB]) or
            surrogates (invented names and numbers), the latter two the same within one release or project.
        models: auto uses named-entity models that are installed for the notes' languages; none does not.
        sample: a JSON-lines file of texts that people have marked, on which recall and precision are measured: one
            {"text": ..., "spans": [[start, end, kind], ...], "language": ..., "country": ...} a line.
    """

    kind: ClassVar[str] = "redact_text"
    columns: tuple[str, ...]
    linked: Mapping[str, LinkKind] = field(default_factory=dict)
    language: str = ""
    country: str = ""
    profile: Literal["standard", "strict"] = "strict"
    keep_words: tuple[str, ...] = ()
    replace: Literal["roles", "pseudonyms", "surrogates"] = "roles"
    models: Literal["auto", "none"] = "auto"
    sample: str = ""

    def plan(self, schema: Schema) -> Intent:
        if self.sample and not Path(self.sample).is_file():
            raise RecipeProblem(
                ["redact_text: there is no file at the path of `sample`. Correct it, or leave it out."]
            )
        for name in self.columns:
            if schema.must(name, self.kind).type is not FieldType.STRING:
                raise RecipeProblem(
                    [f"redact_text: {name} does not hold text. Drop or generalise it instead."]
                )
        also = (*self.linked, *(c for c in (self.language, self.country) if c))
        says = (
            f"Redacts {listed(self.columns)} with the {self.profile} profile, "
            f"reading {len(self.linked)} linked columns"
            + ("." if self.replace == "roles" else f", and writes {self.replace} instead.")
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
        evidence: dict[str, dict[str, object]] = {}
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
                replace=self.replace,
                key=b"" if self.replace == "roles" else context.keys.sub_key(context.scope, "text"),
                models=self.models == "auto",
            )
            left = own_values_left(redacted, linked)
            if left:
                raise BrokenIntent(
                    f"In {left} texts of {name} an identifier of the same row is there after redaction. "
                    "This is a defect; nothing was released."
                )
            out[name] = pd.Series(redacted, dtype=object, index=table.index)
            evidence[name] = {**found, "own_identifiers_left": left}
            if context.part == 0:
                evidence[name].update(self._measured(table, linked, decision[name]))
        return out, dict(evidence)

    def _measured(self, table: pd.DataFrame, linked: Linked, knowledge: Knowledge) -> StepEvidence:
        """How well the identifiers of this extract are found: once a run, on a sample of bounded size."""
        from anonymization.pii.trial import labelled, planted  # noqa: PLC0415

        how = planted.How(self.profile, self.keep_words, models=self.models == "auto")
        countries, languages = _strings(table, self.country), _strings(table, self.language)
        marked: object = "not measured on this extract: the recipe names no labelled sample"
        if self.sample:
            marked = planted.on_labelled(labelled.read(self.sample), knowledge, how)
        return {
            "recall_on_labelled_sample": marked,
            "recall_on_planted_sample": planted.on_planted(linked, countries, languages, knowledge, how),
        }


def _texts(table: pd.DataFrame, column: str) -> list[str | None]:
    return [t if isinstance(t, str) else None for t in table[column]]


def _strings(table: pd.DataFrame, column: str) -> list[str]:
    if not column:
        return [""] * len(table)
    return [v if isinstance(v, str) else "" for v in table[column]]
