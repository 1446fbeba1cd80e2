"""What a detector found, and how findings become a redacted text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

#: Tag to what stands in the text instead. A finding of a tag further up wins where findings overlap.
TAGS: dict[str, str] = {
    "head": "[head]",
    "own_place": "[own place]",
    "birth_date": "[birth date]",
    "email": "[email]",
    "account": "[account]",
    "id": "[id]",
    "phone": "[phone]",
    "location": "[location]",
    "address": "[address]",
    "person": "[person]",
    "place": "[place]",
    "name": "[name]",
    "number": "[number]",
}
_RANK = {tag: rank for rank, tag in enumerate(TAGS)}
_PLACEHOLDER = re.compile(
    "|".join(re.escape(t) for t in TAGS.values())
    + r"|\[[a-z]+(?: [0-9A-HJKMNP-TV-Z]{8})+\]"  # with a pseudonym
)
_JOIN = frozenset({"head", "own_place", "person", "place", "name", "phone", "id", "number"})


@dataclass(frozen=True, slots=True)
class Span:
    """A found identifier; it never carries the text itself.

    Args:
        start, end: positions in the text.
        tag: a key of TAGS.
        detector: who found it.
        score: 0 to 1.
    """

    start: int
    end: int
    tag: str
    detector: str
    score: float = 1.0


def _precedence(span: Span) -> tuple[bool, int, float]:
    """The row's own values know best what they are; then the tag's rank, then the score."""
    return (not span.detector.startswith("linked:"), _RANK[span.tag], -span.score)


def merge(spans: Iterable[Span]) -> list[Span]:
    """Spans without overlaps that cover every character that any finding covers."""
    out: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        if out and span.start < out[-1].end:
            best = min(out[-1], span, key=_precedence)
            out[-1] = Span(out[-1].start, max(out[-1].end, span.end), best.tag, best.detector, best.score)
        else:
            out.append(span)
    return out


def splice(
    text: str, spans: Iterable[Span], instead: Callable[[str, Span], str] | None = None
) -> tuple[str, list[Span]]:
    """The text with placeholders, and the spans that were replaced (neighbours of one kind joined).

    `instead`: what stands for the text of a span; None writes its tag.
    """
    joined: list[Span] = []
    for span in merge(spans):
        last = joined[-1] if joined else None
        if (
            last
            and last.tag == span.tag
            and span.tag in _JOIN
            and text[last.end : span.start].strip(" -.'’") == ""
            and span.start - last.end <= 2
        ):
            joined[-1] = Span(last.start, span.end, last.tag, last.detector, last.score)
        else:
            joined.append(span)
    parts = []
    at = 0
    for span in joined:
        written = text[span.start : span.end]
        parts += [text[at : span.start], instead(written, span) if instead else TAGS[span.tag]]
        at = span.end
    return "".join([*parts, text[at:]]), joined


def without_placeholders(text: str) -> str:
    return _PLACEHOLDER.sub(" ", text)
