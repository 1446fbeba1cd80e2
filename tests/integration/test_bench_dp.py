"""The bench of private answers prints JSON alone; what a peer lacks is said; a bound that is met ends the process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts/bench"
sys.path.insert(0, str(SCRIPTS))

import dp_process  # noqa: E402
import dp_score  # noqa: E402


@pytest.fixture(scope="module")
def found() -> dict:
    # Ours alone: no environment of a peer is made, so nothing is fetched.
    done = subprocess.run(
        [
            sys.executable,
            str(SCRIPTS / "dp.py"),
            "--only",
            *["--rows", "3000", "--error-rows", "3000", "--repetitions", "2"],
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_ours_alone_is_measured_at_every_epsilon(found):
    counts = found["errors"]["households"]["same_guarantee"]["count"]
    errors = [counts[e]["errors"]["ours"]["mean_absolute_error"] for e in ("0.1", "1.0", "3.0")]
    # Laplace noise of scale 10, 1 and 1/3 on 128 cells: a mean this far off is out of the question.
    assert 5 < errors[0] < 20
    assert errors[0] > 4 * errors[1] > 0
    assert errors[2] < 0.6
    assert "count" not in counts["not_offered"]


def test_rows_of_persons_are_paid_for_by_the_household(found):
    persons = found["errors"]["persons"]
    household = persons["same_guarantee"]["persons_count"]["1.0"]["errors"]["ours"]["mean_absolute_error"]
    person = persons["lesser_guarantee"]["persons_count, one person"]["1.0"]["errors"]["ours"]
    assert household > 3 * person["mean_absolute_error"]


def test_time_and_memory_are_of_a_fresh_process(found):
    took = found["time"]["3000"]["mean"]["measured"]["ours"]
    assert took["cpu_seconds"] > 0
    assert took["peak_megabytes"] > 30
    assert took["query_alone"]["cpu_seconds"] <= took["cpu_seconds"] + 0.1


def test_a_runner_that_does_not_end_is_ended_and_said(tmp_path, monkeypatch):
    (tmp_path / "dp_peers").mkdir()
    (tmp_path / "dp_peers/slow_runner.py").write_text("while True: pass\n")
    monkeypatch.setattr(dp_process, "HERE", tmp_path)
    told = dp_process.carried_out(sys.executable, dp_process.Peer((), "slow", ""), {}, 0.5)
    assert told["why"] == "It did not end within 0.5 CPU seconds."


def test_a_peer_that_cannot_be_installed_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(dp_process, "ENVIRONMENTS", tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    python, why = dp_process.environment(
        "none", dp_process.Peer(("no-such-package-anywhere==1",), "none", "")
    )
    assert python == ""
    assert "no-such-package-anywhere" in why


def test_a_ratio_is_over_cells_that_both_answered():
    told = dp_score.ratio([[1.0, None, 4.0]] * 3, [[2.0, 5.0, 8.0]] * 3, [0.0, 0.0, 0.0])
    assert told is not None
    assert told["ours_over_peer"] == pytest.approx(0.5)
    assert told["cells"] == 2
    assert dp_score.score([[None, 3.0]], [1.0, 1.0])["withheld_share"] == 0.5
