"""One column's kind: its name and its values heard together; the riskier one wins unless a surer one excludes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from anonymization.columns.findings import Finding
from anonymization.columns.lexicon import Kind, NameHint, kinds
from anonymization.columns.sampling import Sample
from anonymization.schema import VariableRole

#: Kinds that values alone lead to; they are not in kinds.yaml because no name does.
BY_VALUE = {
    "category": Kind(
        "category", VariableRole.QUASI, 900, "codes of which the values do not say what they mean", "keep"
    ),
    "measure": Kind("measure", VariableRole.SENSITIVE, 901, "a measure or an amount", "keep"),
    "constant": Kind("constant", VariableRole.PLAIN, 902, "one value throughout", "keep"),
    "unknown": Kind("unknown", VariableRole.QUASI, 903, "nothing, or nothing that can be read", "drop"),
}
#: From here on a finding stands against whatever the name says.
SURE = 0.6


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a column is proposed to be.

    Args:
        kind: see lexicon.kinds and BY_VALUE; confidence: 0 to 1; reasons: parts of a sentence.
    """

    kind: Kind
    confidence: float
    reasons: tuple[str, ...]

    def stricter(self, kind: str, confidence: float, reason: str) -> Judgement:
        """Another kind for a reason that only the table shows; what was said before stays."""
        return replace(self, kind=kind_of(kind), confidence=confidence, reasons=(reason, *self.reasons))


def kind_of(name: str) -> Kind:
    return kinds().get(name) or BY_VALUE[name]


def judge(sample: Sample, hint: NameHint | None, findings: Sequence[Finding], known: str = "") -> Judgement:
    """The kind of a column.

    Args:
        sample: the look at it; hint: what its name suggests; findings: what its values give away.
        known: the role that a data dictionary gives it, "" where there is none.
    """
    if sample.type == "empty":
        named = kind_of(hint.kind) if hint else BY_VALUE["unknown"]
        return Judgement(named, 0.5 if hint else 0.3, ("no row has a value, so only the name speaks",))
    told = _told(sample, hint)
    found = sorted(findings, key=lambda f: (-_danger(f), -f.confidence))
    best = found[0]
    prose = next((f for f in found if f.kind == "free_text" and f.confidence >= 0.85), None)
    if prose and best.share < 0.9:
        best = prose  # what stands inside sentences is redacted there
    for f in found[1:]:  # the surest of equally dangerous ones, and a sure one over a guess
        if f.confidence > best.confidence + 0.3 and _danger(f) >= 2:
            best = f
    out = _together(sample, told, best, [f for f in findings if f is not best])
    return _with_dictionary(out, known)


def _danger(finding: Finding) -> int:
    role = kind_of(finding.kind).role
    return {
        VariableRole.DIRECT: 4,
        VariableRole.FREE_TEXT: 3,
        VariableRole.QUASI: 2,
        VariableRole.SENSITIVE: 1,
    }.get(role, 0) * (finding.kind not in BY_VALUE)


@dataclass(frozen=True, slots=True)
class _Told:
    kind: Kind
    confidence: float
    reason: str


def _told(sample: Sample, hint: NameHint | None) -> _Told | None:
    """What the name says, unless the values cannot be that."""
    if hint is None:
        return None
    kind, said = kind_of(hint.kind), " ".join(hint.words)
    sure = 0.9 if hint.whole else 0.8
    direct = kind.role in (VariableRole.DIRECT, VariableRole.FREE_TEXT)
    few = sample.distinct <= 12 and sample.present >= 10 * sample.distinct
    if direct and hint.about and (few or sample.type == "boolean"):
        return _Told(
            kind_of("category"), 0.6, f"the name speaks of {kind.says}, but only of its {hint.about}"
        )
    # Few places are places and few names (of the interviewers) are names; few telephones are something else.
    named = kind.name in ("place_name", "address", "coordinate") or (
        kind.name == "person_name" and sample.type == "text"
    )
    if direct and few and not named:
        return _Told(
            kind_of("category"),
            0.5,
            f"the name speaks of {kind.says}, but there are {sample.distinct} values",
        )
    fits = {
        "any": True,
        "text": sample.type == "text" or kind.role is not VariableRole.FREE_TEXT,
        "number": sample.type in ("whole number", "number", "boolean") or sample.distinct <= 150,
        "date": sample.type in ("date", "text", "whole number"),
        "few": sample.distinct <= 120,
    }[kind.expects]
    if kind.name in _MAY_BE_UNIQUE and sample.type == "text" and sample.distinct > 25:
        fits = False  # an amount does not read like that; what it is the values must say
    if not fits:
        return None
    return _Told(kind, sure, f"its name holds {said!r}")


def _together(sample: Sample, told: _Told | None, best: Finding, others: list[Finding]) -> Judgement:
    seen = kind_of(best.kind)
    if told is None:
        return Judgement(seen, best.confidence, (best.says,))
    if told.kind.name == seen.name:
        return Judgement(seen, _both(told.confidence, best.confidence), (told.reason, best.says))
    agreeing = next((f for f in others if f.kind == told.kind.name), None)
    sure = _both(told.confidence, agreeing.confidence) if agreeing else told.confidence
    named = Judgement(told.kind, sure, (told.reason, agreeing.says if agreeing else best.says))
    if told.kind.role is VariableRole.DIRECT:
        # Both direct: the name knows better what it is, the values that it is one.
        bonus = 0.9 if seen.role is VariableRole.DIRECT else 0.0
        return replace(named, confidence=_both(sure, bonus))
    if (told.kind.role is VariableRole.FREE_TEXT and agreeing) or not _contradicts(sample, told.kind, best):
        return named
    return Judgement(seen, best.confidence, (best.says, f"{told.reason}, but its values say otherwise"))


def _contradicts(sample: Sample, told: Kind, best: Finding) -> bool:
    """Whether what the values show stands against a name that promises something less risky."""
    seen = kind_of(best.kind)
    if best.confidence < SURE:
        return False
    if seen.role is VariableRole.DIRECT:
        amount = best.detector in _COUNTED and told.name in _MAY_BE_UNIQUE and sample.type in _NUMERIC
        return not amount and not (told.name in _NAMED_THINGS and best.detector == "name form")
    if seen.role is VariableRole.FREE_TEXT:
        return told.role is not VariableRole.FREE_TEXT
    if seen.name == "birth_date":
        amount = best.detector == "day count" and told.name in _MAY_BE_UNIQUE
        return told.name not in ("birth_date", "birth_part") and not amount
    return seen.name in ("event_date", "birth_part") and told.role in (
        VariableRole.PLAIN,
        VariableRole.SENSITIVE,
    )


#: Findings that rest on counts alone, and kinds whose numbers may well be unique (an amount, a weight).
_COUNTED = frozenset({"unique", "repeated", "panel", "long number", "running", "decimals"})
_MAY_BE_UNIQUE = frozenset({"welfare", "weight"})
_NUMERIC = ("whole number", "number")
#: Kinds whose values are written like names and are none (job titles, crops, tribes).
_NAMED_THINGS = frozenset(
    {"employment", "education", "ethnicity", "housing", "relationship", "health", "region"}
)


def _both(a: float, b: float) -> float:
    """Two independent signs: the chance that not both are wrong; never quite 1."""
    return round(min(0.99, 1 - (1 - a) * (1 - b)), 2)


def _with_dictionary(out: Judgement, known: str) -> Judgement:
    """The data dictionary's role is said; where it is laxer than what the values show, that is said too."""
    if not known:
        return out
    order = [
        r.value
        for r in (
            VariableRole.PLAIN,
            VariableRole.SENSITIVE,
            VariableRole.QUASI,
            VariableRole.FREE_TEXT,
            VariableRole.DIRECT,
        )
    ]
    words = known.replace("_", " ")
    if known == out.kind.role.value:
        return replace(
            out,
            confidence=_both(out.confidence, 0.7),
            reasons=(*out.reasons, f"the data dictionary says {words} too"),
        )
    if order.index(known) > order.index(out.kind.role.value) or out.kind.name in BY_VALUE:
        kind = replace(
            out.kind,
            role=VariableRole(known),
            treatment=_TREATMENT_OF.get(known, out.kind.treatment),
        )
        return Judgement(kind, 0.8, (f"the data dictionary says {words}", *out.reasons))
    return replace(out, reasons=(*out.reasons, f"the data dictionary says only {words}"))


_TREATMENT_OF = {"direct": "drop", "free_text": "redact_text"}
