"""From the evidence of attacks to the gate: what leaks is held with sentences, what was not attacked too."""

from __future__ import annotations

from datetime import date

import pytest

from enclave.extracts.gates import attack_facts
from policies import PolicyBook

DAY = date(2026, 6, 1)
IN_ORDER = {
    "direct_identifiers_left": 0, "undecided_columns": 0, "planted_identifiers_found": 0, "k_minimum": 5,
    "expected_reidentifications_share": 0.02, "suppressed_cell_share": 0.0, "rows_dropped_share": 0.0,
}  # fmt: skip
RISKS = {
    "singling out, anybody": 0.002, "singling out, outsider": 0.004, "linkability, anybody": 0.001,
    "linkability, outsider": 0.06, "inference, outsider": 0.07,
}  # fmt: skip


def decided(evidence: dict):
    return PolicyBook.packaged().decide("deidentification", IN_ORDER | attack_facts(evidence), DAY)


def test_the_worst_attacker_of_each_family_is_weighed():
    facts = attack_facts({"attacks": {"risks": RISKS | {"linkability, neighbour": 0.9}}})
    assert facts == {"singling_out_risk": 0.004, "linkability_risk": 0.9, "inference_risk": 0.07}


def test_a_release_that_withstands_its_attacks_passes():
    assert decided({"attacks": {"risks": RISKS}}).allowed


@pytest.mark.parametrize(
    ("leak", "words"),
    [
        ({"singling out, anybody": 1.0}, "singles out"),
        ({"linkability, neighbour": 0.9}, "links two sources"),
        ({"inference, outsider": 0.3}, "worst-kept secret"),
    ],
)
def test_one_attack_that_succeeds_holds_the_release_with_a_sentence(leak, words):
    decision = decided({"attacks": {"risks": RISKS | leak}})
    assert not decision.allowed
    assert len(decision.refusals) == 1
    assert words in decision.refusals[0]


@pytest.mark.parametrize("evidence", [{}, {"attacks": {"not_made": "too few"}}, {"attacks": {"risks": {}}}])
def test_what_was_not_attacked_does_not_pass(evidence):
    decision = decided(evidence)
    assert not decision.allowed
    assert len(decision.refusals) == 3
    assert all("without knowing" in said for said in decision.refusals)
