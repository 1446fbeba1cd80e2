"""The figures of an evidence pack that pages show: aggregates only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def synthetic_summary(evidence: Mapping[str, Any]) -> dict[str, object]:
    """Of a synthetic table: method, nearness, attacks, targeting both ways."""
    return {
        "says": evidence["says"],
        "method": evidence["method"],
        "pairs": evidence["quality"]["pairs"],
        "sdmetrics": evidence["quality"]["sdmetrics"],
        "closest_record": evidence["privacy"]["closest_record"],
        "copies": evidence["privacy"]["copies"],
        "attacks": worst_attacks(evidence),
        "targeting": evidence["utility"]["targeting"],
    }


def private_summary(evidence: Mapping[str, Any]) -> dict[str, object]:
    """Of a differentially private table: what the guarantee covers, and no figure that was measured on real rows."""
    return {
        "says": evidence["says"],
        "differentially_private": True,
        "method": evidence["method"],
        "loss": evidence["loss"],
        "charge": evidence["charge"],
    }


def worst_attacks(evidence: Mapping[str, Any]) -> dict[str, object]:
    """The worst attack of each family: what it tried, its rates and its risk."""
    worst: Mapping[str, Mapping[str, Any]] = evidence["attacks"].get("worst", {})
    keep = ("what", "attack", "control", "baseline", "risk")
    return {name: {k: found[k] for k in keep} for name, found in worst.items()}
