"""Audit events as somebody looks for them."""

from __future__ import annotations

from collections.abc import Mapping

from enclave.audit.model import AuditEvent
from enclave.audit.service import Audit
from enclave.kernel.actors import Actor


def matching(audit: Audit, reader: Actor, where: Mapping[str, str]) -> list[AuditEvent]:
    """Events in order whose actor, event and subject are as in `where`."""
    columns = {k: v for k, v in where.items() if k != "actor"}
    who = where.get("actor")
    return [e for e in audit.events(reader, **columns) if who is None or e.actor == who]
