"""A hub, a gateway and an identity provider for tests: the real first two, and the smallest honest third."""

from __future__ import annotations

import atexit
import base64
import fcntl
import functools
import hashlib
import hmac
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from objectstore import free_ports

from enclave.demo.story.kernel import WorkspaceBrowser
from enclave.hub.client import HubClient
from enclave.hub.config import OAUTH_CLIENT, OAUTH_SECRET
from enclave.hub.paths import hub_paths
from enclave.kernel.derived import derived_secret
from enclave.kernel.errors import NotAllowed, Unavailable
from enclave.kernel.ports import Admission, Limits, Mount
from enclave.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
REFUSED = "Your training ended. Renew it on your profile page, then open the workspace again."


class FileAuthority:
    """An entitlement authority whose answers stand in a file, so that the test can change them under running processes.

    `granted.json`: {"user/project": {"data": [name, …], "limits": {…}}}; everything else is refused.
    `record.jsonl`: one line for each thing recorded.
    """

    def __init__(self, settings: Settings) -> None:
        self.home = settings.state_dir / "authority"

    def grant(self, user, project, *, data=(), **limits):
        self._change(
            lambda granted: granted.update({f"{user}/{project}": {"data": list(data), "limits": limits}})
        )

    def revoke(self, user, project):
        self._change(lambda granted: granted.pop(f"{user}/{project}", None))

    def admit(self, user: str, project: str) -> Admission:
        granted = self._granted().get(f"{user}/{project}")
        if granted is None:
            raise NotAllowed(REFUSED)
        work = self.work(project)
        work.mkdir(parents=True, exist_ok=True)
        root = os.geteuid() == 0
        uid, gid = (ids(user), ids(project)) if root else (os.geteuid(), os.getegid())
        if root:
            os.chown(work, 0, gid)
            work.chmod(0o2770)
        mounts = [Mount(self.home / "data" / name, f"/data/{name}") for name in granted["data"]]
        return Admission(
            user=user,
            project=project,
            uid=uid,
            gid=gid,
            mounts=(*mounts, Mount(work, "/workspace", writable=True)),
            expires_at=datetime.now(UTC) + timedelta(hours=1),
            limits=Limits(**granted["limits"]),
        )

    def still_admitted(self, user: str, project: str) -> bool:
        return f"{user}/{project}" in self._granted()

    def record(self, event, user, project, facts):
        line = json.dumps({"event": event, "user": user, "project": project, **facts})
        with (self.home / "record.jsonl").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(line + "\n")

    def records(self, event=None):
        lines = (self.home / "record.jsonl").read_text().splitlines()
        return [r for r in map(json.loads, lines) if event in {None, r["event"]}]

    def work(self, project: str) -> Path:
        return self.home / "work" / project

    def _granted(self):
        return json.loads((self.home / "granted.json").read_text())

    def _change(self, how):
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "record.jsonl").touch()
        file = self.home / "granted.json"
        granted = json.loads(file.read_text()) if file.exists() else {}
        how(granted)
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(granted))
        fresh.replace(file)


def ids(name: str) -> int:
    """A user or group id above those of people, the same for one name."""
    return 60_000 + int(hashlib.sha256(name.encode()).hexdigest()[:4], 16) % 5_000


def authority(settings: Settings) -> FileAuthority:
    """What REGISTRY_ENCLAVE_AUTHORITY names."""
    return FileAuthority(settings)


@dataclass
class IdentityProvider:
    """OAuth 2 with PKCE (RFC 6749, RFC 7636) for whoever the cookie `portal` names."""

    port: int
    secret: str
    codes: dict = field(default_factory=dict)
    tokens: dict = field(default_factory=dict)

    def start(self):
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                url = urlsplit(self.path)
                if url.path == "/oauth/authorize":
                    return self.redirect(
                        provider.authorize(parse_qs(url.query), self.headers.get("Cookie", ""))
                    )
                if url.path == "/oauth/userinfo":
                    return self.tell(*provider.userinfo(self.headers.get("Authorization", "")))
                return self.tell(404, {})

            def do_POST(self):
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                return self.tell(*provider.token(form, self.headers.get("Authorization", "")))

            def redirect(self, to):
                self.send_response(302 if to else 401)
                if to:
                    self.send_header("Location", to)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def tell(self, status, body):
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def authorize(self, query, cookie):
        jar = SimpleCookie(cookie)
        if "portal" not in jar or query["client_id"] != [OAUTH_CLIENT]:
            return None
        code = secrets.token_urlsafe(16)
        self.codes[code] = (jar["portal"].value, query["code_challenge"][0])
        return query["redirect_uri"][0] + "?" + urlencode({"code": code, "state": query["state"][0]})

    def token(self, form, authorization):
        given = form.get("client_secret", [""])[0]
        if authorization.startswith("Basic "):
            given = base64.b64decode(authorization[6:]).decode().partition(":")[2]
        if not hmac.compare_digest(given, self.secret) or form.get("grant_type") != ["authorization_code"]:
            return 401, {"error": "invalid_client"}
        user, challenge = self.codes.pop(form["code"][0])
        digest = hashlib.sha256(form["code_verifier"][0].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != challenge:
            return 400, {"error": "invalid_grant"}
        token = secrets.token_urlsafe(16)
        self.tokens[token] = user
        return 200, {"access_token": token, "token_type": "bearer", "expires_in": 3600, "scope": "openid"}

    def userinfo(self, authorization):
        user = self.tokens.get(authorization.partition(" ")[2])
        return (200, {"sub": user, "groups": []}) if user else (401, {})


class Installation:
    """Hub and gateway as processes, on a state folder of their own."""

    def __init__(self, state_dir: Path, *, code: Path = ROOT, runtime: Path | None = None) -> None:
        portal = free_ports(2)
        gateway = portal + 1
        self.code = code
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(state_dir),
            "PYTHONPATH": os.pathsep.join([str(code), str(ROOT / "tests" / "support")]),
            "REGISTRY_ENCLAVE_DEMO": "true",
            "REGISTRY_ENCLAVE_STATE_DIR": str(state_dir),
            "REGISTRY_ENCLAVE_PORTAL_PORT": str(portal),
            "REGISTRY_ENCLAVE_PUBLIC_URL": f"http://127.0.0.1:{portal}",
            "REGISTRY_ENCLAVE_GATEWAY_PORT": str(gateway),
            "REGISTRY_ENCLAVE_GATEWAY_URL": f"http://127.0.0.1:{gateway}",
            "REGISTRY_ENCLAVE_SESSION_RUNTIME": str(runtime or session_runtime()),
            "REGISTRY_ENCLAVE_POLL_SECONDS": "2",
            "REGISTRY_ENCLAVE_AUTHORITY": "hubkit:authority",
        }
        names = {
            k.removeprefix("REGISTRY_ENCLAVE_").lower(): v
            for k, v in self.environment.items()
            if "ENCLAVE_" in k
        }
        self.settings = Settings(_env_file=None, **names)
        self.paths = hub_paths(self.settings)
        self.authority = FileAuthority(self.settings)
        secret = derived_secret(self.settings.master_key.get_secret_value(), OAUTH_SECRET)
        self.provider = IdentityProvider(portal, secret)
        self.processes: list[subprocess.Popen] = []

    def start(self) -> None:
        self.provider.start()
        self.log = (self.settings.state_dir / "processes.log").open("wb")
        self.gateway = self.run("enclave.hub.gateway")
        self.hub = self.run("enclave.hub")
        self.wait_for_hub()

    def run(self, module: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=self.settings.state_dir,
            env=self.environment,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def wait_for_hub(self, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.settings.gateway_url}/hub/health").status_code == 200:
                    return
            if any(process.poll() is not None for process in self.processes):
                break
            time.sleep(0.3)
        raise RuntimeError(f"the hub did not start:\n{self.said()}")

    def said(self) -> str:
        """What the processes printed."""
        self.log.flush()
        return Path(self.log.name).read_text(errors="replace")[-6000:]

    def browser(self, user: str) -> httpx.Client:
        """A browser of somebody who has signed in to the portal."""
        client = httpx.Client(follow_redirects=True, timeout=60)
        client.cookies.set("portal", user, domain="127.0.0.1")
        return client

    def stop(self) -> None:
        for process in reversed(self.processes):
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.provider.server.shutdown()
        self.provider.server.server_close()
        self.log.close()
        shutil.rmtree(self.paths.run, ignore_errors=True)


def session_runtime() -> Path:
    """The session runtime of this checkout; built when it is missing."""
    runtime = Path(os.environ.get("REGISTRY_ENCLAVE_SESSION_RUNTIME", ROOT / ".runtime"))
    python = Path(sys.base_prefix) / "bin" / "python3"
    subprocess.run(
        [ROOT / "scripts" / "session-runtime", runtime], check=True, env={**os.environ, "PYTHON": str(python)}
    )
    return runtime


@functools.cache
def shared() -> Installation:
    """One installation for the whole test run: a hub takes ten seconds to start. Ended when the run ends."""
    place = Path(tempfile.mkdtemp(prefix="enclave-hub-"))
    installation = Installation(place)
    installation.authority.grant("ana", "poverty")  # so that the file is there
    try:
        installation.start()
    except BaseException:
        installation.stop()
        raise
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    atexit.register(installation.stop)
    return installation


@contextmanager
def workspace(installation: Installation, user: str, project: str, **granted):
    """A session that was granted, started and opened; stopped and revoked at the end."""
    installation.authority.grant(user, project, **granted)
    hub = HubClient(installation.settings)
    hub.start(user, project)
    browser = WorkspaceBrowser(
        installation.settings.gateway_url, installation.browser(user), user, seconds=120
    )
    try:
        browser.open(project)
        yield browser
    finally:
        installation.authority.revoke(user, project)
        with suppress(Unavailable):
            hub.stop(user, project)
        hub.close()


def processes_of(user: str) -> list[int]:
    """Living processes of the machine that run under a session's user id."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and entry.stat().st_uid == ids(user):
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                found += [] if state in "ZX" else [int(entry.name)]
    return found


def until(true, seconds: float = 60) -> None:
    """Waits for something to become true; fails when it does not."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)
