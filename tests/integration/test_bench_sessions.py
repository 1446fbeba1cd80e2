"""The bench of sessions, ours alone and one session: it opens, measures and ends, and prints JSON and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.real


def test_one_session_is_opened_measured_and_ended():
    command = [sys.executable, ROOT / "scripts" / "bench" / "sessions.py", "--sessions", "1"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)

    assert ran.returncode == 0, ran.stderr[-2000:]
    ours = json.loads(ran.stdout)["systems"]["ours"]
    one = ours["sessions"]["1"]
    assert one["memory_per_session_mb"]["median"] > 50
    assert 0 < one["revoke_to_dead_seconds"]["most"] < 60  # the promise is a minute
    assert one["spawn_to_first_cell_seconds"]["median"] > one["revoke_to_dead_seconds"]["median"]
