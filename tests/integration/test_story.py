"""The whole story through the real interfaces, small, with the object store killed in the middle."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from objectstore import free_ports

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.real
def test_the_story_is_told_to_its_end_although_the_object_store_is_killed(tmp_path):
    command = [
        sys.executable, "-m", "enclave.cli", "demo", "--households", "10000", "--kill-object-store",
        "--build", str(tmp_path / "demo"), "--first-port", str(free_ports(20)),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=850, check=False, cwd=ROOT)
    report = json.loads((tmp_path / "demo" / "report.json").read_text())
    told = "\n".join(line for step in report for line in step["proved"])
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert [step["step"] for step in report] == [
        "extract", "de-identify", "aggregate", "synthesise", "store", "store, after a crash", "request", "work", "ask", "leave", "see",
    ]  # fmt: skip
    assert all(step["ok"] and step["proved"] and step["seconds"] >= 0 for step in report)
    assert "researcher's credentials read one: the released table" in told
    assert "left without a checker" in told
    assert "killed (SIGKILL)" in done.stdout
