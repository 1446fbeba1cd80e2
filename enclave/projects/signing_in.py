"""Getting in and out: passwords, one-time codes, sessions."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error

from enclave.kernel.actors import service
from enclave.kernel.errors import Conflict, NotAllowed
from enclave.kernel.events import Event
from enclave.kernel.kit import Kit, UnitOfWork
from enclave.projects.model import Person, SignIn

T = TypeVar("T")
USERNAME = re.compile(r"[a-z][a-z0-9-]{1,30}")
#: Stands in the audit log for every name that is nobody's: what was typed there may be a password.
UNKNOWN = "unknown"
_WRONG = (
    "The username, the password or the code is wrong. A code works once. "
    "After five wrong tries the account waits 15 minutes."
)
_HASHER = PasswordHasher()
#: Checked when there is no such account, so that a stranger cannot tell by the time it takes.
_NOBODY = _HASHER.hash(secrets.token_hex(16))
_PORTAL = service("portal")


@dataclass(frozen=True, slots=True)
class SigningIn:
    """Use cases about getting in and out."""

    kit: Kit

    def authenticate(self, username: str, password: str, code: str = "") -> Person:
        """The person whom these credentials belong to; the same sentence for every way of being wrong.

        A one-time code is good for one sign-in: neither it nor an older one is taken again (RFC 6238, section 5.2).
        """
        with self.kit.read() as uow:
            seen = _by_username(uow, username)
        # Before the write lock: argon2 is slow on purpose, and everybody else's writes would wait for it.
        right = _matches(seen.password_hash if seen else _NOBODY, password)
        person = repeating(lambda: self._try(username, seen.password_hash if seen and right else "", code))
        if person is None:
            raise NotAllowed(_WRONG)
        return person

    def _try(self, username: str, verified: str, code: str) -> Person | None:
        """Writes one try down, whoever it was. `verified` is the hash that the password matched, if it did."""
        with self.kit.write() as uow:
            person, now = _by_username(uow, username), self.kit.clock.now()
            if person is None:
                uow.audit(Event.PERSON_SIGN_IN_FAIL, _PORTAL, f"person:{UNKNOWN}")
                uow.commit()
                return None
            # All of it is read again here: since the password was looked at, somebody may have disabled the
            # account, given it another password, locked it by guessing, or used the same code.
            locked = person.locked_until is not None and person.locked_until > now
            step = _step(person, code, now) if person.totp_secret else person.totp_used
            good = person.password_hash == verified and step is not None
            if good and step is not None and person.active and not locked:
                if person.failures or step != person.totp_used:
                    person = uow.put(replace(person, failures=0, locked_until=None, totp_used=step))
                uow.audit(Event.PERSON_SIGN_IN, person.actor(), f"person:{person.username}")
                uow.commit()
                return person
            failures = person.failures + 1
            wait = now + timedelta(minutes=15) if failures % 5 == 0 else person.locked_until
            uow.put(replace(person, failures=failures, locked_until=wait))
            uow.audit(Event.PERSON_SIGN_IN_FAIL, _PORTAL, f"person:{person.username}")
            uow.commit()
        return None

    def sign_in(self, person: Person, *, kind: str, seconds: int, context: str = "") -> str:
        """Opens a session; returns its secret, which is kept nowhere here.

        Raises NotAllowed where the account was disabled or given other credentials since `person` was read.
        """
        secret = secrets.token_urlsafe(32)

        def opened() -> None:
            with self.kit.write() as uow:
                current, now = uow.get(Person, person.id), self.kit.clock.now()
                if not current.active or _credentials(current) != _credentials(person):
                    raise NotAllowed(_WRONG)
                uow.put(current)  # so that whoever ends this person's sessions now sees this one, or stops it
                end = now + timedelta(seconds=seconds)
                uow.add(SignIn(digest(secret), person.id, kind, now, now, end, context))
                uow.commit()

        repeating(opened)
        return secret

    def signed_in(self, secret: str, *, kinds: tuple[str, ...]) -> tuple[Person, SignIn] | None:
        """The person behind a session's secret, or None when it is unknown, ended or of another kind."""
        with self.kit.read() as uow:
            session = uow.first(SignIn, id=digest(secret))
            if session is None or session.kind not in kinds or session.expires_at <= self.kit.clock.now():
                return None
            person = uow.get(Person, session.person_id)
        return (person, session) if person.active else None

    def sign_out(self, secret: str) -> None:
        """Ends a session at once."""

        def closed() -> None:
            with self.kit.write() as uow:
                session = uow.first(SignIn, id=digest(secret))
                if session is not None:
                    uow.put(replace(session, expires_at=self.kit.clock.now()))
                    person = uow.get(Person, session.person_id)
                    uow.audit(Event.PERSON_SIGN_OUT, person.actor(), f"person:{person.username}")
                    uow.commit()

        repeating(closed)

    def by_username(self, username: str) -> Person | None:
        with self.kit.read() as uow:
            return _by_username(uow, username)


def hashed(password: str) -> str:
    """The argon2id hash of a password. Slow on purpose: never inside a unit of work."""
    return _HASHER.hash(password)


def end_sessions(uow: UnitOfWork, person: Person, now: datetime) -> int:
    """Ends everything that the person is signed in with, of every kind; how many that were."""
    live = [s for s in uow.find(SignIn, person_id=person.id) if s.expires_at > now]
    for session in live:
        uow.put(replace(session, expires_at=now))
    return len(live)


def digest(secret: str) -> str:
    """SHA-256, which is all that is kept of a session's secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def repeating(change: Callable[[], T]) -> T:
    """Does a whole unit of work again when another one was quicker (PostgreSQL; on SQLite writers queue).

    Otherwise a lost race would sound unlike the other ways of being wrong, and a guess would go uncounted.
    """
    for _ in range(20):
        try:
            return change()
        except Conflict:
            continue
    return change()


def _by_username(uow: UnitOfWork, username: str) -> Person | None:
    return uow.first(Person, username=username) if USERNAME.fullmatch(username) else None


def _credentials(person: Person) -> tuple[str, str]:
    return person.password_hash, person.totp_secret


def _matches(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (Argon2Error, UnicodeError):
        return False


def _step(person: Person, code: str, now: datetime) -> int | None:
    """The time step whose code this is: this one or a neighbour, and later than the last that was used."""
    totp = pyotp.TOTP(person.totp_secret)
    middle = totp.timecode(now)
    for step in range(max(middle - 1, person.totp_used + 1), middle + 2):
        if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode("utf-8", "replace")):
            return step
    return None
