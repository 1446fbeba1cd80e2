"""Looks at a table and proposes what each of its columns is. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Literal

import pandas as pd

from anonymization.columns.across import across, household_column
from anonymization.columns.counted import counted_in
from anonymization.columns.findings import Finding
from anonymization.columns.judging import Judgement, judge
from anonymization.columns.lexicon import hint
from anonymization.columns.national import numbers_in
from anonymization.columns.proposal import Choice, Classification, Column, Profile
from anonymization.columns.sampling import Sample, look_at
from anonymization.columns.treatments import readable_dates, treatment_for
from anonymization.columns.written import identifiers_inside, written_in
from anonymization.schema import VariableRole
from anonymization.tables import plain

#: Values that Presidio reads in one column, and in a whole table: it is the slow one.
_READ_COLUMN, _READ_TABLE = 16, 160
#: Riskiest first.
ORDER = (
    VariableRole.DIRECT,
    VariableRole.FREE_TEXT,
    VariableRole.QUASI,
    VariableRole.SENSITIVE,
    VariableRole.PLAIN,
)


def classify(
    table: pd.DataFrame,
    *,
    dataset: str = "",
    unit: Literal["household", "person"] = "household",
    known: Mapping[str, str] | None = None,
) -> Classification:
    """A proposal for every column of `table`, the riskiest first.

    Args:
        table: rows of a registry; its index is ignored. At most 1,500 distinct values a column are read.
        dataset: slug; unit: what a row is.
        known: roles that a data dictionary gives, by column.

    Returns:
        A classification of which nothing is confirmed. It holds no value of the table.
    """
    rows = plain(table)
    samples: dict[str, Sample] = {}
    judged: dict[str, Judgement] = {}
    found: dict[str, list[Finding]] = {}
    left = _READ_TABLE
    for at, name in enumerate(rows.columns):
        samples[name] = sample = look_at(name, rows.iloc[:, at])
        found[name], read = _findings(sample, min(left, _READ_COLUMN))
        left -= read
        judged[name] = judge(sample, hint(name), found[name], (known or {}).get(name, ""))
    judged = across(samples, judged)
    columns = [_column(samples[name], judged[name], found[name]) for name in samples]
    columns.sort(key=lambda c: (ORDER.index(c.proposed.role), -c.confidence))
    household = household_column(samples, judged)
    return Classification(
        dataset=dataset,
        rows=len(rows),
        unit=unit,
        household=household,
        made_on=datetime.now(UTC).date().isoformat(),
        made_with=f"registry-enclave {version('registry-enclave')}",
        columns=tuple(columns),
    )


def _findings(sample: Sample, budget: int) -> tuple[list[Finding], int]:
    """What the values give away, and how many of them Presidio read."""
    if sample.type == "empty":
        return [Finding("unknown", 0.3, "no row has a value")], 0
    out = list(written_in(sample))
    dates = any(f.detector == "date" for f in out)
    if not dates:
        out += numbers_in(sample)
    out += [
        f
        for f in counted_in(sample)
        if not (dates and f.detector in ("unique", "code", "hidden number", "long number"))
    ]
    read = 0
    if sample.type == "text" and not dates and not any(f.confidence >= 0.9 and f.share >= 0.9 for f in out):
        inside, read = identifiers_inside(sample, budget)
        out += [inside] if inside else []
    return out, read


def _column(sample: Sample, judged: Judgement, found: list[Finding]) -> Column:
    treatment = treatment_for(judged.kind, sample)
    choice = Choice(
        role=judged.kind.role, kind=judged.kind.name, treatment=treatment.steps, settings=treatment.settings
    )
    return Column(
        name=sample.name,
        confidence=round(judged.confidence, 2),
        reason=_sentence(sample, judged),
        proposed=choice,
        decided=choice,
        profile=Profile(
            type="date" if sample.type != "date" and readable_dates(sample) else sample.type,
            stored=sample.stored,
            missing=round(1 - sample.present / sample.rows, 4) if sample.rows else 0.0,
            distinct=sample.distinct,
            distinct_share=round(sample.distinct_share, 4),
            looked_at=len(sample.texts),
            detectors={f.detector: round(f.share, 4) for f in found if f.detector},
        ),
    )


def _sentence(sample: Sample, judged: Judgement) -> str:
    why = "; ".join(dict.fromkeys(judged.reasons))
    text = f"It looks like {judged.kind.says}: {why}."
    if sample.stored == "text" and sample.type in ("whole number", "number"):
        text += " Its numbers stand as text."
    return text
