"""The gateway in front of a server that answers whatever it likes: what comes out is capped, counted, written down."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from enclave.hub.gateway.assets import Assets
from enclave.hub.gateway.journal import Journal
from enclave.hub.gateway.meter import Meter
from enclave.hub.gateway.proxy import Proxy
from enclave.hub.gateway.replies import NOTEBOOK, OTHER, PAGE, TEXT, longest, reading_of
from enclave.hub.gateway.routes import Routes
from enclave.hub.gateway.rules import Kind
from enclave.kernel.errors import NotAllowed
from enclave.kernel.ports import Limits

ID = "0" * 8 + "-0000-4000-8000-" + "0" * 12
ROWS = "ROW-4471-KOFI"
BASE = "/user/eve/p"

#: One address for every rule that lets a GET through to a session.
ASKED = (
    "", "/lab", "/lab/tree/a", "/oauth_callback", "/logout", "/lab/api/settings", "/lab/api/workspaces/a", "/api",
    "/api/me", "/api/status", "/api/kernelspecs/x", "/api/kernels", f"/api/kernels/{ID}", f"/api/sessions/{ID}",
    "/api/contents", "/api/contents/a.txt", "/api/config/notebook",
)  # fmt: skip
KEPT = (
    "/static/lab/main.js", "/static/rows.parquet", "/static/a/b", "/lab/extensions/x/static/rows.js",
    "/lab/api/themes/x/index.css", "/kernelspecs/x/logo-64x64.png", "/favicon.ico",
)  # fmt: skip


class Log:
    def __init__(self, broken=False):
        self.lines, self.broken = [], broken

    def record(self, event, user, project, facts):
        if self.broken:
            raise OSError
        self.lines.append((event, dict(facts)))


class Session:
    """A server that answers one thing to every request, and the gateway in front of it."""

    def __init__(self, content=b"", kind="application/json", log=None, runtime=Path("none"), **limits):
        self.content, self.kind, self.asked, self.status = content, kind, [], 200
        self.log = log or Log()
        self.meter = Meter(":memory:")
        self.meter.allow("eve", "p", Limits(**limits))
        self.routes = Routes(self.meter.database)
        self.proxy = Proxy(
            routes=self.routes,
            meter=self.meter,
            journal=Journal(self.log),
            assets=Assets(runtime),
            portal="http://portal.example",
            scheme="http",
        )

    async def answer(self, request):
        self.asked.append(request.path)
        return web.Response(status=self.status, body=self.content, headers={"Content-Type": self.kind})

    @asynccontextmanager
    async def browser(self):
        """Yields a function path -> (status, body, headers)."""
        with tempfile.TemporaryDirectory() as place:
            inside = web.Application()
            inside.router.add_route("*", "/{path:.*}", self.answer)
            server, gateway = web.AppRunner(inside), web.AppRunner(self.proxy.app())
            for runner in (server, gateway):
                await runner.setup()
            socket = f"{place}/s"
            await web.UnixSite(server, socket).start()
            await web.UnixSite(gateway, f"{place}/g").start()
            target = f"http+unix://{socket.replace('/', '%2F')}{BASE}/"
            self.routes.add(BASE, {"target": target, "user": "eve", "server_name": "p"})
            try:
                async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(f"{place}/g")) as client:

                    async def ask(path):
                        async with client.get(f"http://gateway{BASE}{path}", allow_redirects=False) as reply:
                            return reply.status, await reply.read(), reply.headers

                    yield ask
            finally:
                await gateway.cleanup()
                await server.cleanup()
                self.meter.close()

    @property
    def spent(self):
        return self.meter.spent("eve", "p")

    @property
    def reads(self):
        return [facts for event, facts in self.log.lines if event == "session:read"]


def run(attack):
    return asyncio.run(attack)


def model(content, kind="file", form="text"):
    return json.dumps({"type": kind, "format": form, "content": content}).encode()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<p>" + ROWS.encode() * 100, "text/html"),
        (json.dumps({"a": ROWS * 100}).encode(), "application/json"),
        (model(ROWS * 100), "application/json"),
    ],
)
def test_whatever_comes_out_of_a_session_by_any_door_is_counted(content, kind):
    async def attack():
        session, out = Session(content, kind), 0
        async with session.browser() as ask:
            for path in ASKED:
                before = session.spent
                _, body, _ = await ask(path)
                if ROWS.encode() in body:
                    out += len(body)
                    assert session.spent - before >= len(body)
            assert out
            assert session.spent >= out

    run(attack())


@pytest.mark.parametrize("kind", ["text/html", "application/json", "application/octet-stream", "image/png"])
def test_more_than_a_message_comes_out_by_no_door(kind):
    async def attack():
        content = json.dumps([ROWS * 1000]).encode()
        session = Session(content, kind, message=10_000)
        async with session.browser() as ask:
            for path in ASKED:
                status, body, _ = await ask(path)
                assert (status, ROWS.encode() in body, session.spent) == (403, False, 0)

    run(attack())


def test_a_workspace_that_has_spent_its_day_shows_nothing_at_all():
    async def attack():
        session = Session(b"<p>" + ROWS.encode(), "text/html", session_out=10)
        async with session.browser() as ask:
            assert [(await ask(path))[0] for path in ("", "/lab", "/lab/tree/a")] == [429] * 3
            assert ROWS.encode() not in (await ask("/lab"))[1]
            assert session.reads == []

    run(attack())


def test_files_that_come_with_jupyter_are_never_asked_of_a_session(tmp_path):
    place = tmp_path / "share" / "jupyter" / "lab" / "static"
    place.mkdir(parents=True)
    (place / "main.js").write_text("ours")
    (tmp_path / "secret").write_text(ROWS)
    (place / "link.js").symlink_to(tmp_path / "secret")

    async def attack():
        session = Session(ROWS.encode(), "text/javascript", runtime=tmp_path)
        async with session.browser() as ask:
            answers = {path: await ask(path) for path in (*KEPT, "/static/lab/link.js")}
            assert {path: a[0] for path, a in answers.items() if a[0] != 404} == {"/static/lab/main.js": 200}
            assert answers["/static/lab/main.js"][1] == b"ours"
            assert all("sandbox" in a[2]["Content-Security-Policy"] for a in answers.values())
            assert (session.asked, session.spent) == ([], 0)

    run(attack())


@given(st.text(max_size=60))
def test_no_name_leads_to_a_file_outside_its_shelf(name):
    with tempfile.TemporaryDirectory() as place:
        runtime = Path(place) / "runtime"
        shelf = runtime / "share" / "jupyter" / "lab" / "static"
        shelf.mkdir(parents=True)
        (Path(place) / "secret").write_text(ROWS)
        for path in (name, f"../{name}", "../../../../../secret", f"{place}/secret", f"a/../../{name}"):
            if "\0" not in path:
                assert Assets(runtime).find(f"/static/lab/{path}") is None


def test_a_page_or_a_text_is_written_down_every_time_and_before_it_is_shown():
    async def attack(log):
        session = Session(model(ROWS), log=log)
        async with session.browser() as ask:
            texts = [await ask("/api/contents/a.txt?format=text") for _ in range(3)]
            session.content, session.kind = b"<p>", "text/html"
            return session, texts, [await ask("/lab") for _ in range(2)]

    session, texts, pages = run(attack(Log()))
    assert [a[0] for a in texts + pages] == [200] * 5
    text = {
        "kind": "file",
        "path": "/api/contents/a.txt",
        "sha256": hashlib.sha256(ROWS.encode()).hexdigest(),
    }
    assert session.reads[:3] == [text | {"bytes": len(ROWS)}] * 3
    assert [(r["kind"], r["bytes"]) for r in session.reads[3:]] == [("page", 3)] * 2

    _, texts, pages = run(attack(Log(broken=True)))
    assert [a[0] for a in texts + pages] == [503] * 5
    assert all(ROWS.encode() not in body for _, body, _ in texts)


def test_a_folder_or_a_setting_is_written_down_whenever_it_has_changed():
    async def attack():
        session = Session(model([], "directory", "json"))
        async with session.browser() as ask:
            for content in ([], [], [{"name": ROWS}], [{"name": ROWS}], []):
                session.content = model(content, "directory", "json")
                for path in ("/api/contents", "/lab/api/workspaces/a"):
                    assert (await ask(path))[0] == 200
        assert [r["kind"] for r in session.reads] == ["directory", "reply"] * 3

    run(attack())


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("application/json", b"not json"),
        ("application/json", b"[" * 100_000),
        ("application/json", model(ROWS).decode().encode("utf-16")),
        ("text/plain", b"rows"),
        ("application/json", model("UEFSMQ==", form="base64")),
        ("application/json", model("UEFSMQ==", kind="notebook", form="base64")),
        ("application/json", model("x" * (TEXT + 1))),
        ("application/json", model("é" * (TEXT // 2 + 1))),
        ("application/json", model("x" * (TEXT + 1), kind="other")),
        ("application/json", model(["x" * TEXT])),
        ("application/json", model(["x" * OTHER], kind="directory")),
    ],
)
def test_what_is_no_plain_text_of_a_modest_size_is_not_shown(kind, content):
    with pytest.raises(NotAllowed, match=r"\.$"):
        reading_of(Kind.API, "/api/contents/a", content, kind)


def test_a_text_is_measured_as_a_file_and_a_page_must_be_one():
    arabic = "س" * (TEXT // 2)
    reading = reading_of(Kind.API, "/api/contents/a", model(arabic), "application/json")
    assert (reading.kind, reading.size) == ("file", TEXT)
    assert len(model(arabic)) < longest(Kind.API, "/api/contents/a") == NOTEBOOK
    assert longest(Kind.PAGE, "/lab") == PAGE
    with pytest.raises(NotAllowed):
        reading_of(Kind.PAGE, "/lab", b"PAR1", "application/vnd.apache.parquet")
    assert len(reading_of(Kind.PAGE, "/lab/tree/" + "n" * 900, b"<p>", "text/html").path) == 200
