"""Measures the detectors of free text: how much they find, how much they take in vain, and how fast.

    python scripts/bench/pii.py [--notes 1400] [--seed N|fresh] [--speed-notes 4000]

Prints JSON. Names and sentences are held out: none is in the demo ministry's lists or in the gazetteer's source, and
nothing was tuned on them. Raw Presidio runs in the same process, batch by batch in turn with ours, on CPU time and one
thread; ratios hold on a busy machine, absolute rows a second do not.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

from anonymization.pii import phones
from anonymization.pii.engine import THRESHOLD, shapes_in, stock
from anonymization.pii.fast import FastAnalyzer, Hit
from anonymization.pii.folding import ascii_digits
from anonymization.pii.nlp import ANY, BlankNlpEngine
from anonymization.pii.packs import PACKS
from anonymization.pii.spans import Span
from anonymization.pii.trial.ladder import RUNGS, in_other_case, knowledge_of, measure, measured
from anonymization.pii.trial.registry import trial

#: Presidio's entities as kinds of ours, generously: any that could mean it counts.
_RAW = {
    "PERSON": "person", "LOCATION": "place", "PHONE_NUMBER": "phone", "EMAIL_ADDRESS": "email", "IBAN_CODE": "account",
    "CREDIT_CARD": "account", "DATE_TIME": "birth_date", "US_BANK_NUMBER": "account",
}  # fmt: skip
_RAW_SCORE = 0.35


class SpacyWords(BlankNlpEngine):
    """The same with spaCy's tokeniser, as Presidio itself would cut words."""

    def __init__(self, language: str = ANY) -> None:
        super().__init__(language)
        self._nlp = spacy.blank(ANY)

    def words(self, text: str) -> list[tuple[int, str]]:
        return [(t.idx, t.text) for t in self._nlp.make_doc(text)]


def default_engine(engine: type[BlankNlpEngine] = BlankNlpEngine) -> AnalyzerEngine:
    """Presidio's default recognizers on a language engine without a model."""
    blank = engine("en")
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"], nlp_engine=blank)
    return AnalyzerEngine(registry=registry, nlp_engine=blank, supported_languages=["en"])


def recall(notes: int, seed: int) -> dict[str, Any]:
    """The ladder on one trial."""
    made = trial(notes, seed)
    knowledge = knowledge_of(made)
    for country in PACKS:
        shapes_in("0712 345 678 a@b.example", country)  # so that no rung pays for what is made once
    raw = default_engine()

    def read_raw(_: int, note: Any) -> list[Span]:
        found = raw.analyze(note.text, language="en", score_threshold=_RAW_SCORE)
        return [Span(r.start, r.end, _RAW.get(r.entity_type, "id"), "presidio") for r in found]

    out: dict[str, Any] = {}
    score, spent = measured(made.notes, read_raw)
    base = len(made.notes) / spent
    out["raw presidio"] = {**score.to_dict(), "rows_per_cpu_s": round(base)}
    for rung, detectors in RUNGS.items():
        score, spent = measure(made, detectors, knowledge)
        rate = len(made.notes) / spent
        out[rung] = {
            **score.to_dict(),
            "rows_per_cpu_s": round(rate),
            "times_raw_presidio": round(rate / base, 2),
        }
        gc.collect()
    robust: dict[str, Any] = {}
    for case, upper in (("all lower case", False), ("all capitals", True)):
        other = in_other_case(made, upper=upper)
        for rung in ("standard", "strict"):
            score, _ = measure(other, RUNGS[rung], knowledge)
            groups = score.to_dict()["by_group"]
            robust[f"{case}: {rung}"] = {"all": score.everything.to_dict(), "by_group": groups}
    return {"notes": len(made.notes), "seed": seed, "ladder": out, "recased": robust}


def speed(notes: int, seed: int) -> dict[str, Any]:
    """Rows a CPU second of Presidio and of ours with the same recognizers, batch by batch in turn."""
    made = trial(notes, seed + 1)
    everything = list(dict.fromkeys(ascii_digits(n.text) for n in made.notes))
    out: dict[str, Any] = {"characters_a_note": round(sum(map(len, everything)) / len(everything))}
    for case in ("default recognizers", *(f"pack {c}" for c in PACKS)):
        country = case.removeprefix("pack ")
        texts = everything
        if country in PACKS:
            texts = list(dict.fromkeys(ascii_digits(n.text) for n in made.notes if n.country == country))
        for words in (BlankNlpEngine, SpacyWords):
            key = case + (" (spaCy's tokeniser in Presidio)" if words is SpacyWords else "")
            out[key] = {}
            for multi_pattern in (True, False) if words is BlankNlpEngine else (True,):
                for memo in (phones._number_in, phones._parts, phones._valid):  # noqa: SLF001 - seen for the first time
                    memo.cache_clear()
                found = _race(case, words, texts, multi_pattern=multi_pattern)
                out[key]["hyperscan" if multi_pattern else "counting"] = found
    return out


def _race(
    case: str, words: type[BlankNlpEngine], texts: Sequence[str], *, multi_pattern: bool
) -> dict[str, Any]:
    country = case.removeprefix("pack ")
    if country in PACKS:
        (slow, found), (mine, _) = stock((country,)), stock((country,))
        slow.nlp_engine = words()
        language, entities, threshold = ANY, list(found), THRESHOLD
    else:
        slow, mine = default_engine(words), default_engine()
        language, entities, threshold = "en", None, None
    fast = FastAnalyzer(mine, language, entities, threshold, multi_pattern=multi_pattern)

    def theirs(text: str) -> list[Hit]:
        results = slow.analyze(text, language=language, entities=entities, score_threshold=threshold)
        return [Hit(r.entity_type, r.start, r.end, r.score) for r in results]

    theirs("piga 0712 345 678")
    fast.analyze("piga 0712 345 677")
    spent = {"presidio": 0.0, "ours": 0.0}
    differ = hits = 0
    for at in range(0, len(texts), 50):
        batch = texts[at : at + 50]
        expected, spent["presidio"] = _timed(theirs, batch, spent["presidio"])
        got, spent["ours"] = _timed(fast.analyze, batch, spent["ours"])
        differ += sum(a != b for a, b in zip(expected, got, strict=True))
        hits += sum(map(len, expected))
    _, again = _timed(fast.analyze, texts, 0.0)
    seen: dict[str, list[Hit]] = {}
    _, repeated = _timed(lambda t: seen.get(t) or seen.setdefault(t, fast.analyze(t)), [*texts] * 10, 0.0)
    if not fast.multi_pattern and multi_pattern:
        return {"not_measured": "hyperscan is not installed"}
    n = len(texts)
    return {
        "notes": n,
        "findings": hits,
        # spaCy's tokeniser cuts words elsewhere, so that context reaches other words; spans are compared without it.
        "notes_that_differ": differ if words is BlankNlpEngine else "not compared",
        "presidio_rows_per_cpu_s": round(n / spent["presidio"]),
        "rows_per_cpu_s": round(n / spent["ours"]),
        "times_presidio_first_seen": round(spent["presidio"] / spent["ours"], 2),
        "times_presidio_candidates_repeat": round(spent["presidio"] / again, 2),
        "times_presidio_texts_stand_ten_times": round(10 * spent["presidio"] / repeated, 2),
    }


def _timed(
    work: Callable[[str], list[Hit]], texts: Sequence[str], so_far: float
) -> tuple[list[list[Hit]], float]:
    gc.collect()
    before = time.process_time()
    out = [work(t) for t in texts]
    return out, so_far + time.process_time() - before


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--notes", type=int, default=1_400, help="notes of the recall trial")
    parser.add_argument(
        "--speed-notes", type=int, default=4_000, help="notes of the race with Presidio; 0: no race"
    )
    parser.add_argument("--seed", default="20261", help="a number, or fresh for one that nobody has seen")
    args = parser.parse_args()
    seed = secrets.randbelow(10**9) if args.seed == "fresh" else int(args.seed)
    out = {
        "presidio_analyzer": version("presidio-analyzer"),
        "recall": recall(args.notes, seed),
        **({"speed": speed(args.speed_notes, seed)} if args.speed_notes else {}),
    }
    json.dump(out, sys.stdout, indent=1, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
