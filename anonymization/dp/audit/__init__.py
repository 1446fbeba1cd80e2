"""A black-box audit: what two neighbouring registries' answers say, at the least, about the true epsilon.

It can disprove a claim and never proves one: a lower bound above the claim is a defect (promise P6).
`bounds` the lower bound itself; `features` and `events` choosing what to look at; `claims` what a loss promises;
`neighbours` the registry with and without its worst household, `registry` its rows; `shapes` every question that we
expose, `coverage` whether it is every one; `running` asking them; `report` the findings.
"""

from __future__ import annotations

from .bounds import Audit, Claim
from .events import audit
from .running import Finding, audit_shape, confidence_of
from .shapes import SHAPES, Shape

__all__ = ["SHAPES", "Audit", "Claim", "Finding", "Shape", "audit", "audit_shape", "confidence_of"]
