"""Authorization codes and the hub's access: single use, short lived, kept as digests (RFC 6749, RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from enclave.bootstrap import Enclave
from enclave.kernel.errors import Conflict
from enclave.kernel.kit import UnitOfWork
from enclave.projects.model import Person, SignIn
from enclave.projects.signing_in import digest
from request_portal.auth.sessions import Viewer

CODE_SECONDS = 60
ACCESS_SECONDS = 8 * 3600


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a code stood for."""

    person: Person
    code: str
    challenge: str
    browser: str


#: When a used code ended: before any clock's now.
_USED = datetime(1970, 1, 1, tzinfo=UTC)


def pkce_matches(verifier: str, challenge: str) -> bool:
    """Whether BASE64URL(SHA256(verifier)) is the challenge (RFC 7636, S256)."""
    made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii", "replace")).digest()).rstrip(b"=")
    return made.decode() == challenge


def issue_code(enclave: Enclave, viewer: Viewer, challenge: str) -> str:
    """A code for the person in front of this browser, bound to the PKCE challenge and to their session."""
    context = json.dumps({"challenge": challenge, "browser": viewer.session.id})
    return enclave.people.sign_in(viewer.person, kind="code", seconds=CODE_SECONDS, context=context)


def redeem(enclave: Enclave, code: str) -> Redeemed | None:
    """Uses a code up. None when it is unknown, expired or used; then everything that came of it ends, too.

    The row's version makes it single use: of two redemptions at once the database lets one through.
    """
    with enclave.kit.write() as uow:
        row = uow.first(SignIn, id=digest(code), kind="code")
        if row is None:
            return None
        # Only now: whoever waited for the lock must not judge by a time from before the one who had it.
        now = enclave.kit.clock.now()
        if row.expires_at <= now:
            _end_tokens(enclave, uow, row)
            uow.commit()
            return None
        try:
            uow.put(replace(row, expires_at=_USED))
        except Conflict:
            return None
        person = uow.get(Person, row.person_id)
        uow.commit()
    said = json.loads(row.context)
    return Redeemed(person, row.id, said["challenge"], said["browser"]) if person.active else None


def issue_access(enclave: Enclave, redeemed: Redeemed) -> str:
    """The hub's access token; it dies with the browser session that it came from."""
    context = json.dumps({"code": redeemed.code, "browser": redeemed.browser})
    return enclave.people.sign_in(redeemed.person, kind="hub", seconds=ACCESS_SECONDS, context=context)


def hub_person(enclave: Enclave, token: str) -> Person | None:
    """Whom an access token stands for, as long as they are still signed in here."""
    found = enclave.people.signed_in(token, kinds=("hub",))
    if found is None:
        return None
    person, session = found
    with enclave.kit.read() as uow:
        browser = uow.first(SignIn, id=json.loads(session.context)["browser"])
    alive = browser is not None and browser.expires_at > enclave.kit.clock.now()
    return person if alive else None


def _end_tokens(enclave: Enclave, uow: UnitOfWork, code: SignIn) -> None:
    now = enclave.kit.clock.now()
    for token in uow.find(SignIn, person_id=code.person_id, kind="hub"):
        if json.loads(token.context).get("code") == code.id and token.expires_at > now:
            uow.put(replace(token, expires_at=now))
