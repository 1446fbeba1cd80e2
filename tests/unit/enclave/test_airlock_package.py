"""A released output as one package: complete, signed, naming who fetched it, and silent about who checked it."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import pytest
from askings import COUNT, an_asking_house
from houses import a_house, a_project

from enclave.airlock.model import Verdict
from enclave.budget.receipts import to_bytes
from enclave.kernel.errors import NotFound, Refused
from enclave.kernel.signing import signature_holds

CONTEXT = "Counts of households by region, for the report on who is reached and who is missed."


def draft(house, project, *names):
    return house.airlock.create(
        house.actor("rosa"),
        project=project,
        title="A secret in the title",
        context=CONTEXT,
        controls="None needed.",
        files=names,
    )


@pytest.fixture
def released(tmp_path):
    house = a_house(tmp_path)
    project = a_project(house)
    house.workspaces.admit("rosa", project)
    for name in ("a.csv", "b.csv"):
        (house.outputs(project) / name).write_bytes(f"region,n\n{name},40\n".encode())
    output = house.airlock.submit(house.actor("rosa"), draft(house, project, "a.csv", "b.csv").id)
    for checker in ("chloe", "chidi"):
        output = house.airlock.review(house.actor(checker), output.id, Verdict.APPROVE, "")
    return house, output


def opened(house, output, who="rosa") -> dict[str, bytes]:
    name, data = house.airlock.package(house.actor(who), output.id)
    assert name == f"{output.reference}.zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {n: archive.read(n) for n in archive.namelist()}


def entities(parts) -> dict[str, dict]:
    document = json.loads(parts["ro-crate-metadata.json"])
    assert document["@context"] == "https://w3id.org/ro/crate/1.2/context"
    graph = document["@graph"]
    ids = [entity["@id"] for entity in graph]
    assert len(set(ids)) == len(ids)
    return {entity["@id"]: entity for entity in graph}


def references(value):
    """Every {"@id": …} below an entity's own."""
    if isinstance(value, dict):
        if set(value) == {"@id"}:
            yield value["@id"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_the_package_has_every_file_its_digest_two_approvals_and_the_policies(released):
    house, output = released
    parts = opened(house, output)
    graph = entities(parts)

    assert set(parts) == {
        *("a.csv", "b.csv", "ro-crate-metadata.json", "ro-crate-signature.json", "download-record.json")
    }
    for name in ("a.csv", "b.csv"):
        assert graph[name]["sha256"] == hashlib.sha256(parts[name]).hexdigest()
        assert int(graph[name]["contentSize"]) == len(parts[name])
        control = graph[graph[name]["subjectOf"]["@id"]]
        told = {graph[i["@id"]]["name"]: graph[i["@id"]]["value"] for i in control["additionalProperty"]}
        assert told["smallest_count"] == 10
        assert control["isBasedOn"]["@id"] == f"#policy-{output.files[0].cites}"
    assert {r for e in graph.values() for r in references(e)} <= {*graph, "https://w3id.org/ro/crate/1.2"}
    assert graph["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    approvals = [e for e in graph.values() if e["@type"] == "AssessAction"]
    assert len(approvals) == 2
    # Offices approve: nobody learns from a package whom to press.
    assert "chloe" not in str(graph)
    assert "chidi" not in str(graph)


def test_it_is_signed_and_says_who_fetched_it(released):
    house, output = released
    parts = opened(house, output)
    key = house.receipts.signer.public_key
    signed, record = (json.loads(parts[f"{n}.json"]) for n in ("ro-crate-signature", "download-record"))

    assert signed["metadata"] == json.loads(parts["ro-crate-metadata.json"])
    assert signature_holds(signed, key)
    signed["metadata"]["@graph"][1]["name"] = "Another"
    assert not signature_holds(signed, key)
    assert record["downloaded_by"] == "rosa"
    assert signature_holds(record, key)
    assert not signature_holds(record | {"downloaded_by": "emil"}, key)
    events = house.audit.events(house.actor("olga"), event="output:download")
    assert [e.actor for e in events] == ["rosa"]


def test_two_downloads_differ_in_nothing_but_the_record_of_the_download(released):
    house, output = released
    first = opened(house, output)
    house.clock.move(minutes=1)
    second = opened(house, output)

    assert {n for n in first if first[n] != second[n]} == {"download-record.json"}


def test_only_members_fetch_it_and_only_when_it_has_left(released):
    house, output = released
    for who in ("emil", "chloe", "stefan", "sami"):
        with pytest.raises(NotFound):
            house.airlock.package(house.actor(who), output.id)
    waiting = draft(house, output.project, "a.csv")
    with pytest.raises(NotFound):
        house.airlock.package(house.actor("rosa"), waiting.id)


def test_a_program_that_fetches_without_end_is_stopped_and_may_come_back_after_an_hour(released):
    house, output = released
    for _ in range(120):
        house.airlock.download(house.actor("rosa"), output.id, "a.csv")
    for fetch in (
        lambda: house.airlock.download(house.actor("rosa"), output.id, "a.csv"),
        lambda: house.airlock.package(house.actor("rosa"), output.id),
    ):
        with pytest.raises(Refused, match="Wait a while"):
            fetch()
    house.clock.move(hours=1, seconds=1)
    assert opened(house, output)


def test_of_a_private_answer_it_says_what_the_house_knows_and_nothing_that_nobody_read(tmp_path):
    house, project = an_asking_house(tmp_path)
    told = house.querying.query("rosa", project, COUNT)
    (house.outputs(project) / "x.csv").write_bytes(told["csv"].encode())
    (house.outputs(project) / "x.receipt.json").write_bytes(to_bytes(told["receipt"]))
    output = house.airlock.submit(house.actor("rosa"), draft(house, project, "x.csv").id)

    parts = opened(house, output)
    graph = entities(parts)

    everything = b"".join(parts.values()).decode()
    assert "secret" not in everything
    assert CONTEXT not in everything
    [file] = [e for e in graph.values() if e["@type"] == "File"]
    values = [e["value"] for e in graph.values() if e["@type"] == "PropertyValue" and e["name"] == "receipt"]
    assert json.loads(values[0]) == json.loads(to_bytes(told["receipt"]))
    assert parts[file["@id"]] == told["csv"].encode()
    assert not [e for e in graph.values() if e["@type"] == "AssessAction"]
