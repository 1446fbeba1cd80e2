"""Between work and leave: a private question, asked from inside the workspace, and its answer's way out."""

from __future__ import annotations

import json

from enclave.demo.story.kernel import WorkspaceBrowser
from enclave.demo.story.stage import Stage, prove

IBR = "ibr-households"
_QUESTION = {"measure": "count", "group_by": ["region_code"]}


def ask(stage: Stage) -> list[str]:
    """A budget for the project; a quote, an answer paid for once, a refusal; and a release without a checker."""
    amina, slug = stage.call("amina"), stage.found["project"]
    browser = WorkspaceBrowser(stage.settings.gateway_url, amina.browser, "amina")
    browser.open(slug)
    told = _cell(browser, f"client.query({_QUESTION!r}, epsilon=0.5)")
    prove("no privacy budget" in told, f"A question without a budget was not refused: {told[:200]}")
    proved = [f"Without a budget the workspace is told: “{told}”"]
    stage.call("petra").post("/budgets", {"dataset": IBR, "project": slug, "epsilon": 1.0})
    shown = json.loads(
        _cell(
            browser,
            f"quoted, first = client.quote({_QUESTION!r}, epsilon=0.5), client.query({_QUESTION!r}, epsilon=0.5)\n"
            f"again = client.query({_QUESTION!r}, epsilon=0.5)\n"
            "first.save('households-by-region')\n"
            "import json\n"
            "print(json.dumps([quoted.loss['epsilon'], quoted.expected_error['count'], len(first.table), "
            "first.csv == again.csv, again.left['epsilon'], json.dumps(first.receipt)]))",
        )
    )
    prove(shown[3], "The same question again had another answer.")
    prove(shown[0] == 0.5 and shown[4] == 0.5, f"The quote or what is left is not as paid: {shown[:5]}")
    entitled = len(amina.get(f"/projects/{slug}/entitlements")[0]["areas"])
    prove(shown[2] > entitled, "The answer does not cover more than the project's own cut.")
    proved.append(
        f"The registry was asked: {shown[2]} regions where the project's cut has {entitled}; epsilon {shown[0]:g}, "
        f"noise within {shown[1]:g} households; asked again it cost nothing and was the same to the byte."
    )
    told = _cell(browser, f"client.query({_QUESTION!r}, epsilon=0.6)")
    prove("Nothing was charged" in told, f"A question over budget was not refused: {told[:200]}")
    proved.append(f"Over its budget the project is told: “{told}”")
    browser.close()
    return proved + _out(stage, shown[5])


def _out(stage: Stage, receipt: str) -> list[str]:
    from enclave.budget.receipts import to_bytes, verify_answer  # noqa: PLC0415 - the offline verifier is a library

    amina = stage.call("amina")
    request = {
        "project": stage.found["project"],
        "title": "Households by region",
        "context": "Households by region in the whole registry, with noise, for the report.",
        "controls": "Differential privacy, with a receipt.",
        "files": ["households-by-region.csv"],
    }
    draft = amina.post("/outputs", request)
    done = amina.post(f"/outputs/{draft['id']}/submit")
    prove(done["state"] == "released", f"The private answer is {done['state']}.")
    name = done["released"][0]["name"]
    file = amina.raw("GET", f"/outputs/{done['id']}/files/{name}").content
    key = stage.public.get("/private-queries/key")["public_key"]
    body = to_bytes(json.loads(receipt))
    prove(not verify_answer(file, body, key), "The receipt does not verify.")
    prove(verify_answer(file[:-1] + b" ", body, key), "A changed byte in the answer went unseen.")
    return [
        f"{done['reference']}: {name} left without a checker; its receipt verifies with the public key alone."
    ]


def _cell(browser: WorkspaceBrowser, code: str) -> str:
    """What a cell prints; the client's sentence when it refuses."""
    block = "".join(f"    {line}\n" for line in code.split("\n"))
    ran = browser.run(
        f"from enclave import client\ntry:\n{block}except client.ClientError as said:\n    print(said)"
    )
    prove(not ran.error, f"A cell failed: {ran.error}")
    return ran.stdout.strip()
