"""The bench of synthesizers prints JSON alone, and says what did not end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts/bench/synth.py"


def _run(*arguments: str) -> dict:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--households", "600", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_trees_are_measured_beside_the_floor():
    found = _run("--only", "cart")["methods"]
    assert set(found) == {"another_true_sample", "cart"}
    cart = found["cart"]
    assert 0 < cart["mean_total_variation_of_pairs"] < 0.3
    assert cart["targeting_differential_error"]["worst"] >= cart["targeting_differential_error"]["mean"]
    assert cart["peak_megabytes"] > 50
    assert any(name.startswith("singling out") for name in cart["attack_risks"])


def test_a_method_that_does_not_end_is_said_and_not_left_out():
    found = _run("--only", "cart", "--cap", "0.01")["methods"]
    assert found["cart"] == {"why": "It did not end within 0.01 seconds."}
