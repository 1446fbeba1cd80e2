"""The fast analyzer finds what Presidio's AnalyzerEngine finds: entity, start, end and score, in its order."""

from __future__ import annotations

import random
from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

from anonymization.pii.engine import THRESHOLD, stock
from anonymization.pii.fast import FastAnalyzer
from anonymization.pii.nlp import ANY, BlankNlpEngine
from anonymization.pii.packs import PACKS

WAYS = [pytest.param(False, id="counting")]
if find_spec("hyperscan"):
    WAYS.append(pytest.param(True, id="hyperscan"))
CASES = ("default", "KE", "BR", "all")


@cache
def engine(case: str):
    """(AnalyzerEngine, language, entities, threshold)."""
    if case == "default":
        registry = RecognizerRegistry(supported_languages=["en"])
        blank = BlankNlpEngine("en")
        registry.load_predefined_recognizers(languages=["en"], nlp_engine=blank)
        return (
            AnalyzerEngine(registry=registry, nlp_engine=blank, supported_languages=["en"]),
            "en",
            None,
            None,
        )
    analyzer, entities = stock(tuple(PACKS) if case == "all" else (case,))
    return analyzer, ANY, list(entities), THRESHOLD


@cache
def fast(case: str, multi_pattern: bool) -> FastAnalyzer:
    analyzer, language, entities, threshold = engine(case)
    made = FastAnalyzer(analyzer, language, entities, threshold, multi_pattern=multi_pattern)
    assert made.known
    assert made.multi_pattern == multi_pattern
    return made


def agree(text: str, case: str, multi_pattern: bool) -> int:
    analyzer, language, entities, threshold = engine(case)
    theirs = analyzer.analyze(text, language=language, entities=entities, score_threshold=threshold)
    ours = fast(case, multi_pattern).analyze(text)
    assert [tuple(h) for h in ours] == [(r.entity_type, r.start, r.end, r.score) for r in theirs], repr(text)
    return len(ours)


WORDS = [
    "phone",
    "simu",
    "kimlik",
    "KİMLİK",
    "Kitambulisho",
    "cpf",
    "IBAN",
    "account",
    "nik",
    "born",
    "doğum",
    "lahir",
    "driver",
    "license",
    "passport",
    "visa",
    "bank",
    "medical",
    "DEA",
    "mac",
    "ssn",
    "tel:",
    "ip",
    "date",
    "url",
    "email",
    "gcash",
    "till",
    "plot",
    "Rua",
    "Jl.",
    "No:",
    "شناختی",
    "فون",
    "be",
    "-PRON-",
    "a:be",
    "x:y",
]
PIECES = st.one_of(
    st.sampled_from(WORDS),
    st.from_regex(r"[+(]?[0-9]{1,6}(?:[ .\-/()x#~,:]{1,2}[0-9]{1,6}){0,4}", fullmatch=True),
    st.from_regex(r"(?:\+|00)(?:254|63|55|92|90|62|1|44|49)[ -]?[0-9 ]{7,11}", fullmatch=True),
    st.from_regex(r"[A-Z]{1,3}[0-9]{2,9}[A-Z]{0,2}|[A-Z]{2}[0-9]{2}( [A-Z0-9]{4}){3,6}", fullmatch=True),
    st.from_regex(r"[a-zıİſK]{1,6}@[a-z0-9]{1,8}\.(com|co\.ke|xyz|ı)", fullmatch=True),
    st.from_regex(r"(https?://|www\.|\")?[a-z]{1,8}\.(com|org|kе|io)(/[a-z]{1,4})?", fullmatch=True),
    st.from_regex(r"[0-9a-fA-F]{2}([:-][0-9a-f]{2}){5}|[0-9a-f]{1,4}(:[0-9a-f]{0,4}){2,7}|::1?", fullmatch=True),
    st.from_regex(r"[12]?[0-9]{1,2}(\.[12]?[0-9]{1,2}){3}|-?[0-9]{1,2}\.[0-9]{3,6}[,; ]-?[0-9]{1,3}\.[0-9]{3,6}", fullmatch=True),
    st.from_regex(r"[0-3]?[0-9][-/. ](0?[1-9]|JAN|mar)[-/. ](19|20)?[0-9]{2}( 0[0-9]:30)?", fullmatch=True),
    st.from_regex(r"[1-9٠-٩۰-۹０-９]{5,14}|[13][a-km-zA-HJ-NP-Z1-9]{25,34}", fullmatch=True),
    st.from_regex(r"[2-9CFGHJMPQRVWX]{4,8}\+[2-9CFGHJMPQRVWX]{2,3}|[0-9]{1,2}°[0-9]{1,2}['’′][NSEW]", fullmatch=True),
    st.text(max_size=8),
    st.text(alphabet="aİıſK0٣۴५-+.()/@: \u00a0\u2003\u0307\u200bZ€%", max_size=12),
)  # fmt: skip
TEXT = st.lists(
    st.tuples(PIECES, st.sampled_from([" ", "", "  ", "\n", ", ", ". ", ":", "\t"])), max_size=9
).map(lambda parts: "".join(piece + gap for piece, gap in parts))


@pytest.mark.parametrize("multi_pattern", WAYS)
@pytest.mark.parametrize("case", CASES)
@settings(max_examples=80, deadline=None)
@given(text=TEXT)
@example(text="3 712 345 678 # 4 phone")
@example(text="call 020 7946 0958 x 123 or (0)30 901820/901821")
@example(text="K211-42-1234 ıban İBAN")
def test_any_text(text, case, multi_pattern):
    agree(text, case, multi_pattern)


@pytest.mark.parametrize("multi_pattern", WAYS)
@pytest.mark.parametrize(("case", "count"), [("default", 300), ("all", 200), ("KE", 400), ("BR", 400)])
def test_random_digits(case, count, multi_pattern):
    """Digit strings with the separators, signs and extensions of telephone numbers: where shortcuts break."""
    rng = random.Random(f"digits {case}")
    found = 0
    for _ in range(count):
        parts = []
        for _ in range(rng.randint(1, 5)):
            digits = "".join(
                rng.choice("0123456789") for _ in range(rng.choice((1, 2, 3, 3, 4, 4, 7, 9, 10, 11, 12)))
            )
            parts.append(rng.choice(["", "", "", "+", "(", "0", "00", "+1", "254", "011"]) + digits)
        found += agree("".join(p + rng.choice(" .-/()x#~,;: ") for p in parts), case, multi_pattern)
    assert found > count / 20


@pytest.mark.parametrize("multi_pattern", WAYS)
@pytest.mark.parametrize("case", CASES)
def test_notes(case, multi_pattern):
    from enclave.demo.people import settle
    from enclave.demo.register import addresses, identities, notes

    homes, people = settle(4711, np.arange(130, dtype=np.int64))
    written = notes(4711, homes, people, identities(4711, homes, people), addresses(4711, homes))
    assert sum(agree(note.text, case, multi_pattern) for _, note in written) > 20


def test_an_engine_that_is_not_known_is_asked_itself():
    from presidio_analyzer import Pattern, PatternRecognizer

    class Own(PatternRecognizer):
        def analyze(self, text, entities, nlp_artifacts=None, regex_flags=None):
            results = super().analyze(text, entities, nlp_artifacts, regex_flags)
            return [r for r in results if r.start]

    blank = BlankNlpEngine()
    mine = Own("X", patterns=[Pattern("x", "x", 0.5)], supported_language=ANY)
    registry = RecognizerRegistry(recognizers=[mine], supported_languages=[ANY])
    made = FastAnalyzer(AnalyzerEngine(registry=registry, nlp_engine=blank, supported_languages=[ANY]), ANY)
    assert not made.known
    assert [h.start for h in made.analyze("x x")] == [2]


def test_what_cannot_be_read_is_always_searched():
    from anonymization.pii.prefilter import Prefilter

    patterns = [
        (r"\p{Lu}\d", 0),
        (r"(?:foo){e<=1}", 0),
        (r"[[:alpha:]]x", 0),
        (r"(a)?(?(1)b|c)", 0),
        (r"\bab", 2),
        ("", 0),
    ]
    for multi_pattern in {False, bool(find_spec("hyperscan"))}:
        flagged, _, digit = Prefilter(patterns, multi_pattern=multi_pattern).flagged("zzz")
        assert flagged[:4] == [True] * 4
        assert flagged[4] is False
        assert flagged[5]
        assert not digit
        assert Prefilter(patterns, multi_pattern=multi_pattern).flagged("- AB ۴") == ([True] * 6, [], True)
