"""Findings for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .bounds import Audit
from .running import Finding

#: What people read: one line in twenty may show a little more than the truth, so it accuses nobody.
PLAIN = 0.95

_HEAD = ("shape", "claim", "at delta", "least 95%", "least", "answers", "verdict", "seen in")
_LINE = "{:<58} {:>7} {:>8} {:>9} {:>7} {:>8}  {:<8} {}"


def table(findings: Sequence[Finding]) -> str:
    """A line for each audit: what is claimed, and what was at least lost."""
    lines = [_LINE.format(*_HEAD)]
    for finding in findings:
        for how, found in _audits(finding):
            name = finding.name if how == "crowd" else f"{finding.name} ({how})"
            lines.append(
                _LINE.format(
                    name[:58],
                    f"{found.claim.epsilon:.3f}",
                    f"{found.claim.delta:g}",
                    f"{found.at(PLAIN):.3f}",
                    f"{found.lower_bound:.3f}",
                    found.runs,
                    "REFUTED" if found.refuted else "ERRORS" if finding.errors else "stands",
                    found.event[:60],
                )
            )
    return "\n".join(lines)


def as_data(finding: Finding) -> dict[str, Any]:
    """A finding as JSON types."""
    loss = finding.claimed
    return {
        "shape": finding.name,
        "claimed": {"epsilon": loss.epsilon, "delta": loss.delta, "rho": loss.rho},
        "refuted": finding.refuted,
        "errors": finding.errors,
        "cpu_seconds": round(finding.cpu_seconds, 3),
        "audits": [
            {
                "how": how,
                "claim": {"epsilon": found.claim.epsilon, "delta": found.claim.delta},
                "lower_bound": found.lower_bound,
                "confidence": found.confidence,
                "lower_bound_95": found.at(PLAIN),
                "answers": found.runs,
                "event": found.event,
                "seen": {"often": list(found.often), "seldom": list(found.seldom)},
                "refuted": found.refuted,
            }
            for how, found in _audits(finding)
        ],
    }


def _audits(finding: Finding) -> list[tuple[str, Audit]]:
    return [(how, a) for how, a in (("crowd", finding.crowd), ("alone", finding.alone)) if a is not None]
