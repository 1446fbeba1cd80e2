"""What nobody can do through the portal, by page or by API."""

from __future__ import annotations

from dataclasses import replace

import pytest
from portalkit import ANSWERS, Portal

from anonymization.dp import DpQuery, Measure
from enclave.airlock.model import Verdict
from enclave.extracts.making import question_of
from enclave.kernel.actors import service

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)>{{7*7}}\"'"


def test_what_people_write_is_shown_and_never_run(portal: Portal) -> None:
    long = EVIL + " " + "and so on, in words that everybody understands. " * 3
    slug = portal.project(title=EVIL, summary=long, public_benefit=long, planned_outputs=long, members=())
    other = portal.submitted(title=EVIL, summary=long, public_benefit=long)
    portal.enclave.requests.refuse(portal.actor("sofia"), other.id, long)
    waiting = portal.submitted(title=EVIL, summary=long, public_benefit=long)
    draft = portal.draft(title=EVIL, summary=long, members=(EVIL,), dataset="households")
    portal.write_output(
        slug, "coverage.csv", f'region,{EVIL.replace(",", "")}\n"{EVIL.replace(chr(34), "")}",12\n'.encode()
    )
    made = portal.enclave.airlock.create(
        portal.actor("amina"), project=slug, title=EVIL, context=long, controls=long, files=("coverage.csv",)
    )
    output = portal.enclave.airlock.submit(portal.actor("amina"), made.id)
    portal.enclave.airlock.review(portal.actor("omar"), output.id, Verdict.RETURN, long)
    pages = {
        "": ["/register", f"/register/{slug}"],
        "amina": [
            "/home",
            "/requests",
            f"/requests/{draft.id}/tasks",
            f"/requests/{draft.id}/answer/title",
            f"/requests/{draft.id}/answer/summary",
            f"/requests/{draft.id}/answer/members",
            f"/requests/{draft.id}/check",
            f"/requests/{other.id}",
            f"/projects/{slug}",
            f"/projects/{slug}/outputs/new",
            f"/airlock/{output.id}",
        ],
        "sofia": ["/queue", f"/requests/{waiting.id}", f"/requests/{other.id}", f"/projects/{slug}"],
        "omar": ["/airlock", f"/airlock/{output.id}"],
        "lena": ["/airlock", f"/airlock/{output.id}"],
        "aldo": ["/audit"],
    }
    seen = 0
    for username, paths in pages.items():
        client = portal.client(username)
        for path in paths:
            answer = client.get(path)
            assert answer.status_code == 200, path
            assert "<script>alert" not in answer.text, path
            assert "<img src=x" not in answer.text, path
            assert ">49" not in answer.text, path
            seen += "&lt;script&gt;alert" in answer.text
    answer = portal.client().post("/sign-in", data={"username": EVIL, "password": EVIL, "next": EVIL})
    assert "<script>alert" not in answer.text
    answer = portal.client("aldo").get("/audit", params={"actor": EVIL, "event": EVIL, "subject": EVIL})
    assert "<script>alert" not in answer.text
    answer = portal.client("omar").post(
        f"/airlock/{output.id}/review", data={"verdict-0": EVIL, "comment": EVIL}
    )
    assert "<script>alert" not in answer.text
    assert seen >= 12  # the planted words do come up, as words


@pytest.mark.parametrize("username", ["amina", "badr"])
def test_a_researcher_cannot_approve_a_request(portal: Portal, username: str) -> None:
    request, client = portal.submitted(), portal.client(username)

    by_page = client.post(
        f"/requests/{request.id}/decision",
        data={"verdict": "approve", "reason": "It is all fine.", "round": 1},
    )
    by_api = client.post(
        f"/api/v1/requests/{request.id}/approve", json={"reason": "It is all fine.", "round": 1}
    )

    assert (by_page.status_code, by_api.status_code) == (403, 403)
    assert portal.enclave.register.entries() == []


def test_a_steward_cannot_approve_a_request_that_they_are_part_of(portal: Portal) -> None:
    request = portal.enclave.requests.create(portal.actor("amina"), replace(ANSWERS, members=("sofia",)))
    request = portal.enclave.requests.submit(portal.actor("amina"), request.id)
    client = portal.client("sofia")

    by_page = client.post(
        f"/requests/{request.id}/decision",
        data={"verdict": "approve", "reason": "It is all fine.", "round": 1},
    )
    by_api = client.post(
        f"/api/v1/requests/{request.id}/approve", json={"reason": "It is all fine.", "round": 1}
    )

    assert (by_page.status_code, by_api.status_code) == (422, 403)
    assert "Nobody approves a request of a project that they are a member of." in by_page.text
    assert by_api.json()["policy"].startswith("access@")
    assert portal.enclave.register.entries() == []


def test_somebody_elses_request_does_not_exist_for_a_researcher(portal: Portal) -> None:
    request, client = portal.submitted(), portal.client("badr")

    for path in (f"/requests/{request.id}", f"/requests/{request.id}/tasks", f"/requests/{request.id}/check"):
        assert client.get(path).status_code == 404
    assert client.get(f"/api/v1/requests/{request.id}").status_code == 404
    assert client.put(f"/api/v1/requests/{request.id}", json={"answers": {}}).status_code == 404
    assert client.post(f"/api/v1/requests/{request.id}/withdraw").status_code == 404


def test_a_member_reads_a_request_but_does_not_write_it(portal: Portal) -> None:
    draft, client = portal.draft(members=("badr",)), portal.client("badr")

    assert client.get(f"/requests/{draft.id}").status_code == 200
    assert client.post(f"/requests/{draft.id}/answer/title", data={"title": "Mine now"}).status_code == 404
    assert client.post(f"/requests/{draft.id}/submit", data={"declaration": "yes"}).status_code == 404


def test_a_checker_does_not_see_the_other_verdict_until_both_are_in(portal: Portal) -> None:
    output = portal.output(portal.project())
    secret = "This comment is for nobody else to see yet."
    omar, lena, amina = portal.client("omar"), portal.client("lena"), portal.client("amina")

    answer = omar.post(
        f"/airlock/{output.id}/review",
        data={"verdict-0": "approve", "comment": secret, "seen": output.digests},
    )

    assert answer.status_code == 303
    assert secret in omar.get(f"/airlock/{output.id}").text
    for client in (lena, amina):
        assert secret not in client.get(f"/airlock/{output.id}").text
        assert client.get(f"/api/v1/outputs/{output.id}/reviews").json() == []
        assert "omar" not in client.get(f"/airlock/{output.id}").text
    before = portal.output_page_state(lena, output.id)
    assert before == "Waiting"

    lena.post(
        f"/airlock/{output.id}/review", data={"verdict-0": "approve", "comment": "", "seen": output.digests}
    )

    assert secret in lena.get(f"/airlock/{output.id}").text
    assert secret in amina.get(f"/airlock/{output.id}").text


def test_a_page_shows_the_same_state_with_and_without_a_first_verdict(portal: Portal) -> None:
    slug = portal.project()
    fresh = portal.output(slug)
    lena = portal.client("lena")
    before = lena.get(f"/airlock/{fresh.id}").text
    portal.enclave.airlock.review(
        portal.actor("omar"), fresh.id, Verdict.REFUSE, "It shows too small a group."
    )

    assert lena.get(f"/airlock/{fresh.id}").text == before
    assert lena.get("/airlock").status_code == 200


def test_the_api_does_not_tell_a_checker_that_somebody_was_there_before(portal: Portal) -> None:
    output = portal.output(portal.project())
    lena = portal.client("lena")
    before = lena.get(f"/api/v1/outputs/{output.id}").json()
    portal.enclave.airlock.review(portal.actor("omar"), output.id, Verdict.APPROVE, "")

    assert lena.get(f"/api/v1/outputs/{output.id}").json() == before


def test_nothing_can_be_fetched_before_two_approvals_and_only_by_members_after(portal: Portal) -> None:
    output = portal.output(portal.project())
    amina, badr, omar, lena = (portal.client(u) for u in ("amina", "badr", "omar", "lena"))
    path = f"/airlock/{output.id}/files/coverage.csv"
    assert amina.get(path).status_code == 404
    assert amina.get(f"{path}/preview").status_code == 403
    assert amina.post(f"/api/v1/outputs/{output.id}/credentials").status_code == 404

    for client in (omar, lena):
        assert client.get(f"{path}/preview").status_code == 200
        assert (
            client.post(
                f"/airlock/{output.id}/review", data={"verdict-0": "approve", "seen": output.digests}
            ).status_code
            == 303
        )

    answer = amina.get(path)
    assert answer.content == b"region,households\nNorth,120\nSouth,95\n"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert [c.get(path).status_code for c in (badr, omar, portal.client("sofia"))] == [404, 404, 404]
    found = amina.post(f"/api/v1/outputs/{output.id}/credentials").json()
    assert found["prefix"].startswith(f"{output.project}/{output.id}/")


def test_a_file_that_the_policy_denies_does_not_go_on(portal: Portal) -> None:
    output = portal.output(portal.project(), submit=False, data=b"region,households\nSMALL,3\n")
    client = portal.client("amina")

    page = client.get(f"/airlock/{output.id}").text
    answer = client.post(f"/airlock/{output.id}/submit")

    assert "This file cannot go on to the checkers like this." in page
    assert "Send to the checkers" not in page
    assert answer.status_code == 422
    assert "at least 10 households" in answer.text


def test_microdata_are_nobodys_to_download(portal: Portal) -> None:
    ids = {r.tier.value: r.id for r in portal.enclave.releases.published()}
    for username in ("", "amina", "sofia", "sami", "aldo"):
        client = portal.client(username)
        assert client.get(f"/releases/{ids['scientific_use']}/files/households.parquet").status_code == 404
        assert client.get(f"/releases/{ids['open']}/files/enrolled-by-region.csv").status_code == 200
    assert (
        portal.client().get(f"/releases/{ids['public_use']}/files/households-synthetic.csv").status_code
        == 404
    )
    assert (
        portal.client("pia").get(f"/releases/{ids['public_use']}/files/households-synthetic.csv").status_code
        == 200
    )


def test_file_names_lead_nowhere(portal: Portal) -> None:
    slug = portal.project()
    for names in ("../notebooks/x.csv", "/etc/passwd", "a/b.csv", "..", "x\x00y", "coverage.sdc.json"):
        form = {
            "title": "Coverage by region",
            "context": "Households reached in each region, for the working paper of the project.",
            "controls": "Nothing was needed.",
            "files": names,
        }
        assert portal.client("amina").post(f"/projects/{slug}/outputs/new", data=form).status_code == 422


def test_the_log_holds_after_all_of_this(portal: Portal) -> None:
    output = portal.output(portal.project())
    portal.client("omar").post(
        f"/airlock/{output.id}/review", data={"verdict-0": "approve", "seen": output.digests}
    )
    aldo = portal.client("aldo")

    assert aldo.get("/api/v1/audit/verify").json()["holds"] is True
    assert "The chain holds" in aldo.get("/audit?verify=yes").text
    mine = aldo.get("/api/v1/audit/events", params={"actor": "omar", "event": "output:review"}).json()
    assert [e["actor"] for e in mine] == ["omar"]
    assert "omar" in aldo.get("/audit", params={"actor": "omar"}).text


def test_a_verdict_on_files_that_were_not_seen_does_not_count(portal: Portal) -> None:
    output = portal.output(portal.project())
    client = portal.client("omar")

    by_page = client.post(f"/airlock/{output.id}/review", data={"verdict-0": "approve", "seen": "0" * 64})
    by_api = client.post(
        f"/api/v1/outputs/{output.id}/review", json={"verdict": "approve", "seen": ["0" * 64]}
    )

    assert (by_page.status_code, by_api.status_code) == (409, 409)
    assert portal.enclave.airlock.reviews(portal.actor("omar"), output.id) == []


def test_an_approval_of_answers_that_have_changed_does_not_count(portal: Portal) -> None:
    request, client = portal.submitted(), portal.client("sofia")
    portal.enclave.requests.send_back(portal.actor("sofia"), request.id, "Ask for fewer columns, please.")
    portal.enclave.requests.submit(portal.actor("amina"), request.id)

    old = {"verdict": "approve", "reason": "It is all fine.", "round": 1}
    by_page = client.post(f"/requests/{request.id}/decision", data=old)
    by_api = client.post(f"/api/v1/requests/{request.id}/approve", json={"reason": "It is fine.", "round": 1})

    assert (by_page.status_code, by_api.status_code) == (422, 409)
    assert "The answers have changed since you read them." in by_page.text
    assert client.post(f"/requests/{request.id}/decision", data={**old, "round": 2}).status_code == 303


def test_a_projects_page_shows_members_what_was_asked_and_what_is_left(portal: Portal) -> None:
    slug = portal.project()
    assert "no privacy budget" in portal.client("amina").get(f"/projects/{slug}").text
    dataset = portal.enclave.entitlements.of_project(slug)[0].dataset
    portal.enclave.budgets.grant(portal.actor("petra"), dataset=dataset, project=slug, epsilon=2.0)
    query = DpQuery(dataset, "household_id", Measure.COUNT, 0.5, group_by={"region_code": ("R01",)})
    asked = question_of(query, dataset, "e1")
    spender = replace(service("questions"), name="amina")
    portal.enclave.budgets.ask(spender, asked, slug, lambda: {"csv": "SECRET-ANSWER"})
    page = portal.client("amina").get(f"/projects/{slug}").text
    assert "Epsilon 1.5 of 2 is left. That buys one more table of counts" in page
    assert "Number of households by region_code" in page
    assert "epsilon 0.5 · amina" in page
    assert "SECRET-ANSWER" not in page
    assert (
        "region_code"
        not in portal.client("sofia").get(f"/projects/{slug}").text.partition("Private questions")[2]
    )


def test_the_ledgers_page_shows_grants_raises_charges_and_everybody_together(portal: Portal) -> None:
    slug = portal.project()
    dataset = portal.enclave.entitlements.of_project(slug)[0].dataset
    petra = portal.client("petra")
    budget = {"dataset": dataset, "project": slug}
    assert petra.post("/api/v1/budgets", json={**budget, "rho": 0.1, "delta": 1e-6}).status_code == 201
    less = petra.post("/api/v1/budgets/raises", json={**budget, "rho": 0.05, "reason": "A smaller one."})
    assert less.status_code == 422
    reason = "A second round <b>of</b> the survey."
    told = petra.post("/api/v1/budgets/raises", json={**budget, "rho": 0.2, "delta": 1e-6, "reason": reason})
    assert told.status_code == 201
    assert "Rho 0.2 of 0.2 is left (zCDP)" in told.json()["says"]
    assert (
        portal.client("amina")
        .post("/api/v1/budgets/raises", json={**budget, "rho": 0.5, "reason": reason})
        .is_error
    )
    query = DpQuery(dataset, "household_id", Measure.COUNT, 0.2, group_by={"region_code": ("R01",)})
    spender = replace(service("questions"), name="amina")
    portal.enclave.budgets.ask(spender, question_of(query, dataset, "e1"), slug, lambda: {"csv": "SECRET"})
    page = petra.get("/ledger").text
    assert "Granted rho 0.1 and delta 1e-06 (zcdp)" in page
    assert "A second round &lt;b&gt;of&lt;/b&gt; the survey." in page
    assert "Spent: <strong>rho 0.02 of rho 0.2 and delta 1e-06</strong>" in page
    assert "Rho 0.18 of 0.2 is left (zCDP)" in page
    assert f"{dataset}: everybody who asked, together, has spent epsilon 0.2 (charges: 1;" in page
    assert "SECRET" not in page
    (mine,) = [b for b in petra.get("/api/v1/budgets").json() if b["project"] == slug]
    assert (mine["accounting"], mine["rho"], mine["spent_rho"], mine["left_rho"]) == ("zcdp", 0.2, 0.02, 0.18)
