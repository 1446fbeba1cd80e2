"""Checking a password, with a brake: a few at a time, and not too many from one address."""

from __future__ import annotations

import threading

from fastapi import Request

from enclave.projects.model import Person
from request_portal.guards import RateLimit
from request_portal.problems import TooManyTries

#: argon2 takes 64 MiB a check: a handful at once is work, hundreds are an attack on memory.
_AT_ONCE = threading.BoundedSemaphore(4)


def authenticate(request: Request, username: str, password: str, code: str) -> Person:
    """The person; NotAllowed with one sentence for every way of being wrong, TooManyTries when braked."""
    limit: RateLimit = request.app.state.sign_in_limit
    caller = request.client.host if request.client else "unknown"
    if not limit.allows(caller):
        raise TooManyTries("There were too many tries from your address. Wait five minutes and try again.")
    with _AT_ONCE:
        person: Person = request.app.state.enclave.people.authenticate(
            username.strip().lower(), password, code.strip()
        )
    return person
