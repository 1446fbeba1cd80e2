"""Networks learn in a process that is watched, can be called off or killed, and leaves nothing half done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonymization.schema import FieldType
from anonymization.synth import METHODS, SynthesisError, SynthesisPlan, synthesizer
from anonymization.synth.protocol import Cancelled, Watch
from anonymization.synth.tables import ready

COLUMNS = {
    "region": FieldType.STRING,
    "enrolled": FieldType.BOOLEAN,
    "score": FieldType.NUMBER,
    "on": FieldType.DATE,
}
PLAN = SynthesisPlan(COLUMNS, method="tvae", epochs=2)


def table(n=300):
    rng = np.random.default_rng(1)
    return ready(
        pd.DataFrame(
            {
                "region": rng.choice(["a", "b"], n),
                "enrolled": rng.random(n) < 0.4,
                "score": rng.normal(50, 10, n).round(1),
                "on": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90, n), unit="D"),
            }
        ),
        PLAN,
    )


def workers():
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"anonymization.synth.worker" in words:
            found.append((int(folder.name), words[words.index(b"anonymization.synth.worker") + 1]))
    return [pid for pid, parent in found if int(parent) == os.getpid()]


@pytest.mark.parametrize("method", ["ctgan", "tvae"])
def test_a_network_learns_in_types_and_the_same_seeds_give_the_same_rows(method):
    told = []
    plan = replace(PLAN, method=method)
    df = table()
    made, again = synthesizer(plan), synthesizer(plan)
    made.fit(df, Watch(progress=lambda *at: told.append(at)))
    again.fit(df)
    drawn = made.sample(60, 4)
    assert told == [(0, 2, "epochs"), (1, 2, "epochs")]
    pd.testing.assert_frame_equal(drawn, again.sample(60, 4))
    assert not drawn.equals(made.sample(60, 5))
    assert drawn["enrolled"].dtype == bool
    assert pd.api.types.is_datetime64_any_dtype(drawn["on"])
    assert set(drawn["region"]) <= {"a", "b"}
    assert not workers()


def test_called_off_it_keeps_nothing_and_can_be_repeated():
    made = synthesizer(replace(PLAN, epochs=100_000))
    asked = []

    def cancelled():
        asked.append(1)
        return len(asked) > 5

    with pytest.raises(Cancelled, match="can be started again"):
        made.fit(table(), Watch(cancelled=cancelled))
    assert not workers()
    with pytest.raises(SynthesisError, match="fitted before"):
        made.sample(1, 1)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"max_seconds": 0.5}, "longer than the 0.5 seconds"),
        ({"max_megabytes": 1_000}, "more than the 100 MB"),
    ],
)
def test_beyond_its_bounds_it_is_ended(change, sentence, monkeypatch):
    plan = replace(PLAN, epochs=100_000, **change)
    made = synthesizer(plan)
    bounds = made.plan(COLUMNS, 300)
    assert (bounds.seconds, bounds.megabytes) == (plan.max_seconds, plan.max_megabytes)
    if "max_megabytes" in change:
        made._most = (made._most[0], 100)  # below what torch alone takes
    with pytest.raises(SynthesisError, match=sentence):
        made.fit(table())
    assert not workers()


def test_when_the_worker_is_killed_there_is_a_sentence_and_no_model():
    made = synthesizer(replace(PLAN, epochs=100_000))

    def kill(*_):
        for pid in workers():
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(SynthesisError, match="ended before it was done"):
        made.fit(table(), Watch(progress=kill))
    with pytest.raises(SynthesisError, match="fitted before"):
        made.sample(1, 1)


_LONG = """
import sys
sys.path.insert(0, {here!r})
from test_synth_bounded import PLAN, replace, synthesizer, table, Watch
synthesizer(replace(PLAN, epochs=100_000)).fit(table(), Watch(progress=lambda *at: print("learning", flush=True)))
"""


def test_when_its_parent_is_killed_the_worker_ends_too():
    code = _LONG.format(here=str(Path(__file__).parent))
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout.readline() == "learning\n"
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    assert children
    for pid in children:
        os.kill(int(pid), signal.SIGSTOP)  # so that no broken pipe can end it
    parent.kill()
    parent.wait()
    for _ in range(100):
        if not any(_alive(pid) for pid in children):
            return
        time.sleep(0.1)
    for pid in children:
        os.kill(int(pid), signal.SIGKILL)
    pytest.fail("the worker outlived its parent")


def _alive(pid):
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_trees_are_called_off_between_columns_and_keep_nothing():
    made = synthesizer(replace(PLAN, method="cart"))
    told = []
    with pytest.raises(Cancelled):
        made.fit(table(), Watch(progress=lambda *at: told.append(at), cancelled=lambda: len(told) >= 2))
    assert told == [(0, 4, "trees"), (1, 4, "trees")]
    with pytest.raises(SynthesisError, match="fitted before"):
        made.sample(1, 1)


def test_every_method_is_named_in_one_table():
    assert {"gaussian_copula", "cart", "ctgan", "tvae", "mst"} <= set(METHODS)
