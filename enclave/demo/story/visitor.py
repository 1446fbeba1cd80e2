"""Somebody of the demo with a browser and an API token: the only way in which the story touches the enclave."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from enclave.demo.house import Account, account

#: The worker needs minutes for twenty thousand notes on two cores.
PATIENCE = 3600.0


class StoryError(Exception):
    """The story cannot go on; says what was expected and what came."""


@dataclass
class Visitor:
    """One person, signed in.

    Args:
        portal: the portal's address.
        who: the demo account; None for the public.
    """

    portal: str
    who: Account | None
    browser: httpx.Client = field(init=False)
    _token: str = ""

    def __post_init__(self) -> None:
        self.browser = httpx.Client(timeout=360)
        if self.who is not None:
            reply = self.browser.post(
                f"{self.portal}/api/v1/sign-in",
                json={"username": self.who.username, "password": self.who.password},
            )
            self._token = str(_good(reply, (200, 201))["token"])

    @classmethod
    def called(cls, portal: str, username: str) -> Visitor:
        return cls(portal, account(username))

    def sign_in_at_the_page(self) -> None:
        """As a person does it: the form, and its cookie, which leads to the workspace later."""
        assert self.who is not None  # noqa: S101 - the public does not sign in
        form = {"username": self.who.username, "password": self.who.password, "next": "/home"}
        reply = self.browser.post(f"{self.portal}/sign-in", data=form, headers={"Origin": self.portal})
        if reply.status_code != httpx.codes.SEE_OTHER:
            raise StoryError(f"The sign-in page answered {reply.status_code}.")

    def raw(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One call of the API, whatever it answers."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        with httpx.Client(timeout=360) as client:
            return client.request(method, f"{self.portal}/api/v1{path}", headers=headers, **more)

    def get(self, path: str) -> Any:
        return _good(self.raw("GET", path), (200,))

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return _good(self.raw("POST", path, json=body, **more), (200, 201, 202, 204))

    def refused(self, method: str, path: str, body: Any = None) -> str:
        """The sentence of a refusal; raises when it was not refused."""
        reply = self.raw(method, path, json=body)
        if (
            reply.status_code < httpx.codes.BAD_REQUEST
            or reply.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
        ):
            raise StoryError(f"{method} {path} should have been refused, and answered {reply.status_code}.")
        return sentence(reply)

    def wait(self, path: str, state: str, field_name: str = "state") -> Any:
        """Asks again until the thing is in that state."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = self.get(path)
            if found[field_name] == state:
                return found
            if found[field_name] == "failed":
                raise StoryError(f"{path} failed: {found.get('error', '')}")
            time.sleep(0.5)
        raise StoryError(f"{path} did not become {state} in time.")

    def wait_for(self, path: str, good: Callable[[Any], bool]) -> Any:
        """Asks again until what comes is good."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = self.get(path)
            if good(found):
                return found
            time.sleep(0.5)
        raise StoryError(f"{path} did not come to what was expected in time.")


def sentence(reply: httpx.Response) -> str:
    """The words of a problem."""
    try:
        body = reply.json()
        return str(body.get("detail") or body.get("title") or body)
    except ValueError:
        return reply.text[:300]


def _good(reply: httpx.Response, codes: tuple[int, ...]) -> Any:
    if reply.status_code not in codes:
        where = f"{reply.request.method} {reply.request.url.path}"
        raise StoryError(f"{where} answered {reply.status_code}: {sentence(reply)}")
    return reply.json() if reply.content else None
