"""What the checks find. They find and never decide; no sentence of theirs carries a value of the file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much it matters, from the file's point of view; whether it may leave is the policy's to say."""

    NOTE = "note"
    LOOK = "look"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class DisclosureFinding:
    """One thing that was found.

    Args:
        rule: what kind of thing, as a name that does not change.
        place: file, row and column; rows count from 1 under the header.
        severity: how much it matters.
        sentence: what is wrong there and what to do; never a value.
    """

    rule: str
    place: str
    severity: Severity
    sentence: str

    def to_dict(self) -> dict[str, str]:
        return {
            "rule": self.rule,
            "place": self.place,
            "severity": self.severity.value,
            "sentence": self.sentence,
        }


@dataclass(frozen=True, slots=True)
class FileReport:
    """What was found in one file.

    Args:
        media_type: by content: csv, json, png, txt, md, or a type that no policy lets out.
        facts: what the policy `output-file` weighs; a fact that could not be established is absent.
        findings: where and why.
    """

    media_type: str
    facts: dict[str, object]
    findings: tuple[DisclosureFinding, ...]
