"""What written values look like: addresses of any sort, dates, coordinates, names, codes, free text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from importlib import resources

import numpy as np
import yaml

from anonymization.columns.findings import Finding, percent
from anonymization.columns.sampling import Sample
from anonymization.pii import find_identifiers
from anonymization.pii.folding import words

_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@\d]{2,}")
_PLUS = re.compile(r"\b[23456789CFGHJMPQRVWX]{4,8}\+[23456789CFGHJMPQRVWX]{2,3}\b", re.IGNORECASE)
_PAIR = re.compile(
    r"(?:POINT\s*\(|\(|\[|\{)?\s*-?\d{1,3}\.\d{3,}\s*°?\s*[NSEWO]?\s*[,; ]\s*-?\d{1,3}\.\d{3,}.{0,24}",
    re.IGNORECASE,
)
_DEGREES = re.compile(r"\d{1,3}\s?°\s?\d{1,2}.*")
_UUID = re.compile(r"\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?", re.IGNORECASE)
_DIGEST = re.compile(r"(?=.*\d)[0-9a-f]{32,128}|[A-Za-z0-9+/]{27,86}={1,2}", re.IGNORECASE)
_NETWORK = re.compile(
    r"(?:\d{1,3}\.){3}\d{1,3}|(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}|\w{2,6}://\S+|www\.\S+", re.IGNORECASE
)
_THREE_WORDS = re.compile(r"/{0,3}[^\W\d_]{3,}\.[^\W\d_]{3,}\.[^\W\d_]{3,}")
_SPREADSHEET = re.compile(r"\d(?:\.\d+)?[eE]\+?(?:0?[89]|1[0-9])")
_DATES = tuple(
    re.compile(r)
    for r in (
        r"(?P<y>\d{4})[-/. ](?P<m>\d{1,2})[-/. ](?P<d>\d{1,2})(?:[T ]\d{1,2}:\d{2}.*)?",
        r"(?P<d>\d{1,2})[-/. ](?P<m>\d{1,2})[-/. ](?P<y>\d{4}|\d{2})(?: \d{1,2}:\d{2}.*)?",
        r"(?P<d>\d{1,2})[-. ]?(?P<mon>[^\W\d_]{3,12})\.?[-, ]{1,2}(?P<y>\d{4})",
        r"(?P<mon>[^\W\d_]{3,12})\.? (?P<d>\d{1,2}),? (?P<y>\d{4})",
        r"(?P<y>(?:18|19|20)\d{2})(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])",
        r"(?P<d>0[1-9]|[12]\d|3[01])(?P<m>0[1-9]|1[0-2])(?P<y>(?:19|20)\d{2})",
    )
)
_NAME = re.compile(r"[^\W\d_][^\W\d_.'’ʼ\-]*\.?(?:[ '’ʼ\-]{1,2}[^\W\d_][^\W\d_.'’ʼ]*\.?){0,5}")
#: A share of values so small that it may be chance or a slip is still looked into from this many on.
_FEW = 3


def written_in(sample: Sample) -> Iterator[Finding]:
    """Findings among values as they are written; several may hold, the surest counts."""
    for kind, regex, confidence, says, whole in (
        ("email", _EMAIL, 0.97, "e-mail addresses", False),
        ("coordinate", _PLUS, 0.93, "plus codes", False),
        ("coordinate", _PAIR, 0.95, "pairs of coordinates", True),
        ("coordinate", _DEGREES, 0.9, "coordinates in degrees and minutes", True),
        ("online", _UUID, 0.85, "identifiers made by a device or program (UUID)", True),
        (
            "registry_id",
            _DIGEST,
            0.85,
            "digests or encodings, which stand for somebody as their source does",
            True,
        ),
        ("online", _NETWORK, 0.9, "addresses of a network, device or page", True),
        ("coordinate", _THREE_WORDS, 0.8, "three-word addresses of a place", True),
        ("registry_id", _SPREADSHEET, 0.7, "long numbers that a spreadsheet has rounded (2.5E+11)", True),
    ):
        found = [v for v in sample.texts if (regex.fullmatch(v) if whole else regex.search(v))]
        if len(found) >= min(_FEW, len(sample.texts)) and found:
            share = len(found) / len(sample.texts)
            yield Finding(
                kind, confidence, f"{percent(share)} of the values looked at are {says}", share, kind
            )
    if dates := dates_in(sample):
        yield dates
    if sample.type == "text":
        yield from _texts(sample)


def dates_in(sample: Sample) -> Finding | None:
    """Full dates in any usual writing; of birth where they reach back over more than a generation."""
    read = [d for d in map(_date, sample.texts) if d is not None]
    share = len(read) / len(sample.texts) if sample.texts else 0.0
    if len(read) < _FEW or share < 0.6:
        return None
    years = np.array([d.year for d in read])
    low, high = np.percentile(years, [5, 95])
    if sample.distinct < 8 and len({(d.month, d.day) for d in read}) == 1:
        return None  # 2019-01-01, 2020-01-01 …: a year written as a date
    span = high - low
    wide = f"{percent(share)} of the values looked at are full dates, over {int(span)} years"
    if span >= 25 or high <= 1995:
        return Finding("birth_date", 0.85, f"{wide}, as dates of birth are", share, "date")
    return Finding("event_date", 0.7, wide, share, "date")


def _date(value: str) -> date | None:
    for regex in _DATES:
        if m := regex.fullmatch(value):
            parts = m.groupdict()
            year = int(parts["y"])
            year += 0 if year > 99 else 2000 if year < 30 else 1900
            month, day = int(parts.get("m") or 1), int(parts["d"])
            if "m" in parts and month > 12:
                month, day = day, month
            try:
                return date(year, month, min(day, 28) if day <= 31 else 0)
            except ValueError:
                return None
    return None


def _texts(sample: Sample) -> Iterator[Finding]:
    count = len(sample.texts)
    tokens = np.array([v.count(" ") + 1 for v in sample.texts])
    long = float((tokens >= 6).mean())
    if (tokens.mean() >= 5 or long >= 0.25) and sample.distinct >= 3:
        yield Finding(
            "free_text", 0.85, f"{percent(long)} of the values looked at have six words or more", long, "text"
        )
    elif long * count >= _FEW:
        yield Finding(
            "free_text",
            0.7,
            f"{percent(long)} of the values looked at are sentences among shorter ones",
            long,
            "text",
        )
    digits = np.array([any(c.isdigit() for c in v) for v in sample.texts])
    generic, given = _words()
    folded = [set(words(v)) for v in sample.texts]
    where = np.array([bool(f & generic) for f in folded])
    addresses = float((where & (tokens >= 2)).mean())
    if tokens.mean() < 7 and addresses >= 0.3 and digits.mean() >= 0.3 and sample.distinct >= 10:
        yield Finding(
            "address",
            0.8,
            f"{percent(addresses)} of the values looked at hold words and numbers of addresses",
            addresses,
            "address",
        )
    named = np.array([_NAME.fullmatch(v) is not None and _capital(v) and len(v) >= 2 for v in sample.texts])
    titled = np.array([_titled(v) for v in sample.texts])
    known = np.array([bool(f & given) for f in folded])
    people = float((named & known).mean())
    enough = min(40, max(8, int(0.3 * sample.present)))
    if people * count >= _FEW and people >= 0.15:
        yield Finding(
            "person_name",
            0.9,
            f"{percent(people)} of the values looked at are common given names or surnames",
            people,
            "name list",
        )
    elif (
        named.mean() >= 0.85 or (titled.mean() >= 0.7 and tokens.mean() <= 6)
    ) and sample.distinct >= enough:
        yield Finding(
            "person_name",
            0.62,
            f"{sample.distinct:,} different values are written like names of people, places or organisations",
            float(named.mean()),
            "name form",
        )
    elif people * count >= _FEW and sample.distinct >= enough:
        yield Finding(
            "person_name",
            0.65,
            f"{percent(people)} of the values looked at are common names, among other things",
            people,
            "name list",
        )


def _titled(value: str) -> bool:
    """Written as titles and organisations are: capitals, mostly letters, no end of a sentence."""
    return (
        _capital(value) and value[-1:] not in ".!?;:" and sum(c.isalpha() for c in value) >= 0.6 * len(value)
    )


def _capital(value: str) -> bool:
    """Whether every longer word starts as names do; scripts without capitals do always."""
    parts = [w for w in re.split(r"[ \-]", value) if len(w) > 3]
    return all(w[0].isupper() or not w[0].islower() for w in parts or [value])


def identifiers_inside(sample: Sample, budget: int) -> tuple[Finding | None, int]:
    """What Presidio and the packs find inside values, and how many values they read (at most `budget`).

    Those that could hold something are read first: seven digits or more, an @, the longest.
    """
    worth = sorted(sample.texts, key=lambda v: (sum(c.isdigit() for c in v) < 6 and "@" not in v, -len(v)))[
        :budget
    ]
    hits: dict[str, int] = {}
    for value in worth:
        for tag in {s.tag for s in find_identifiers(value[:500]) if s.score >= 0.5}:
            hits[tag] = hits.get(tag, 0) + 1
    found = sum(hits.values())
    if not found:
        return None, len(worth)
    what = ", ".join(f"{tag.replace('_', ' ')} in {n}" for tag, n in sorted(hits.items()))
    says = f"of {len(worth)} values read by the identifier detectors, some hold: {what}"
    return Finding("free_text", 0.9, says, found / len(worth), "presidio"), len(worth)


@lru_cache(maxsize=1)
def _words() -> tuple[frozenset[str], frozenset[str]]:
    data = yaml.safe_load((resources.files("anonymization.columns") / "words.yaml").read_text("utf-8"))
    return tuple(  # type: ignore[return-value]
        frozenset(w for line in data[part].values() for w in words(line)) for part in ("address", "names")
    )
