"""Steps 6 to 9: request and approve, work, leave by the airlock, see."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from enclave.demo.country import AS_OF
from enclave.demo.story.kernel import WorkspaceBrowser
from enclave.demo.story.stage import Stage, prove
from enclave.demo.story.store_side import s3
from enclave.demo.story.tamper import change_a_byte
from enclave.store.registry import read_households

IBR = "ibr-households"
VARIABLES = [
    "household_id", "region_code", "group_size", "poverty_score", "cutoff_applied", "eligible", "welfare_aggregate",
    "enrolled_cct", "benefit_total_12m", "head_marital_status",
]  # fmt: skip
AREAS = ["R01", "R02", "R03", "R04"]


def answers(**changes: Any) -> dict[str, Any]:
    """What a researcher writes into the request form."""
    given: dict[str, Any] = {
        "title": "Who the cash transfer reaches",
        "summary": (
            "We measure how many poor households receive the cash transfer, how many are missed, and how many receive "
            "it although they are not poor, region by region."
        ),
        "purpose": "targeting-evaluation",
        "public_benefit": "Households that are missed today can be found, and money that goes astray redirected.",
        "dataset": IBR,
        "tier": "scientific_use",
        "variables": VARIABLES,
        "areas": AREAS,
        "duration_days": 180,
        "planned_outputs": "A table of coverage, exclusion and inclusion error by region, with standard errors.",
    }
    return given | changes


def request(stage: Stage) -> list[str]:
    """A researcher asks; nobody approves their own; the steward approves; refusals work too."""
    amina, steward, bruno = stage.call("amina"), stage.call("steward"), stage.call("bruno")
    greedy = amina.post("/requests", answers(variables=[*VARIABLES, "head_national_id"]))
    words = amina.refused("POST", f"/requests/{greedy['id']}/submit")
    proved = [f"Asking for an identity number is refused: “{words}”"]

    asked = amina.post("/requests", answers())
    amina.post(f"/requests/{asked['id']}/submit")
    own = amina.refused(
        "POST", f"/requests/{asked['id']}/approve", {"reason": "It is my own and I like it.", "round": 1}
    )
    proved.append(f"The requester cannot approve: “{own}”")
    done = steward.post(
        f"/requests/{asked['id']}/approve", {"reason": "The question is public business.", "round": 1}
    )
    stage.found["project"] = done["project"]
    proved.append(f"The steward approved {done['reference']}: project {done['project']}.")

    bad = bruno.post("/requests", answers(title="Everything, to be sure", areas=[]))
    bruno.post(f"/requests/{bad['id']}/submit")
    steward.post(
        f"/requests/{bad['id']}/refuse", {"reason": "The question can be answered from the open tables."}
    )
    prove(bruno.get(f"/requests/{bad['id']}")["state"] == "refused", "The refusal did not stick.")
    other = bruno.post("/requests", answers(title="Bruno's own study", areas=["R05"]))
    bruno.post(f"/requests/{other['id']}/submit")
    stage.found["other"] = steward.post(
        f"/requests/{other['id']}/approve", {"reason": "A second project.", "round": 1}
    )["project"]
    proved.append(
        "Another request was refused with a reason; a second project was approved beside the first."
    )

    for person, project in ((amina, "project"), (bruno, "other")):
        path = f"/projects/{stage.found[project]}/entitlements"
        person.wait_for(path, lambda found: found and all(e["state"] == "active" for e in found))
    cut = amina.get(f"/projects/{stage.found['project']}/entitlements")[0]
    proved.append(
        f"The cut is made: {cut['rows']:,} rows, {len(cut['variables'])} variables, {', '.join(cut['areas'])}."
    )
    return proved


def work(stage: Stage) -> list[str]:
    """A sealed session: exactly the entitled data, a notebook that measures targeting, and no way out."""
    amina, slug = stage.call("amina"), stage.found["project"]
    bruno_says = stage.call("bruno").refused("POST", f"/projects/{slug}/session")
    stage.call("bruno").post(f"/projects/{stage.found['other']}/session")
    amina.sign_in_at_the_page()
    amina.post(f"/projects/{slug}/session")
    browser = WorkspaceBrowser(stage.settings.gateway_url, amina.browser, "amina")
    browser.open(slug)
    ran = _run(browser, "import os, json; print(json.dumps({r: sorted(f) for r, _, f in os.walk('/data')}))")
    prove(
        json.loads(ran) == {"/data": [f"{IBR}.about.json", f"{IBR}.parquet"]},
        f"/data holds something else: {ran}",
    )
    looked = json.loads(
        _run(
            browser,
            f"import pandas as pd; d = pd.read_parquet('/data/{IBR}.parquet'); "
            "print(json.dumps([sorted(d.columns), sorted(d.region_code.unique()), len(d)]))",
        )
    )
    prove(looked[0] == sorted(VARIABLES), f"Other columns are mounted than were granted: {looked[0]}")
    prove(set(looked[1]) <= set(AREAS), f"Other areas are mounted than were granted: {looked[1]}")
    proved = [
        f"Exactly the entitled extract is mounted read-only: {len(looked[0])} columns, {looked[2]:,} rows."
    ]
    proved.append(f"Somebody else's project does not open: “{bruno_says}”")
    for cell in browser.run_notebook("notebooks/02-measure-targeting.ipynb"):
        prove(not cell.error, f"The notebook failed: {cell.error}")
    wanted = "['coverage', 'exclusion_error', 'inclusion_error']"
    columns = "['indicator', 'denominator', 'estimate', 'se']"
    shown = _run(
        browser,
        f"t = overall.table(); print(t[t.indicator.isin({wanted})][{columns}].round(3).to_string(index=False))",
    )
    proved.append(
        "The notebook measured targeting: "
        + "; ".join(" ".join(line.split()) for line in shown.splitlines()[1:])
    )
    planted = (
        # No recipe coarsens the score that decides who is eligible, so whole points of it always leave cells small.
        "small = df.assign(points=df.poverty_score.round().astype('Int64')).groupby(['region_code', 'points'])"
        ".household_id.nunique().reset_index(name='households')\n"
        "client.output(small, 'small-cells', counts=['households'], dimensions=['region_code', 'points'], "
        "title='Households by everything', context='A table with cells that are far too small.')\n"
        "print(int((small.households < 10).sum()))"
    )
    prove(
        int(_run(browser, "import warnings; warnings.simplefilter('ignore')\n" + planted)) > 0,
        "No cell is small.",
    )
    proved += _no_way_out(stage, browser)
    browser.close()
    return proved


def _no_way_out(stage: Stage, browser: WorkspaceBrowser) -> list[str]:
    """Every exit that the story knows of, from inside, with what really listens and lies outside."""
    state = stage.settings.state_dir.resolve()
    outside = {
        "ports": [
            stage.settings.portal_port,
            stage.settings.gateway_port,
            *range(stage.settings.objects_port, stage.settings.objects_port + 10),
        ],
        "paths": [
            str(state),
            str(state / "enclave.sqlite"),
            str(state / "projects" / "data" / stage.found["other"]),
            str(state / "projects" / "work" / stage.found["other"]),
            str(Path.home() / ".ssh"),
            "/etc/shadow",
        ],
        "read_only": ["/data"],
    }
    code = (
        "import json, subprocess, sys\n"
        f"outside = {json.dumps(json.dumps(outside))}\n"
        "ran = subprocess.run([sys.executable, '-I', '/opt/enclave/session/canary.py', outside],"
        " capture_output=True, text=True)\nprint(ran.stdout or ran.stderr)"
    )
    found: dict[str, str] = json.loads(_run(browser, code))
    opened = {name: how for name, how in found.items() if how.startswith("OPEN")}
    prove(not opened, f"These ways out are open: {opened}")
    said = {
        "DNS": found["dns"],
        "an address": found["ipv4"],
        "the object store": found[f"loopback port {stage.settings.objects_port}"],
        "the database": found[f"path {state / 'enclave.sqlite'}"],
        "another project's files": found[f"path {state / 'projects' / 'data' / stage.found['other']}"],
    }
    return [
        "Refused from inside: " + "; ".join(f"{name} ({how})" for name, how in said.items()) + ".",
        f"All {len(found)} ways out that the canary knows are closed.",
    ]


def leave(stage: Stage) -> list[str]:
    """A small cell is flagged; a safe table goes through two checkers; then, and only then, it can be downloaded."""
    amina, slug = stage.call("amina"), stage.found["project"]
    common = {
        "project": slug,
        "context": "Counts and shares of households by region, for the report on who the cash transfer reaches.",
        "controls": "Counts below ten are suppressed by the client; no row of totals.",
    }
    bad = amina.post(
        "/outputs", {**common, "title": "Households by everything", "files": ["small-cells.csv"]}
    )
    flagged = bad["files"][0]
    prove(not flagged["passed"], "The planted small cells were not flagged.")
    words = amina.refused("POST", f"/outputs/{bad['id']}/submit")
    proved = [
        f"Planted small cells: {len(flagged['findings'])} findings, and submitting is refused: “{words[:160]} …”"
    ]

    name = f"targeting-by-region-{IBR}.csv"
    good = amina.post("/outputs", {**common, "title": "Targeting by region", "files": [name]})
    prove(good["files"][0]["passed"], f"The safe table did not pass: {good['files'][0]['refusals']}")
    amina.post(f"/outputs/{good['id']}/submit")
    amina.refused("GET", f"/outputs/{good['id']}/files/{name}")
    carla, deniz = stage.call("carla"), stage.call("deniz")
    own = amina.refused(
        "POST",
        f"/outputs/{good['id']}/review",
        {"verdict": "approve", "comment": "Mine.", "seen": good["digests"]},
    )
    carla.post(
        f"/outputs/{good['id']}/review",
        {"verdict": "approve", "comment": "Counts are above ten.", "seen": good["digests"]},
    )
    amina.refused("GET", f"/outputs/{good['id']}/files/{name}")
    prove(
        not deniz.get(f"/outputs/{good['id']}/reviews"),
        "A checker saw the other's verdict before giving their own.",
    )
    carla.refused(
        "POST",
        f"/outputs/{good['id']}/review",
        {"verdict": "approve", "comment": "Once more.", "seen": good["digests"]},
    )
    done = deniz.post(
        f"/outputs/{good['id']}/review", {"verdict": "approve", "comment": "Agreed.", "seen": good["digests"]}
    )
    prove(done["state"] == "released", f"After two approvals it is {done['state']}.")
    proved.append(
        f"{done['reference']}: refused before, after one approval and to its author as checker (“{own}”)."
    )
    file = amina.raw("GET", f"/outputs/{good['id']}/files/{name}")
    prove(
        file.status_code == 200 and file.content.startswith(b"region"),
        "The released file cannot be downloaded.",
    )
    for username in ("bruno", "steward", "pablo", "sam"):
        stage.call(username).refused("GET", f"/outputs/{good['id']}/files/{name}")
    stage.found |= {"output": good["id"], "file": name, "bytes": file.content}
    proved.append(f"After two approvals the researcher downloads {len(file.content)} bytes; nobody else can.")
    return proved + _credentials(stage)


def _credentials(stage: Stage) -> list[str]:
    """The researcher's own S3 credentials read the released file from outside, and nothing else."""
    amina = stage.call("amina")
    given = amina.post(f"/outputs/{stage.found['output']}/credentials")
    theirs, ours = s3(stage.settings, given), s3(stage.settings)
    readable, tried = [], 0
    for bucket in [b["Name"] for b in ours.list_buckets()["Buckets"]]:
        for version in ours.list_object_versions(Bucket=bucket).get("Versions", []):
            tried += 1
            try:
                theirs.get_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])[
                    "Body"
                ].read()
            except theirs.exceptions.ClientError:
                continue
            readable.append(f"{bucket}/{version['Key']}")
    prove(
        readable == [f"{given['bucket']}/{given['prefix']}{stage.found['file']}"],
        f"The researcher's credentials read something else: {readable}",
    )
    return [f"Of {tried} objects in the store, the researcher's credentials read one: the released table."]


def see(stage: Stage) -> list[str]:
    """The public register; the log verifies; a changed byte anywhere makes verification fail."""
    entries = stage.public.get("/register")
    entry = next(e for e in entries if e["slug"] == stage.found["project"])
    prove(entry["outputs"] and entry["approved_by"] and entry["purpose"], "The register does not say it all.")
    page = stage.public.browser.get(f"{stage.settings.public_url}/register/{entry['slug']}")
    prove(
        page.status_code == 200 and "Who the cash transfer reaches" in page.text,
        "The register's page is missing.",
    )
    shows = f"{entry['title']}, for {entry['purpose']}, approved by {entry['approved_by']}"
    proved = [f"The public register shows: {shows}, output {entry['outputs'][0]['reference']}."]
    odile = stage.call("odile")
    prove(odile.get("/audit/verify")["holds"], "The log does not hold.")
    log = stage.build / "audit.jsonl"
    text = odile.raw("GET", "/audit/export").text
    log.write_text(text, encoding="utf-8")
    prove(_verify(log) == 0, "The exported log does not verify.")
    forged = stage.build / "audit-forged.jsonl"
    forged.write_text(text.replace('"amina"', '"anima"', 1), encoding="utf-8")
    prove(_verify(forged) != 0, "A changed byte in the log went unseen.")
    proved.append(
        f"The log ({text.count(chr(10))} lines) verifies offline; with one byte changed it does not."
    )
    with change_a_byte(stage.settings.state_dir.resolve(), "released"):
        reply = stage.call("amina").raw(
            "GET", f"/outputs/{stage.found['output']}/files/{stage.found['file']}"
        )
        prove(reply.status_code >= 400, "A changed byte in a released object went unseen.")
    proved.append("With one byte of the released object changed on disk, it is refused instead of served.")
    again = stage.call("amina").raw("GET", f"/outputs/{stage.found['output']}/files/{stage.found['file']}")
    prove(again.content == stage.found["bytes"], "The byte was not put back.")
    return proved + _nothing_leaked(stage)


def _nothing_leaked(stage: Stage) -> list[str]:
    """Identity numbers and phones of the registry, looked for in every log, the audit log and every evidence pack."""
    batch = next(read_households(stage.settings.registry, as_of=AS_OF, batch=2000))
    canaries = {
        str(v) for name in ("head_national_id", "phone_number") for v in batch.column(name).to_pylist() if v
    }
    places = [*(stage.settings.state_dir / "logs").glob("*.log*"), stage.build / "audit.jsonl"]
    texts = {p.name: p.read_text(encoding="utf-8", errors="replace") for p in places}
    for release in stage.call("steward").get("/releases/all"):
        path = f"/releases/{release['id']}/evidence"
        texts[f"evidence of {release['reference']}"] = stage.call("steward").raw("GET", path).text
    leaks = sorted({name for name, text in texts.items() if any(canary in text for canary in canaries)})
    prove(not leaks, f"Identity numbers or phones stand in: {', '.join(leaks)}.")
    return [
        f"None of {len(canaries):,} identity numbers and phones stands in {len(texts)} logs and evidence packs."
    ]


def _verify(log: Path) -> int:
    from enclave.audit.service import verify_file  # noqa: PLC0415 - the offline verifier is a library

    return len(verify_file(log))


def _run(browser: WorkspaceBrowser, code: str) -> str:
    ran = browser.run(code)
    prove(not ran.error, f"A cell failed: {ran.error}")
    return ran.stdout.strip()


STEPS: list[tuple[str, Callable[[Stage], list[str]]]] = [
    ("request", request),
    ("work", work),
    ("leave", leave),
    ("see", see),
]
