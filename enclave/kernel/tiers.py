"""The release tiers, from everybody's to nearly nobody's (the IHSN ladder)."""

from __future__ import annotations

from enum import StrEnum


class Tier(StrEnum):
    OPEN = "open"  # differentially private aggregates
    PUBLIC_USE = "public_use"  # synthetic
    SCIENTIFIC_USE = "scientific_use"  # anonymized microdata, in the enclave
    SECURE = "secure"  # pseudonymized detailed microdata, in the enclave, strictest
