"""How a synthetic table stands against the policy, for the choice among methods; the thresholds are the policy's."""

from __future__ import annotations

import math
from datetime import date

from anonymization.pipeline import Candidate
from anonymization.synth import Judge, Verdict
from enclave.catalogue.model import Dataset
from enclave.extracts.gates import synthetic_facts
from policies import Outcome, PolicyBook
from policies.engine import version_in_force
from policies.rules import AtLeast, AtMost

_POLICY = "synthetic-data"


def judge(policies: PolicyBook, dataset: Dataset, on: date) -> Judge:
    """What `choose` weighs tables by: the policy in force on a day.

    Rules that deny are demands of privacy, rules that call for a review are demands of fitness for use.
    """
    version = version_in_force(policies.document(_POLICY), _POLICY, on)
    bounds = {e.id: e for e in version.entries(_POLICY) if isinstance(e, (AtLeast, AtMost))}

    def weighed(candidate: Candidate) -> Verdict:
        facts = synthetic_facts(candidate.evidence, candidate.table, dataset)
        decision = policies.decide(_POLICY, facts, on)
        parts = [
            _part(bounds[f.rule], f.observed)
            for f in decision.findings
            if f.rule in bounds and bounds[f.rule].otherwise == "review" and f.observed is not None
        ]
        said = {o: tuple(f.sentence for f in decision.findings if f.outcome is o) for o in Outcome}
        return Verdict(
            said[Outcome.DENY],
            said[Outcome.REVIEW],
            max(parts, default=0.0),
            float(str(facts["two_way_total_variation"])),
        )

    return weighed


def _part(rule: AtLeast | AtMost, observed: object) -> float:
    """A figure as a part of its bound: 1 at the bound, less is better."""
    if not isinstance(observed, (int, float)):
        return 0.0
    over, under = (observed, rule.threshold) if isinstance(rule, AtMost) else (rule.threshold, observed)
    return float(over) / float(under) if under > 0 else math.inf
