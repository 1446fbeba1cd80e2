"""Ordering a synthesis through the API: the plan before it, how far it is, and calling it off."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from portalkit import TODAY, Portal

from enclave.extracts.model import Extract, ExtractState
from enclave.extracts.synthesising import Synthesising
from enclave.kernel.ports import ObjectRef


def an_extract(portal: Portal) -> str:
    sealed = ObjectRef("quarantine", "k", "1", "0" * 64, 1, "application/octet-stream")
    with portal.enclave.kit.write() as uow:
        uow.add(
            Extract(
                "extract-1", "EX-2026-0001", "households", TODAY, "a test's file", 20_000, "0" * 64, sealed, "key",
                ExtractState.PROCESSED, "sofia", datetime(2026, 5, 1, tzinfo=UTC),
            )
        )  # fmt: skip
        uow.commit()
    return "extract-1"


def test_a_steward_sees_the_plan_orders_sees_the_order_and_calls_it_off(portal: Portal) -> None:
    id_, steward = an_extract(portal), portal.client("sofia")
    plan = steward.get(f"/api/v1/extracts/{id_}/synthesise/plan").json()
    assert plan["rows"] == 20_000
    assert plan["recipe"]["tables"] == 5
    assert "case_note" not in plan["columns"]
    assert plan["seconds"] > 0
    assert plan["megabytes"] > 0
    assert plan["gate"][0] == "synthetic-data"
    ordered = steward.post(f"/api/v1/extracts/{id_}/synthesise", params={"recipe": "public-use"})
    assert ordered.status_code == 202
    order = ordered.json()
    assert order["state"] == "queued"
    assert [o["id"] for o in steward.get("/api/v1/extracts/orders").json()] == [order["id"]]
    unknown = steward.post(f"/api/v1/extracts/{id_}/synthesise", params={"recipe": "none"})
    assert unknown.status_code == 404
    assert "There are: public-use" in unknown.json()["detail"]
    again = steward.post(f"/api/v1/extracts/{id_}/synthesise", params={"recipe": "public-use"}).json()
    assert again["id"] == order["id"]
    off = steward.post(f"/api/v1/extracts/orders/{order['id']}/cancel").json()
    assert (off["state"], off["called_off"]) == ("cancelled", True)
    twice = steward.post(f"/api/v1/extracts/orders/{order['id']}/cancel")
    assert twice.status_code == 409
    assert "nothing to call off" in twice.json()["detail"]
    stands = steward.get(f"/api/v1/extracts/{id_}/synthesise", params={"recipe": "public-use"}).json()
    assert stands["state"] == "cancelled"


def test_nobody_else_sees_or_calls_off_an_order(portal: Portal) -> None:
    id_, steward = an_extract(portal), portal.client("sofia")
    order = steward.post(f"/api/v1/extracts/{id_}/synthesise").json()
    for username in ("amina", "petra", "omar"):
        client = portal.client(username)
        assert client.get(f"/api/v1/extracts/{id_}/synthesise/plan").status_code == 403
        assert client.get("/api/v1/extracts/orders").status_code == 403
        assert client.post(f"/api/v1/extracts/orders/{order['id']}/cancel").status_code == 403
    assert steward.get("/api/v1/extracts/orders").json()[0]["state"] == "queued"
    assert steward.post("/api/v1/extracts/orders/none/cancel").status_code == 404


def test_what_the_plan_rules_out_is_not_ordered(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    id_, steward, plan = an_extract(portal), portal.client("sofia"), Synthesising.plan
    monkeypatch.setattr(
        Synthesising, "plan", lambda *given: replace(plan(*given), problems=("The budget cannot hold it.",))
    )
    refused = steward.post(f"/api/v1/extracts/{id_}/synthesise", params={"recipe": "public-use"})
    assert refused.status_code == 422
    assert "The budget cannot hold it." in refused.text
    assert steward.get("/api/v1/extracts/orders").json() == []
