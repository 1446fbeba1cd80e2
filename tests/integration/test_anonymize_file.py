"""`enclave anonymize` as a process: killed at random, spread over a pool and a Dask cluster, fed bad rows and recipes."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from anonymization.errors import Unusable
from anonymization.keys import KeyRing
from anonymization.partitions.executors import Pool, Serial, WorkersDied
from anonymization.partitions.files import FileRun, run_file
from anonymization.recipe import load_recipe
from enclave.cli.anonymize import anonymize

DAY = date(2026, 1, 1)
RING = KeyRing(b"a master key of the tests")
RECIPE = """name: people
version: 1
dataset: people
unit: person
tier: scientific use
columns:
  household: {role: direct, treatment: pseudonymise}
  name: {role: direct, treatment: drop}
  region: {role: quasi, treatment: suppress}
  age: {role: quasi, treatment: [topcode, generalise, suppress]}
  sex: {role: quasi, treatment: suppress}
  income: {role: sensitive, treatment: round}
  note: {role: plain, treatment: keep}
steps:
  - pseudonymise: {columns: [household], domain: household}
  - topcode: {columns: {age: {top: 90}}}
  - generalise: {columns: {age: {edges: [18, 40, 65]}}}
  - round: {columns: {income: 10}}
  - drop: {columns: [name]}
  - suppress: {keys: [region, age, sex], k: 5}
  - shuffle: {}
risk: {keys: [region, age, sex], k: 5, household: household, sensitive: [note]}
"""


def people(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(9)
    return pd.DataFrame(
        {
            # Small letters stand in no pseudonym, so that a token never looks like one of these by chance.
            "household": [f"Hh{i:06d}" for i in rng.integers(0, max(1, n // 3), n)],
            "name": [f"Zq{i:06d}x" for i in range(n)],
            "region": rng.choice([f"R{i}" for i in range(30)], n),
            "age": rng.integers(0, 100, n),
            "sex": rng.choice(["f", "m"], n),
            "income": pd.Series(rng.gamma(2, 200, n).round(2)).where(rng.random(n) > 0.1),
            "note": rng.choice(["yes", "no", "unknown"], n),
        }
    )


@pytest.fixture
def place(tmp_path):
    people(3_000).to_csv(tmp_path / "in.csv", index=False)
    (tmp_path / "r.yaml").write_text(RECIPE)
    (tmp_path / "key").write_text("0123456789abcdef" * 4)
    return tmp_path


def command(place: Path, *more: str, out: str = "out", file: str = "in.csv") -> list[str]:
    code = "import sys; from enclave.cli import main; sys.argv[0] = 'enclave'; main()"
    base = [
        "anonymize",
        "--recipe",
        str(place / "r.yaml"),
        "--in",
        str(place / file),
        "--as-of",
        "2026-01-01",
    ]
    return [sys.executable, "-c", code, *base, "--out", str(place / out), *more]


def run(place: Path, *more: str, code: int = 0, **where) -> Result:
    """In this process, where nothing is killed."""
    done = CliRunner().invoke(anonymize, command(place, *more, **where)[4:])
    assert done.exit_code == code, done.output
    return done


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def in_process(place: Path, **how) -> str:
    asked = FileRun(load_recipe(RECIPE), RING, "dataset:people", DAY, **how)
    return run_file(asked, place / "in.csv", place / "x.parquet", place / "w").digest


# End to end.


def test_a_file_nobody_has_seen_end_to_end(place):
    # A fixed key: pseudonyms of a one-time key could hold anything by chance.
    done = run(place, "--csv", "--processes", "1", "--key-file", str(place / "key"))
    out = place / "out"
    evidence = json.loads((out / "evidence.json").read_text())
    release = pd.read_parquet(out / "people.parquet")
    assert evidence["output"]["digest"] == digest_of(out / "people.parquet")
    assert evidence["input"] == {"digest": digest_of(place / "in.csv"), "rows": 3_000, "columns": 7}
    assert evidence["risk"]["after"]["smallest_class"] >= 5
    assert len(release) == 3_000
    pd.testing.assert_frame_equal(pd.read_csv(out / "people.csv"), release, check_dtype=False)
    assert evidence["gate"]["policy"]["id"] == "deidentification"
    # What the policy misses is not to be guessed at: how it is measured is said.
    assert "run again with --attack" in done.stdout
    assert "without --attack" in (out / "evidence.md").read_text()
    assert sorted(p.name for p in out.iterdir()) == [
        "evidence.json",
        "evidence.md",
        "people.csv",
        "people.parquet",
    ]
    everything = (
        (out / "evidence.json").read_text() + (out / "evidence.md").read_text() + done.stdout + done.stderr
    )
    assert "Zq0" not in everything + (out / "people.csv").read_text()
    assert "Hh0" not in everything + (out / "people.csv").read_text()


def test_the_plan_reads_no_row(place):
    header = (place / "in.csv").read_text().splitlines()[0]
    (place / "in.csv").write_text(header + "\n" + "not a row at all\n")
    said = run(place, "--plan").stdout
    assert "Blanks cells of region, age and sex" in said
    assert "passes over the rows" in said
    assert not (place / "out").exists()


def test_a_run_with_the_gate_exits_with_one_where_the_policy_denies(place):
    (place / "r.yaml").write_text(RECIPE.replace("k: 5}\n  - shuffle", "k: 2}\n  - shuffle"))
    said = run(place, "--gate", "--processes", "1", code=1).stdout
    assert "deny" in said
    assert (place / "out" / "evidence.json").exists()


def test_a_release_is_not_written_over(place):
    run(place, "--processes", "1")
    before = digest_of(place / "out" / "people.parquet")
    assert "holds a release already" in run(place, "--processes", "1", code=2).stderr
    assert digest_of(place / "out" / "people.parquet") == before


# Poisoned rows.


def test_poisoned_rows_are_set_aside_counted_and_never_shown(place):
    lines = (place / "in.csv").read_bytes().splitlines()
    lines[11] = b"HH1,Canary,R1,forty-two,f,1,no"
    lines[12] = b"HH1,Canary,R1,42"
    lines[13] = b",Canary,R1,42,f,1,no"
    lines[14] = b"HH1,Can\xff\xfeary,R1,42,f,1,no"
    (place / "in.csv").write_bytes(b"\n".join(lines) + b"\n")
    done = run(place, "--processes", "1", "--partitions", "3")
    evidence = json.loads((place / "out" / "evidence.json").read_text())
    assert evidence["set_aside"]["rows"] == 4
    assert sorted(evidence["set_aside"]["reasons"].values()) == [1, 1, 1, 1]
    assert evidence["output"]["rows"] == evidence["input"]["rows"] - 3  # a line without its cells is no row
    aside = (place / "out" / "set-aside.csv").read_text()
    assert [line.split(",")[0] for line in aside.splitlines()[1:]] == ["11", "12", "13", "14"]
    for text in (aside, json.dumps(evidence), done.stdout, done.stderr):
        assert "Canary" not in text
        assert "forty-two" not in text
    many = run(place, "--processes", "1", "--limit", "0", out="second", code=1).stderr
    assert "cannot be used and at most 0 may be set aside" in many
    assert not (place / "second" / ".work").exists()  # under a one-time key nobody could go on with it
    assert not (place / "second" / "people.parquet").exists()


def test_a_file_without_a_header_is_refused_without_its_first_line(place):
    lines = (place / "in.csv").read_text().splitlines()[1:]
    (place / "in.csv").write_text("\n".join(lines) + "\n")
    said = run(place, code=1).output
    assert "does not hold the names" in said
    assert "Zq0" not in said
    assert "Hh0" not in said


# Wrong recipes.


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("top: 90", "tpo: 90", 16, "no setting tpo. Did you mean top?"),
        ("k: 5}\n  - shuffle", "k: five}\n  - shuffle", 20, "k must be a whole number"),
        ("  - round:", "  - rund:", 18, "there is no step rund. Did you mean round?"),
        ("keys: [region, age, sex], k: 5}\n  - shuffle", "keys: [regoin, age, sex], k: 5}\n  - shuffle", 20, "Did you mean region?"),
        ("role: sensitive", "role: sensitiv", 12, "Did you mean sensitive?"),
        ("tier: scientific use", "tier: scientific use\ntier: secure", 6, "the key tier stands here and in line 5"),
        ("  household: {role", "\thousehold: {role", 7, "a tab before the text"),
        ("  note: {role: plain, treatment: keep}\n", "", 6, "The column note of the extract is not decided"),
        ("unit: person", "unit: village", 4, "There are: household, person"),
        ("income: {role: sensitive, treatment: round}", "income: {role: sensitive, treatment: keep}", 12, "Make them agree"),
    ],
)  # fmt: skip
def test_a_wrong_recipe_names_line_key_and_what_may_stand_there(place, old, new, line, said):
    assert old in RECIPE
    (place / "r.yaml").write_text(RECIPE.replace(old, new, 1))
    found = run(place, code=2).stderr
    assert f"Line {line}: " in found, found
    assert said in found, found
    assert not (place / "out").exists()


def test_everything_that_is_wrong_is_said_at_once(place):
    text = RECIPE
    for old, new in [
        ("version: 1", "version: one"),
        ("top: 90", "tpo: 90"),
        ("- drop:", "- drip:"),
        ("k: 5}\n  -", "kk: 5}\n  -"),
    ]:
        text = text.replace(old, new, 1)
    (place / "r.yaml").write_text(text)
    found = run(place, code=2).stderr
    assert all(word in found for word in ("version", "tpo", "drip", "kk"))


def test_what_is_misused_is_a_sentence_and_exit_code_two(place):
    assert "COLUMN=TYPE" in run(place, "--type", "age:integer", code=2).stderr
    assert (
        "nothing" in run(place, "--resume", code=2).stderr
        or "no stopped run" in run(place, "--resume", code=2).stderr
    )
    assert "no file" in run(place, file="gone.csv", code=1).stderr
    assert "r.yaml cannot be made" in run(place, out="r.yaml", code=2).stderr


# One release, however it is made.


def test_the_same_release_for_any_number_of_parts_and_for_a_pool(place):
    digests = {parts: in_process(place, partitions=parts) for parts in (1, 3, 20)}
    with_pool = Pool(2)
    try:
        digests["pool"] = in_process(place, partitions=4, executor=with_pool)
    finally:
        with_pool.close()
    assert len(set(digests.values())) == 1, digests
    frame = people(3_000)
    (place / "in.csv").unlink()
    frame.to_parquet(place / "in.csv")  # told apart by content
    assert in_process(place, partitions=5) == digests[1]


def test_work_files_are_sealed_and_gone_afterwards(place):
    seen: list[bytes] = []

    def look(_says: str, _done: int, _rows: int) -> None:
        for path in (place / "w").glob("*"):
            assert path.stat().st_mode & 0o077 == 0
            seen.append(path.read_bytes())

    in_process(place, partitions=3, told=look)
    assert (place / "w").exists() is False
    assert len(seen) > 10
    assert not any(word in data for data in seen for word in (b"Hh0000", b"Zq0000", b"household", b"region"))


# Stopped anywhere, it goes on.


@pytest.mark.parametrize("seed", range(2))
def test_a_run_killed_at_random_moments_makes_the_same_release(place, seed):
    rng = random.Random(seed)
    more = [
        "--key-file",
        str(place / "key"),
        "--partitions",
        "8",
        "--processes",
        "1",
        "--work",
        str(place / "w"),
    ]
    run(place, *more, out="whole")
    wanted = digest_of(place / "whole" / "people.parquet")
    kills, resumed = 0, []
    while kills < 4:
        process = subprocess.Popen(
            command(place, *more),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        # The moment is told by the work itself: after so many more of its files.
        moment, started = len(list((place / "w").glob("*"))) + rng.randrange(1, 20), time.monotonic()
        while process.poll() is None and time.monotonic() - started < 120:
            if len(list((place / "w").glob("*"))) >= moment:
                time.sleep(rng.random() * 0.05)
                break
            time.sleep(0.002)
        if process.poll() is not None:
            break
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
        resumed.append(len(list((place / "w").glob("*.told"))))
    if not (place / "out" / "evidence.json").exists():
        run(place, *more)
    assert kills >= 2
    assert resumed == sorted(resumed)  # nothing that was done is lost
    assert resumed[-1] > 8
    assert digest_of(place / "out" / "people.parquet") == wanted
    assert not (place / "w").exists()
    assert [p.name for p in (place / "out").iterdir() if p.name.startswith(".")] == []


class _Stop(Exception):
    pass


def test_what_is_done_is_not_done_again_and_what_is_of_another_run_is(place):
    done: list[str] = []

    def told(says: str, rows: int, _all: int) -> None:
        done.append(says)
        if says.startswith("Blanks") and rows > 1_000:
            raise _Stop

    with pytest.raises(_Stop):
        in_process(place, partitions=6, told=told)
    written = {p.name: p.stat().st_mtime_ns for p in (place / "w").glob("pass0-*")}
    assert written
    seen: dict[str, int] = {}

    def again(_says: str, _rows: int, _all: int) -> None:
        seen.update({p.name: p.stat().st_mtime_ns for p in (place / "w").glob("pass0-*.told")})

    first = in_process(place, partitions=6, told=again)
    assert all(seen[name] == when for name, when in written.items() if name in seen)
    assert "Reads the rows." in done
    with pytest.raises(_Stop):
        in_process(place, partitions=6, told=told)
    other = FileRun(
        load_recipe(RECIPE), KeyRing(b"another key of the tests"), "dataset:people", DAY, partitions=6
    )
    assert run_file(other, place / "in.csv", place / "y.parquet", place / "w").digest != first
    assert in_process(place, partitions=2) == first


def test_a_changed_file_in_the_work_directory_is_done_again(place):
    wanted = in_process(place, partitions=4)

    def told(says: str, rows: int, _all: int) -> None:
        if says.startswith("Blanks") and rows > 1_500:
            raise _Stop

    with pytest.raises(_Stop):
        in_process(place, partitions=4, told=told)
    told_file = min((place / "w").glob("pass0-*.told"))
    told_file.write_bytes(told_file.read_bytes()[:-20])
    assert in_process(place, partitions=4) == wanted


def test_two_runs_do_not_share_a_work_directory(place):
    def told(_says: str, _rows: int, _all: int) -> None:
        with pytest.raises(Unusable, match="Another run is using"):
            in_process(place, partitions=2)
        raise _Stop

    with pytest.raises(_Stop):
        in_process(place, partitions=2, told=told)


# Workers that die.


def _die_once(folder: str, part: int) -> int:
    marker = Path(folder) / f"died-{part}"
    if part % 3 == 1 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    (Path(folder) / f"done-{part}").touch()
    return part


def _die(_part: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def test_a_worker_that_dies_is_run_again(tmp_path):
    from functools import partial

    pool, rows = Pool(2), []
    try:
        pool.run(partial(_die_once, str(tmp_path)), range(3), rows.append)
    finally:
        pool.close()
    assert sorted(rows) == [0, 1, 2]
    assert (tmp_path / "died-1").exists()


def test_workers_that_always_die_are_given_up_with_a_sentence():
    pool = Pool(1)
    try:
        with pytest.raises(WorkersDied, match="want of memory"):
            pool.run(_die, [0], lambda _rows: None)
    finally:
        pool.close()


def test_a_step_may_start_processes_only_where_the_work_runs_in_one():
    assert Serial().alone
    assert not Pool(2).alone


# Dask.


@contextmanager
def dask_cluster(workers: int):
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1",
        memory_limit=0, silence_logs=50,
    ) as cluster:  # fmt: skip
        yield cluster


def test_the_same_recipe_on_a_dask_cluster(place):
    pytest.importorskip("distributed")
    from anonymization.partitions.dask_cluster import Dask

    wanted = in_process(place, partitions=1)
    with dask_cluster(2) as cluster:
        executor = Dask(cluster.scheduler_address)
        killed: list[int] = []

        def told(says: str, _rows: int, _all: int) -> None:
            if says.startswith("Replaces") and not killed:  # a worker dies in the middle of the first pass
                killed.append(next(iter(cluster.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        try:
            assert in_process(place, partitions=6, executor=executor, told=told) == wanted
        finally:
            executor.close()
        assert killed


def test_a_scheduler_that_is_not_there_is_a_sentence(place):
    pytest.importorskip("distributed")
    from anonymization.partitions.dask_cluster import Dask

    with pytest.raises(Unusable, match="No Dask scheduler answers"):
        in_process(place, partitions=2, executor=Dask("tcp://127.0.0.1:9", patience=2))
