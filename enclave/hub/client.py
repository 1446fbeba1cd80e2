"""How the portal opens, watches and ends sessions: the hub's API over its socket, without JupyterHub."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from urllib.parse import quote

import httpx

from enclave.hub.paths import hub_paths
from enclave.kernel.derived import derived_secret
from enclave.kernel.errors import NotAllowed, Unavailable
from enclave.settings import Settings

_PORTAL_TOKEN = "hub-portal-service"  # noqa: S105 - the name of a purpose


class SessionState(StrEnum):
    """Where a session is."""

    ABSENT = "absent"
    STARTING = "starting"
    READY = "ready"
    ENDING = "ending"


@dataclass(frozen=True, slots=True)
class Session:
    """One session, as the portal shows it.

    Args:
        url: where a browser finds it, at the gateway.
    """

    user: str
    project: str
    state: SessionState
    url: str


class HubClient:
    """The portal's hold on the hub. Blocking; use it in a worker thread.

    Args:
        settings: the installation's; finds the hub's socket and derives the portal's token.
    """

    def __init__(self, settings: Settings) -> None:
        self._gateway = settings.gateway_url.rstrip("/")
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(hub_paths(settings).hub_socket)),
            base_url="http://hub/hub/api",
            headers={
                "Authorization": "token "
                + derived_secret(settings.master_key.get_secret_value(), _PORTAL_TOKEN)
            },
            timeout=httpx.Timeout(30, read=330),
        )

    def start(self, user: str, project: str, *, wait: bool = True) -> Session:
        """Opens a session, or finds the one that is open.

        Args:
            user: whose session.
            project: the slug of its project.
            wait: return when it is ready; otherwise as soon as the hub has begun.

        Raises:
            NotAllowed: when the authority refuses; carries its sentence.
            Unavailable: when the hub does not answer, is busy, or the session does not come up.
        """
        self._ask("POST", f"/users/{_name(user)}", accept=(HTTPStatus.CREATED, HTTPStatus.CONFLICT))
        if self.status(user, project).state is not SessionState.READY:
            self._ask("POST", self._server(user, project), accept=(HTTPStatus.CREATED, HTTPStatus.ACCEPTED))
        if wait:
            self._wait(user, project)
        return self.status(user, project)

    def stop(self, user: str, project: str) -> Session:
        """Ends a session at once; ending one that is not there is no error."""
        done = (HTTPStatus.NO_CONTENT, HTTPStatus.ACCEPTED, HTTPStatus.NOT_FOUND)
        self._ask("DELETE", self._server(user, project), accept=done)
        return self.status(user, project)

    def status(self, user: str, project: str) -> Session:
        """Where the session is."""
        reply = self._ask("GET", self._server(user, project), accept=(HTTPStatus.OK, HTTPStatus.NOT_FOUND))
        state = SessionState.ABSENT
        if reply.status_code == HTTPStatus.OK:
            model = reply.json()
            pending = {"spawn": SessionState.STARTING, "stop": SessionState.ENDING}
            state = SessionState.READY if model.get("ready") else pending.get(model.get("pending"), state)
        return Session(user, project, state, f"{self._gateway}/user/{_name(user)}/{_name(project)}/lab")

    def close(self) -> None:
        self._http.close()

    def _wait(self, user: str, project: str) -> None:
        try:
            with self._http.stream("GET", f"{self._server(user, project)}/progress") as reply:
                if reply.status_code != HTTPStatus.OK:
                    raise Unavailable("The workspace did not start. Open it again.")
                for line in reply.iter_lines():
                    event = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                    if event.get("failed"):
                        sentence = str(event.get("message", "")).removeprefix("Spawn failed: ")
                        raise NotAllowed(sentence or "The workspace did not start. Open it again.")
                    if event.get("ready"):
                        return
        except httpx.HTTPError:
            raise _silent() from None

    def _ask(self, method: str, path: str, *, accept: tuple[HTTPStatus, ...]) -> httpx.Response:
        try:
            reply = self._http.request(method, path)
        except httpx.HTTPError:
            raise _silent() from None
        if reply.status_code in accept:
            return reply
        sentence = _sentence(reply)
        if reply.status_code in {HTTPStatus.FORBIDDEN, HTTPStatus.BAD_REQUEST} and sentence:
            raise NotAllowed(sentence)
        raise Unavailable(sentence or "The workspaces do not answer as they should. Try again in a minute.")

    def _server(self, user: str, project: str) -> str:
        return f"/users/{_name(user)}/servers/{_name(project)}"


def _name(word: str) -> str:
    return quote(word, safe="@~")


def _sentence(reply: httpx.Response) -> str:
    try:
        return str(reply.json().get("message", ""))
    except (ValueError, AttributeError):
        return ""


def _silent() -> Unavailable:
    return Unavailable("The workspaces do not answer. Nothing was changed; try again in a minute.")
