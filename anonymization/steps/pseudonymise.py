"""Replaces identifiers by keyed pseudonyms of one domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from anonymization.keys import TOKEN_LENGTH
from anonymization.schema import FieldType, Schema
from anonymization.steps.base import Context, Intent, StepEvidence, intent, listed
from anonymization.steps.evidence import Distinct


@dataclass(frozen=True, slots=True)
class Pseudonymise:
    """Args: domain: what is named (household, person, village); columns of one domain stay joinable."""

    kind: ClassVar[str] = "pseudonymise"
    columns: tuple[str, ...]
    domain: str

    def plan(self, schema: Schema) -> Intent:
        says = f"Replaces {listed(self.columns)} by pseudonyms of the domain {self.domain}."
        return intent(self, schema, dict.fromkeys(self.columns, FieldType.STRING), says)

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        out = table.copy(deep=False)
        evidence: StepEvidence = {
            "global": {
                "domain": self.domain,
                "method": "HMAC-SHA-256 under HKDF-SHA-256(scope, domain, version)",
                "token_bits": 5 * TOKEN_LENGTH,
                "key_version": context.keys.version,
            }
        }
        for name in self.columns:
            # Tokens come by position; the table's index holds its row numbers.
            out[name] = context.keys.tokens(context.scope, self.domain, table[name]).to_numpy()
            evidence[f"distinct:{name}"] = Distinct.of(out[name])
            evidence[f"missing:{name}"] = int(out[name].isna().sum())
        return out, evidence
