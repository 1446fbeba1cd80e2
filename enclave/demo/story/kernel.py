"""A workspace as its researcher's browser sees it: signing in, running cells, keeping and running notebooks.

It takes the same way as a person, through the gateway, and has no way of its own: everything here is refused,
capped and recorded as it is for anybody.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import aiohttp
import httpx


class WorkspaceError(Exception):
    """The workspace did not do what was asked; carries the sentence that the researcher would see."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What one cell did.

    Args:
        stdout: what it printed, and its last expression as text.
        error: name and message of the exception that ended it; empty when none did.
    """

    stdout: str
    error: str

    def __iter__(self) -> Any:
        return iter((self.stdout, self.error))


class WorkspaceBrowser:
    """One researcher's browser at the gateway.

    Args:
        gateway_url: the gateway as browsers see it.
        client: an `httpx.Client` that holds the cookies of a portal session and follows redirects; the hub
        sends it
            to the portal and back, as it does with a browser.
        user: who is signed in there.
        seconds: how long one cell may take.
    """

    def __init__(self, gateway_url: str, client: httpx.Client, user: str, *, seconds: float = 300) -> None:
        self._gateway = gateway_url.rstrip("/")
        self._client = client
        self._user = user
        self._seconds = seconds
        self._base = ""
        self._kernel = ""

    def open(self, project: str) -> None:
        """Signs in to the session of `project`, which the portal must have started, and starts a kernel.

        Raises:
            WorkspaceError: when there is no session, or the sign-in does not lead to it.
        """
        self._base = f"/user/{quote(self._user, safe='@~')}/{quote(project, safe='@~')}"
        page = self._client.get(f"{self._gateway}{self._base}/lab", follow_redirects=True)
        if page.status_code != 200 or not page.url.path.startswith(f"{self._base}/lab"):
            raise WorkspaceError(
                f"The workspace of {project} did not open ({page.status_code} at {page.url.path})."
            )
        self._kernel = str(self.api("POST", "/api/kernels", {"name": "python3"})["id"])

    def run(self, code: str) -> Ran:
        """Runs one cell and waits for its end.

        Raises:
            WorkspaceError: when the session has ended, the connection is cut, or it takes too long.
        """
        try:
            return asyncio.run(asyncio.wait_for(self._execute(code), self._seconds))
        except aiohttp.ClientError:
            raise WorkspaceError("The workspace does not answer; its session has ended.") from None
        except TimeoutError:
            raise WorkspaceError(f"The cell did not end within {self._seconds:.0f} seconds.") from None

    def put_notebook(self, path: str, notebook: dict[str, Any]) -> None:
        """Writes a notebook (nbformat 4, as a dict) below /workspace, making its folders."""
        folders = path.split("/")[:-1]
        for depth in range(1, len(folders) + 1):
            self.api("PUT", f"/api/contents/{_path('/'.join(folders[:depth]))}", {"type": "directory"})
        self.api(
            "PUT", f"/api/contents/{_path(path)}", {"type": "notebook", "format": "json", "content": notebook}
        )

    def get_notebook(self, path: str) -> dict[str, Any]:
        """Reads a notebook below /workspace."""
        content: dict[str, Any] = self.api("GET", f"/api/contents/{_path(path)}")["content"]
        return content

    def run_notebook(self, path: str) -> list[Ran]:
        """Runs a notebook's code cells in order; stops after the first that fails."""
        ran: list[Ran] = []
        for cell in self.get_notebook(path)["cells"]:
            if cell["cell_type"] == "code":
                source = cell["source"]
                ran.append(self.run(source if isinstance(source, str) else "".join(source)))
                if ran[-1].error:
                    break
        return ran

    def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One call of the server's REST API; `path` begins with /api.

        Raises:
            WorkspaceError: when it is refused.
        """
        reply = self._client.request(
            method, f"{self._gateway}{self._base}{path}", json=body, headers={"X-XSRFToken": self._xsrf()}
        )
        if reply.status_code >= 400:
            raise WorkspaceError(f"{method} {path}: {reply.status_code} {_message(reply)}")
        return reply.json() if reply.content else None

    def close(self) -> None:
        """Stops the kernel; the session goes on until it is ended at the portal."""
        if self._kernel:
            kernel, self._kernel = self._kernel, ""
            self.api("DELETE", f"/api/kernels/{kernel}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    async def _execute(self, code: str) -> Ran:
        query = uuid.uuid4().hex
        header = {
            "msg_id": query,
            "msg_type": "execute_request",
            "username": "",
            "session": query,
            "version": "5.3",
        }
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "allow_stdin": False,
            "stop_on_error": True,
        }
        message = {
            "channel": "shell",
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
        }
        url = f"{self._gateway}{self._base}/api/kernels/{self._kernel}/channels"
        said, error, replied, idle = "", "", False, False
        async with (
            aiohttp.ClientSession(headers={"Cookie": self._cookies()}) as session,
            session.ws_connect(url, max_msg_size=0) as channel,
        ):
            await channel.send_str(json.dumps(message))
            while not (replied and idle):
                frame = await channel.receive()
                if frame.type is not aiohttp.WSMsgType.TEXT:
                    raise WorkspaceError(
                        f"The connection was closed: {channel.close_code} {frame.extra or ''}"
                    )
                got = json.loads(frame.data)
                if got["parent_header"].get("msg_id") != query:
                    continue
                kind, body = got["header"]["msg_type"], got["content"]
                said += body["text"] if kind == "stream" and body["name"] == "stdout" else ""
                said += body["data"].get("text/plain", "") + "\n" if kind == "execute_result" else ""
                if kind == "error":
                    error = f"{body['ename']}: {body['evalue']}"
                replied = replied or kind == "execute_reply"
                idle = idle or (kind == "status" and body["execution_state"] == "idle")
        return Ran(said, error)

    def _cookies(self) -> str:
        return "; ".join(f"{c.name}={c.value}" for c in self._client.cookies.jar if self._is_for_us(c.path))

    def _is_for_us(self, path: str) -> bool:
        return f"{self._base}/".startswith(path.rstrip("/") + "/")

    def _xsrf(self) -> str:
        tokens = [c for c in self._client.cookies.jar if c.name == "_xsrf" and self._is_for_us(c.path)]
        best = max(tokens, key=lambda c: len(c.path), default=None)
        return (best.value or "") if best else ""


def _path(path: str) -> str:
    return quote(path.strip("/"))


def _message(reply: httpx.Response) -> str:
    try:
        return str(reply.json().get("message", ""))
    except (ValueError, AttributeError):
        return urlsplit(str(reply.url)).path
