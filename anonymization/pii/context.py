"""People and places that are not the row's own: known, announced by a title, or merely capitalised."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from anonymization.pii.counts import case_is_mute
from anonymization.pii.folding import Token, is_arabic, skeleton, sound
from anonymization.pii.knowledge import Knowledge
from anonymization.pii.spans import Span
from anonymization.pii.words import AFTER, CALENDAR, KIN, NOBODY, OFFICES, PARTICLES, TITLES


def known_in(text: str, found: Sequence[Token], knowledge: Knowledge) -> list[Span]:
    """People and places that the registry knows."""
    mute = case_is_mute(found)
    person = [_person(t, knowledge, mute=mute) for t in found]
    # An ordinary word beside a known name is part of the name when it is capitalised.
    for i, t in enumerate(found):
        if not person[i] and t.cap and t.folded in knowledge.people:
            beside = [j for j in (i - 1, i + 1) if 0 <= j < len(found) and person[j]]
            person[i] = any(text[found[min(i, j)].end : found[max(i, j)].start] == " " for j in beside)
    out = [
        Span(t.start, t.end, "person", "registry:name", 0.8)
        for t, yes in zip(found, person, strict=True)
        if yes
    ]
    return out + _places(found, knowledge, mute=mute)


def _places(found: Sequence[Token], knowledge: Knowledge, *, mute: bool) -> list[Span]:
    out = []
    folded = [t.folded for t in found]
    for i, t in enumerate(found):
        for phrase in (knowledge.places or {}).get(t.folded, ()):
            if tuple(folded[i : i + len(phrase)]) != phrase:
                continue
            one_ordinary_word = len(phrase) == 1 and t.folded in knowledge.ordinary
            if one_ordinary_word and (mute or not t.cap or t.opens):
                continue
            out.append(Span(t.start, found[i + len(phrase) - 1].end, "place", "registry:place", 0.8))
            break
    return out


def _person(token: Token, knowledge: Knowledge, *, mute: bool) -> bool:
    word = token.folded
    ordinary = word in knowledge.ordinary
    if is_arabic(word):
        spelt = not ordinary and len(word) >= 4 and skeleton(word) in knowledge.skeletons
        return word in knowledge.people or spelt
    if word in knowledge.people:
        return not ordinary or (token.cap and not token.opens and not mute)
    telling = token.cap and not token.opens and not mute and not ordinary and len(word) >= 5
    return telling and word not in NOBODY and sound(word) in knowledge.sounds


def announced_in(text: str, found: Sequence[Token], knowledge: Knowledge) -> list[Span]:
    """People announced by a title or by kin, or followed by an honorific."""
    out = []
    mute = case_is_mute(found)
    for i, token in enumerate(found):
        title = token.folded in TITLES
        if title or token.folded in KIN:
            for j in range(i + 1, min(i + 4, len(found))):
                gap = text[found[j - 1].end : found[j].start].strip(" ." if j == i + 1 else " ")
                # A full stop behind a word that is no abbreviation ends the sentence, and the title with it.
                ended = found[j].opens and "." in text[found[j - 1].end : found[j].start]
                if gap or ended or not _name_like(found[j], knowledge, mute=mute, title=title and j == i + 1):
                    break
                out.append(Span(found[j].start, found[j].end, "person", "cue:title", 0.7))
        if token.folded in AFTER:
            for j in range(i - 1, max(i - 3, -1), -1):
                gap = text[found[j].end : found[j + 1].start].strip()
                if gap or not _name_like(found[j], knowledge, mute=mute, title=j == i - 1):
                    break
                # The honorific itself is often half of the registered name (Begum, Bibi).
                end = token.end if j == i - 1 else found[j].end
                out.append(Span(found[j].start, end, "person", "cue:honorific", 0.7))
    return out


def _name_like(token: Token, knowledge: Knowledge, *, mute: bool, title: bool) -> bool:
    """Whether a token may be a name; `title`: it stands right beside a title, so case need not tell."""
    word = token.folded
    if word in CALENDAR or word in TITLES or (token.upper and word in knowledge.acronyms):
        return False
    if is_arabic(word) or mute or not token.cap:
        return title and len(word) > 2 and word not in knowledge.ordinary and word not in NOBODY
    return True


def capitals_in(text: str, found: Sequence[Token], knowledge: Knowledge, keep: frozenset[str]) -> list[Span]:
    """The strict profile: what looks like a name and is no ordinary word of this corpus."""
    mute = case_is_mute(found)
    odd = [_odd(t, knowledge, keep, mute=mute) for t in found]
    out: list[Span] = []
    for i, token in enumerate(found):
        if not odd[i]:
            continue
        after = found[i + 1] if i + 1 < len(found) else None
        beside = (
            token.folded not in knowledge.starters
            and after
            and odd[i + 1]
            and not after.opens
            and text[token.end : after.start] == " "
        )
        if not token.opens or is_arabic(token.folded) or beside or token.folded not in knowledge.openers:
            out.append(Span(token.start, token.end, "name", "capitals", 0.4))
    return out


def _odd(token: Token, knowledge: Knowledge, keep: frozenset[str], *, mute: bool) -> bool:
    word = token.folded
    if len(word) < 2 or word in knowledge.ordinary or word in keep or word in NOBODY or word in OFFICES:
        return False
    if is_arabic(word):
        return True
    return token.cap and not mute and not (token.upper and word in knowledge.acronyms)


def bridges(text: str, found: Sequence[Token], spans: Sequence[Span], knowledge: Knowledge) -> list[Span]:
    """What stands between or behind the parts of one name: particles, and words that nothing else uses."""
    named = {"head", "person", "name", "place", "own_place"}
    ends = {s.end: s.tag for s in spans if s.tag in named}
    starts = {s.start for s in spans if s.tag in named}
    out = []
    mute = case_is_mute(found)  # where nothing is capitalised, a word in lower case is nothing strange
    for before, token in pairwise(found):
        tag = ends.get(before.end)
        if tag is None or text[before.end : token.start] not in (" ", "-"):
            continue
        onward = text[token.end : token.end + 1] == " " and token.end + 1 in starts
        strange = (
            not mute and not token.cap and len(token.folded) >= 4 and token.folded not in knowledge.lower
        )
        if (token.folded in PARTICLES and onward) or (strange and not is_arabic(token.folded)):
            out.append(Span(token.start, token.end, tag, "bridge", 0.4))
    return out
