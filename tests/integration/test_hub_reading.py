"""Files that a cell has written, asked for by every door that a page of JupyterLab has. Real hub, gateway and sandbox."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from urllib.parse import urlsplit

import httpx
import pytest
from browserkit import ARGUMENTS, CHROMIUM
from hubkit import shared, workspace

from enclave.demo.story.kernel import WorkspaceError
from enclave.hub.gateway.rules import ASKED_BY_THE_PAGE

pytestmark = pytest.mark.real

MEGABYTE = 2**20
CANARY = "ROW-4471-KOFI"

#: Where Jupyter would look for files of a user's own; each gets the rows, under names that pages ask for.
PLANT = """
import json, os, pathlib
rows = ("{canary} " * 20_000).encode()
home = pathlib.Path.home()
def put(place, name, content=rows):
    try:
        (home / place).mkdir(parents=True, exist_ok=True)
        (home / place / name).write_bytes(content)
    except OSError as failed:
        print(place, failed)
kernel = json.dumps({{"argv": ["true"], "display_name": "{canary}", "language": "x"}}).encode()
for place in (".ipython/kernels/x", ".local/share/jupyter/kernels/x", ".local/share/jupyter/kernels/python3"):
    put(place, "kernel.json", kernel)
    for name in ("rows.parquet", "logo-64x64.png", "logo-svg.svg", "logo-rows.png"):
        put(place, name)
for place in (".local/share/jupyter/labextensions/x", ".jupyter/labextensions/x"):
    put(place + "/static", "rows.js")
    put(place + "/themes/x", "index.css")
    put(place + "/themes/x", "rows.png")
    put(place, "package.json", json.dumps({{"name": "x", "version": "{canary}", "jupyterlab": {{"_build": {{"load": "static/rows.js"}}}}}}).encode())
put(".jupyter/custom", "custom.css")
put(".jupyter/labconfig", "page_config.json", json.dumps({{"rows": "{canary}"}}).encode())
put(".jupyter/lab/static", "rows.js")
print("planted")
"""

DOORS = """
/kernelspecs/x/rows.parquet
/kernelspecs/x/kernel.json
/kernelspecs/x/logo-64x64.png
/kernelspecs/x/logo-rows.png
/kernelspecs/python3/rows.parquet
/kernelspecs/python3/logo-rows.png
/kernelspecs/python3/logo-svg.svg
/lab/extensions/x/static/rows.js
/lab/extensions/x/package.json
/lab/api/themes/x/index.css
/lab/api/themes/x/rows.png
/custom/custom.css
/static/custom/custom.css
/static/lab/rows.js
/static/rows.js
/lab
/lab/tree/rows.parquet
/lab/nowhere
/api/kernelspecs
"""


@pytest.fixture(scope="module")
def installation():
    return shared()


@pytest.fixture(scope="module")
def eve(installation):
    limits = {"message": 4 * MEGABYTE, "session_out": 64 * MEGABYTE}
    with workspace(installation, "eve", "reading", **limits) as browser:
        browser.run("pass")
        yield browser


def ask(browser, path, **headers):
    return browser._client.get(
        f"{browser._gateway}{browser._base}{path}",
        headers={"X-XSRFToken": browser._xsrf(), **headers},
        follow_redirects=False,
    )


def spent(installation) -> int:
    with closing(sqlite3.connect(installation.paths.state / "gateway.sqlite")) as database:
        return database.execute(
            "SELECT coalesce(sum(bytes), 0) FROM out_bytes WHERE user = 'eve'"
        ).fetchone()[0]


def reads(installation) -> list[dict]:
    return [r for r in installation.authority.records("session:read") if r["user"] == "eve"]


def test_no_page_or_part_of_a_page_brings_out_what_a_cell_has_written(eve):
    assert eve.run(PLANT.format(canary=CANARY)).stdout.endswith("planted\n")
    answers = {door: ask(eve, door) for door in DOORS.split()}
    assert {door: a.status_code for door, a in answers.items() if CANARY in a.text} == {}


def test_what_comes_with_jupyter_comes_from_the_gateway_and_spends_nothing(installation, eve):
    eve.run(PLANT.format(canary=CANARY))
    runtime = installation.settings.session_runtime / "share" / "jupyter"
    script = next((runtime / "lab" / "static").glob("main.*.js"))
    theme = "@jupyterlab/theme-light-extension/index.css"
    before = spent(installation)
    for path, file in (
        (f"/static/lab/{script.name}", script),
        (f"/lab/api/themes/{theme}", runtime / "lab" / "themes" / theme),
        ("/kernelspecs/python3/logo-64x64.png", runtime / "kernels" / "python3" / "logo-64x64.png"),
    ):
        reply = ask(eve, path)
        assert (reply.status_code, reply.content == file.read_bytes()) == (200, True)
        assert "sandbox" in reply.headers["content-security-policy"]
    assert ask(eve, "/favicon.ico").status_code == 200
    assert ask(eve, "/static/lab/none.js").status_code == 404
    assert spent(installation) == before


def test_every_page_is_counted_and_written_down(installation, eve):
    before, had = spent(installation), len(reads(installation))
    page = ask(eve, "/lab")
    assert spent(installation) - before >= len(page.content)
    fresh = reads(installation)[had:]
    assert [(r["kind"], r["path"], r["bytes"]) for r in fresh] == [("page", "/lab", len(page.content))]


def test_every_text_that_is_read_is_written_down_with_its_digest_before_it_is_shown(installation, eve):
    eve.run("open('/workspace/rows.txt', 'w').write('QUJD' * 1000)")
    had = len(reads(installation))
    for query in ("", "?format=text", "?type=file&format=text&content=1"):
        assert ask(eve, f"/api/contents/rows.txt{query}").json()["content"] == "QUJD" * 1000
    lines = reads(installation)[had:]
    digest = hashlib.sha256(b"QUJD" * 1000).hexdigest()
    assert [(r["kind"], r["path"], r["sha256"]) for r in lines] == [
        ("file", "/api/contents/rows.txt", digest)
    ] * 3
    long = "n" * 230
    eve.run(f"open('/workspace/{long}', 'w').write('1')")
    ask(eve, f"/api/contents/{long}")
    assert len(reads(installation)[-1]["path"]) == 200


def test_a_text_above_a_quarter_and_a_notebook_above_two_megabytes_stay_inside(installation, eve):
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
    eve.run(
        "import json\n"
        f"notebook = json.loads({json.dumps(json.dumps(notebook))})\n"
        "def keep(name, size):\n"
        "    cell = {'cell_type': 'raw', 'id': 'a', 'metadata': {}, 'source': 'x' * size}\n"
        "    json.dump({**notebook, 'cells': [cell]}, open('/workspace/' + name, 'w'))\n"
        "keep('large.ipynb', 2_200_000)\n"
        "keep('small.ipynb', 1_000_000)\n"
        "open('/workspace/rows.b64', 'w').write('QUJD' * 70_000)\n"
        "open('/workspace/fits.b64', 'w').write('QUJD' * 60_000)\n"
        "import os\n"
        "os.link('/workspace/rows.b64', '/workspace/rows.ipynb')"
    )
    had = len(reads(installation))
    for name in (
        "large.ipynb",
        "rows.b64",
        "rows.b64?format=text",
        "small.ipynb?type=file",
        "rows.ipynb?type=file",
    ):
        with pytest.raises(WorkspaceError, match=r"403.*airlock"):
            eve.api("GET", f"/api/contents/{name}")
    assert len(eve.api("GET", "/api/contents/fits.b64")["content"]) == 240_000
    assert eve.get_notebook("small.ipynb")["cells"]
    assert [r["kind"] for r in reads(installation)[had:]] == ["file", "notebook"]


def test_a_folder_is_written_down_when_it_has_changed(installation, eve):
    eve.run("import os\nos.makedirs('/workspace/names/a')")
    had = len(reads(installation))
    for _ in range(3):
        eve.api("GET", "/api/contents/names")
    eve.run("os.makedirs('/workspace/names/b')")
    eve.api("GET", "/api/contents/names")
    assert [r["kind"] for r in reads(installation)[had:]] == ["directory"] * 2


def test_what_cannot_be_written_down_is_not_shown(installation, eve):
    eve.run("open('/workspace/plan.txt', 'w').write('the plan')")
    record, aside = installation.authority.home / "record.jsonl", installation.authority.home / "aside"
    record.rename(aside)
    record.mkdir()
    try:
        answers: list[httpx.Response] = [ask(eve, path) for path in ("/api/contents/plan.txt", "/lab")]
    finally:
        record.rmdir()
        aside.rename(record)
    assert [a.status_code for a in answers] == [503, 503]
    assert all("audit log" in a.json()["message"] and "the plan" not in a.text for a in answers)
    assert eve.api("GET", "/api/contents/plan.txt")["content"] == "the plan"


def test_people_keep_their_settings_and_layout(eve):
    path = "/lab/api/settings/@jupyterlab/apputils-extension:themes"
    eve.api("PUT", path, {"raw": '{"theme": "JupyterLab Dark"}'})
    assert "JupyterLab Dark" in eve.api("GET", path)["raw"]
    eve.api("PUT", "/lab/api/workspaces/default", {"data": {"a": 1}, "metadata": {"id": "default"}})
    assert eve.api("GET", "/lab/api/workspaces/default")["data"] == {"a": 1}


@pytest.mark.slow
def test_jupyterlab_loads_in_a_browser_with_everything_that_it_needs(installation, eve):
    from playwright.sync_api import sync_playwright

    eve.run("open('/workspace/seen.txt', 'w').write('1')")
    broken, errors = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = browser.new_context()
        context.add_cookies([{"name": "portal", "value": "eve", "domain": "127.0.0.1", "path": "/"}])
        page = context.new_page()
        page.on("response", lambda r: broken.append(urlsplit(r.url).path) if r.status >= 400 else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{eve._gateway}{eve._base}/lab")
        page.locator(".jp-LauncherCard").first.wait_for(timeout=120_000)
        page.locator(".jp-DirListing-item").first.wait_for(timeout=60_000)
        logo = page.locator(".jp-LauncherCard img").first
        assert logo.evaluate("image => image.complete && image.naturalWidth > 0")
        browser.close()
    assert {path.removeprefix(eve._base) for path in broken} <= ASKED_BY_THE_PAGE
    assert set(errors) <= {"Invalid response: 403 Forbidden"}  # what it says of these
