"""The choice of a method: privacy first, then fitness, then pairs; who does not fit into the bounds is not tried."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from anonymization.errors import RecipeProblem
from anonymization.schema import FieldType
from anonymization.synth import SynthesisError, SynthesisPlan, Verdict, choose, methods
from anonymization.synth.protocol import UNWATCHED, Bounds, Cancelled, Watch

COLUMNS = {"size": FieldType.INTEGER, "score": FieldType.NUMBER, "enrolled": FieldType.BOOLEAN}


class Told:
    """Gives its rows back and stands where the test says."""

    version = "1"

    def __init__(self, name, seconds=1.0):
        self.name, self._seconds = name, seconds

    def plan(self, schema, rows):
        return Bounds(self._seconds, 100, "")

    def fit(self, df, watch=UNWATCHED):
        self._df = df
        SEEN[self.name] = df

    def sample(self, n, seed):
        rows = np.random.default_rng(seed).integers(0, len(self._df), n)
        return self._df.iloc[rows].reset_index(drop=True)


SEEN: dict[str, pd.DataFrame] = {}
PLAN = SynthesisPlan(COLUMNS, unit_id="hh", quasi_identifiers=("size",))


@pytest.fixture(autouse=True)
def told(monkeypatch):
    SEEN.clear()
    made = {n: (lambda plan: Told(plan.method)) for n in "abcd"}
    made["slow"] = lambda _: Told("slow", 10_000.0)

    def breaks(_):
        raise SynthesisError("It broke.")

    monkeypatch.setattr(methods, "METHODS", {**made, "breaks": breaks})
    monkeypatch.setattr("anonymization.synth.choosing.METHODS", methods.METHODS)


def households(n=400):
    rng = np.random.default_rng(5)
    score = rng.normal(50, 10, n).round(1)
    return pd.DataFrame(
        {
            "hh": [f"H{i}" for i in range(n)],
            "size": rng.integers(1, 9, n),
            "score": score,
            "enrolled": score < 45,
        },
        index=np.zeros(n, dtype=int),
    )


def chosen(verdicts, names=None, **bounds):
    return choose(
        households(),
        PLAN,
        names or list(verdicts),
        1,
        lambda made: verdicts[made.evidence["method"]["name"]],
        **{"seconds": 600, "megabytes": 4_000, **bounds},
    )


def test_privacy_comes_before_fitness_and_fitness_before_pairs():
    verdicts = {
        "a": Verdict(("It copies people.",), (), 0.1, 0.01),
        "b": Verdict((), ("It loses targeting.",), 0.1, 0.02),
        "c": Verdict((), (), 0.9, 0.05),
        "d": Verdict((), (), 0.9, 0.04),
    }
    found = chosen(verdicts)
    assert found.plan.method == "d"
    assert "a out for privacy" in found.says
    assert "b held for more" in found.says
    assert "c farther in pairs" in found.says
    told = found.candidate.evidence["choice"]
    assert set(told["candidates"]) == set("abcd")
    assert told["candidates"]["a"]["evidence"]["privacy"]
    assert told["candidates"]["a"]["verdict"]["refused"] == ["It copies people."]
    # The chosen table is the one that was measured: its digest still is that of its bytes.
    assert found.candidate.parquet()


def test_every_method_learns_the_same_rows():
    verdicts = {n: Verdict((), (), 0.5, 0.1) for n in "ab"}
    found = chosen(verdicts)
    pd.testing.assert_frame_equal(SEEN["a"], SEEN["b"])
    assert found.plan.method == "a"
    assert "b equal, and tried later" in found.says


def test_when_all_fail_privacy_the_least_bad_is_held_and_said():
    verdicts = {
        "a": Verdict(("One.", "Two."), (), 0.1, 0.01),
        "b": Verdict(("One.",), ("Three.",), 9.0, 0.9),
    }
    found = chosen(verdicts)
    assert found.plan.method == "b"
    assert found.says.startswith("No method passes")


def test_who_does_not_fit_or_breaks_is_said_and_the_rest_go_on():
    verdicts = {"c": Verdict((), (), 0.5, 0.1)}
    found = chosen(verdicts, ["slow", "breaks", "c"])
    assert found.plan.method == "c"
    slow, broke, _ = found.tried
    assert "10,000 seconds" in slow.why
    assert slow.planned is not None
    assert broke.why == "It broke."
    assert "slow" not in SEEN
    assert "slow not measured; breaks not measured" in found.says


def test_nobody_gave_a_table():
    with pytest.raises(SynthesisError, match="No method gave a table"):
        chosen({}, ["slow"])


@pytest.mark.parametrize("names", [[], ["a", "a"], ["nobody"]])
def test_names_that_cannot_be_tried(names):
    with pytest.raises(RecipeProblem, match="each once"):
        choose(households(), PLAN, names, 1, None, seconds=1, megabytes=1)


def test_called_off_between_methods():
    asked = iter([False, True])
    with pytest.raises(Cancelled):
        choose(
            households(),
            PLAN,
            ["a", "b"],
            1,
            lambda _: Verdict((), (), 0, 0),
            seconds=600,
            megabytes=4_000,
            watch=Watch(cancelled=lambda: next(asked)),
        )
    assert "b" not in SEEN
