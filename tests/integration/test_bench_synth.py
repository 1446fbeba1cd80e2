"""The bench of synthesizers prints JSON alone, says what did not end, and goes on where it stopped."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/bench/synth.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("bench")


def _run(folder: Path, *arguments: str) -> dict:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--households", "600", "--keep", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_trees_and_noisy_counts_are_measured_beside_the_floor(folder):
    found = _run(folder, "--only", "cart", "mst_epsilon_3", "smartnoise_mst_epsilon_3")
    methods = found["methods"]
    assert set(methods) == {"another_true_sample", "cart", "mst_epsilon_3", "smartnoise_mst_epsilon_3"}
    for name in ("cart", "mst_epsilon_3"):
        one = methods[name]
        assert 0 < one["mean_total_variation_of_pairs"] < 0.5
        assert one["targeting_differential_error"]["worst"] >= one["targeting_differential_error"]["mean"]
        assert set(one["attack_risks"]) == {"singling_out_risk", "linkability_risk", "inference_risk"}
        assert set(one["regressions"]) == {
            "proxy means test", "enrolment on score", "benefits on enrolment",
        }  # fmt: skip
        assert one["tables_combined"] == 5
        assert one["peak_megabytes"] > 50
        assert one["wall_seconds"] <= one["bound_seconds"]
        assert one["policy"]["outcome"] in {"allow", "review", "deny"}
    # The order that real households give: trees keep relations that noisy pairs lose.
    pairs = [methods[n]["mean_total_variation_of_pairs"] for n in ("cart", "mst_epsilon_3")]
    assert pairs[0] < pairs[1]
    assert "attack_risks" not in methods["another_true_sample"]
    assert methods["smartnoise_mst_epsilon_3"]["why"].startswith("It was not asked for")
    assert found["anonymeter"] is None


def test_a_run_goes_on_with_what_is_there_and_says_what_did_not_end(folder):
    """Without what the first run left, the trees would not end either within this bound."""
    before = json.loads((folder / "cart.json").read_text(encoding="utf-8"))
    found = _run(folder, "--only", "cart", "mst_epsilon_1", "--bound", "0.01")["methods"]
    assert found["cart"] == before
    assert found["mst_epsilon_1"] == {"bound_seconds": 0.01, "why": "It did not end within 0.01 seconds."}


def test_ratios_are_the_peers_figure_over_ours(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import synth

    ours = {"mean_total_variation_of_pairs": 0.02, "cpu_seconds": 2.0, "peak_megabytes": 200}
    peer = {"mean_total_variation_of_pairs": 0.2, "cpu_seconds": 1.0, "targeting_differential_error": None}
    found = synth.ratios({"cart": ours, "raw_gaussian_copula": peer, "tvae": ours})
    assert found == {"cart": {"beside": "raw_gaussian_copula", "pairs": pytest.approx(10), "cpu": 0.5}}
