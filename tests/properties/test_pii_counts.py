"""Knowledge from merged parts is knowledge of the whole, however the corpus is cut."""

from __future__ import annotations

import pickle
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from anonymization.pii import Counts, Knowledge, Linked, learn, redact

WORDS = [
    "wanjiku",
    "Wanjiku",
    "OTIENO",
    "kwa",
    "Kwa",
    "KWA",
    "roof",
    "Roof",
    "ATM",
    "فاطمہ",
    "گھر",
    "Mlimani",
    "mlimani",
]
SENTENCE = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
NOTE = st.one_of(st.none(), st.just(""), st.lists(SENTENCE, min_size=1, max_size=3).map(". ".join))
NAME = st.sampled_from(["Wanjiku Mwangi", "Otieno", None, "فاطمہ", "Ng'ang'a"])
PLACE = st.sampled_from(["Mlimani", "Kisima Kipya", "Kisima", None])


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(NOTE, NAME, PLACE), max_size=40),
    cut=st.lists(st.integers(0, 3), min_size=40, max_size=40),
    repeat=st.sampled_from([1, 20]),
)
def test_parts_merge_to_the_whole(rows, cut, repeat):
    rows = rows * repeat  # a large corpus is judged by other rules than a small one

    def counted(part):
        notes, names, places = ([r[i] for r in part] for i in range(3))
        linked = Linked({"n": "name", "p": "place"}, {"n": names, "p": places})
        return learn(notes, linked)

    parts = [counted([r for i, r in enumerate(rows) if cut[i % 40] == k]) for k in range(4)]
    before = pickle.dumps(parts)
    whole = Knowledge.of(counted(rows))
    assert Knowledge.of(Counts.merged(parts)) == whole
    assert Knowledge.of(Counts.merged(reversed(parts))) == whole
    assert pickle.loads(before) == parts, "merging changed a part"
    assert Knowledge.of(parts[0] + (parts[1] + (parts[2] + parts[3]))) == whole


def test_a_part_redacted_with_the_knowledge_of_the_whole_is_the_part_of_the_whole():
    notes = [
        f"Then {a} met {b}. The roof leaks." for a in ("Zuri", "zuri", "Makena") for b in ("Ekai", "rain")
    ] * 30
    linked = Linked({"n": "name"}, {"n": ["Makena"] * len(notes)})
    whole, _ = redact(notes, linked, processes=1)
    half = range(0, len(notes), 2)
    knowledge = Knowledge.of(learn(notes[::2], linked.part(half)) + learn(notes[1::2], linked.part(half)))
    parted, _ = redact(notes[::2], linked.part(half), processes=1, knowledge=knowledge)
    assert parted == whole[::2]


def test_memory_is_bounded_and_forgetting_takes_more_not_less():
    counts = Counts(limit=50)
    rare = ["".join(w) for w in product("abcdefg", repeat=3)]
    for i in range(0, 300, 3):
        counts += learn([f"Then {word}ow saw the roof. Zuri{word} came" for word in rare[i : i + 3]])
        assert sum(map(len, counts._counters())) <= 50
    assert counts.forgotten > 400
    knowledge = Knowledge.of(counts)
    assert "roof" in knowledge.ordinary
    redacted, _ = redact(["Then Unheard saw the roof. Unseen came"], knowledge=knowledge, processes=1)
    assert redacted == ["Then [name] saw the roof. [name] came"]
