"""The API against its own description: whatever is sent, never an error of ours, and always a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from portalkit import a_portal

PERSONS = ("", "amina", "sofia", "petra", "omar", "noor", "aldo")


def _faults(answer: Any) -> str:
    """What is wrong with an answer, or nothing."""
    if answer.status_code >= 500:
        return f"answered {answer.status_code}"
    kind = str(answer.headers.get("content-type", ""))
    if answer.status_code >= 400:
        if "application/problem+json" not in kind:
            return f"refused as {kind}"
        body = answer.json()
        if body["status"] != answer.status_code or not re.search(r"[.!?]$", body["detail"]):
            return f"refused without a sentence: {body}"
    return ""


@pytest.mark.slow
def test_no_call_breaks_the_portal(tmp_path: Path) -> None:
    portal = a_portal(tmp_path)
    slug = portal.project()
    ids = [
        portal.draft().id,
        portal.submitted().id,
        portal.output(slug).id,
        portal.enclave.releases.published()[0].id,
    ]
    known = {"slug": [slug, "households"], "id_": ids, "name": ["coverage.csv"], "grant_id": ids}
    headers = [portal.token(name) if name else {} for name in PERSONS]
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", portal.app)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 45
    faults: list[str] = []

    def knock(case: Any, label: str) -> None:
        for position, who in enumerate(headers):
            for parameter, values in known.items():
                if position % 2 and parameter in (case.path_parameters or {}):
                    case.path_parameters[parameter] = values[position % len(values)]
            fault = _faults(case.call(headers=who))
            if fault:
                faults.append(f"{PERSONS[position] or 'a stranger'}, {label}: {fault}")

    for operation in operations:
        # Opening a session asks the hub, and a sign-out would end the tokens that the next calls use.
        if not operation.path.endswith(("/session", "/sign-out")):
            _examples(operation, knock)

    assert faults == []
    assert portal.enclave.audit.verify() == []


def _examples(operation: Any, knock: Callable[[Any, str], None]) -> None:
    """Calls `knock` with a few made-up calls of one operation, the same ones every time."""

    @given(case=operation.as_strategy())
    @settings(
        max_examples=8,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def example(case: Any) -> None:
        knock(case, operation.label)

    example()
