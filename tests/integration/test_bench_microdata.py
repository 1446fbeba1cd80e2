"""The bench of disclosure control runs, its figures are there, and peers agree where they are installed."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "scripts" / "bench"
PEERS = ROOT / ".bench" / "bin" / "python"


@pytest.fixture(scope="module")
def figures():
    done = subprocess.run(
        [sys.executable, BENCH / "microdata.py", "--sizes", "30000", "--recipe", "3000", "--cap", "60"],
        capture_output=True, text=True, check=False, timeout=800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.slow
def test_every_figure_of_ours_is_there(figures):
    ours = figures["ours"]
    assert set(ours) == {
        "risk", "suppress", "lattice", "smallest_class", "smallest_class_recoded", "diversity_recoded", "mdav",
    }  # fmt: skip
    for task, by_size in ours.items():
        found = by_size["30000"]
        assert found["rows"] == 30_000, task
        assert found["cpu_seconds"] > 0, task
        assert found["peak_mb"] > 50, task
        assert found["rows_per_cpu_second"] > 0, task
    assert ours["lattice"]["30000"]["result"]["nodes"] == 1_080
    assert figures["free_text"]["ours"]["result"]["changed"] > 0


@pytest.mark.slow
def test_one_release_in_one_process_in_a_pool_and_on_dask(figures):
    recipe = figures["recipe"]["3000"]
    assert recipe["same_release"] is True
    assert {recipe[e]["rows"] for e in ("serial", "pool", "dask")} == {3_000}
    assert all(
        recipe[e]["rows_per_second"] > 0 and recipe[e]["peak_mb"] > 50 for e in ("serial", "pool", "dask")
    )


@pytest.mark.slow
def test_reference_figures_say_that_they_were_not_measured_here(figures):
    assert "not measured in this run" in figures["reference"]["provenance"]


@pytest.mark.slow
@pytest.mark.skipif(
    not PEERS.exists(), reason="the peers' environment is not there: scripts/bench-environment"
)
def test_peers_find_the_same_and_the_quadratic_one_is_slower(figures):
    ours, peers = figures["ours"], figures["peers"]
    for mine, theirs, key in [
        ("smallest_class", "pycanon_k", "k"),
        ("smallest_class_recoded", "pycanon_k_recoded", "k"),
        ("diversity_recoded", "pycanon_l_recoded", "l"),
    ]:
        assert ours[mine]["30000"]["result"][key] == peers[theirs]["30000"]["result"][key]
    # pycanon makes a list of positions for every class; we count codes.
    assert figures["ratios"]["pycanon_k / smallest_class"]["30000"]["cpu"] > 1


def test_a_peer_that_does_not_finish_is_stopped_and_said(tmp_path):
    spec = importlib.util.spec_from_file_location("microdata", BENCH / "microdata.py")
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    slow = tmp_path / "task.py"
    slow.write_text("while True: pass\n")
    bench.TASK = slow
    found = bench.with_memory(Path(sys.executable), "any", tmp_path / "none", 1)
    assert found["stopped"] == "stopped after 1 s of CPU time"
    slow.write_text("raise SystemExit('no such thing')\n")
    assert bench.with_memory(Path(sys.executable), "any", tmp_path / "none", 0)["failed"] == "no such thing"
