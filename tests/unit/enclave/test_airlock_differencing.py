"""A table is compared with everything that left before from the same data, across projects, when it is taken and again
when it is sent in: two tables that differ by three households show those three."""

from __future__ import annotations

import dataclasses
import json

import pytest
from houses import a_house, a_project, a_submitted_request

from anonymization.disclosure import ReleasedTable, check_file
from enclave.airlock.checks import check_output
from enclave.airlock.model import OutputState, Verdict
from enclave.airlock.taking import CheckResult
from enclave.kernel.actors import service

CONTEXT = "Counts of households by region, for the report on who is reached and who is missed."
SPEC = {"schema": "registry-enclave/output/1", "kind": "table", "unit": "household", "counts": ["households"]}


def without_names(name, data, sidecar, threshold, earlier=(), own=None):
    """The real checks, but for the search for names, which is slow and not what is tried here."""
    report = check_file(
        name, data, sidecar, threshold=threshold, scan=own or (lambda _text: []), earlier=earlier
    )
    return CheckResult(report.media_type, report.facts, tuple(f.to_dict() for f in report.findings))


@pytest.fixture
def house(tmp_path):
    house = a_house(tmp_path)
    house.clock.move(days=179)  # from 1 June to 27 November, when version 2 of the policy holds
    return house


@pytest.fixture
def airlock(house):
    return dataclasses.replace(house.airlock, check=without_names)


def a_table(house, project, north=40, south=60, name="table"):
    folder = house.outputs(project)
    (folder / f"{name}.csv").write_text(f"region,households\nnorth,{north}\nsouth,{south}\n")
    (folder / f"{name}.sdc.json").write_text(json.dumps(SPEC))


def a_draft(house, airlock, project, files=("table.csv",)):
    return airlock.create(
        house.actor("rosa"), project=project, title="A table", context=CONTEXT, controls="None.", files=files
    )


def release(house, airlock, output):
    airlock.submit(house.actor("rosa"), output.id)
    for checker in ("chloe", "chidi"):
        output = airlock.review(house.actor(checker), output.id, Verdict.APPROVE, "")
    assert output.state is OutputState.RELEASED
    return output


def two_projects(house):
    first = a_project(house)
    request = a_submitted_request(house, title="Another study of the same households")
    request = house.requests.approve(house.actor("stefan"), request.id, "It is in the public interest.")
    for entitlement in house.entitlements.of_project(request.project):
        house.provisioning.provision(service("worker"), entitlement.id)
    assert request.project != first
    for project in (first, request.project):
        house.workspaces.admit("rosa", project)
    return first, request.project


def differing(file):
    return [f["place"] for f in file.findings if f["rule"] == "differencing"]


def test_a_table_of_another_project_that_differs_by_three_households_is_found(house, airlock):
    first, second = two_projects(house)
    a_table(house, first)
    done = release(house, airlock, a_draft(house, airlock, first))
    a_table(house, second, south=57)

    [file] = a_draft(house, airlock, second).files

    assert differing(file) == ["table.csv, cell 2 by region"]
    [sentence] = [f["sentence"] for f in file.findings if f["rule"] == "differencing"]
    assert done.reference in sentence
    assert "57" not in sentence
    assert file.passed  # the checkers decide
    assert file.facts["differing_cells"] == 1

    a_table(house, second, south=60)
    assert differing(a_draft(house, airlock, second).files[0]) == []


def test_what_was_released_after_the_draft_was_made_counts_when_it_is_sent_in(house, airlock):
    first, second = two_projects(house)
    a_table(house, second, north=43)
    waiting = a_draft(house, airlock, second)
    assert differing(waiting.files[0]) == []
    a_table(house, first)
    release(house, airlock, a_draft(house, airlock, first))

    sent = airlock.submit(house.actor("rosa"), waiting.id)

    assert differing(sent.files[0]) == ["table.csv, cell 1 by region"]
    assert sent.digests == waiting.digests


def test_two_files_of_one_request_are_compared_with_each_other(house, airlock):
    first, _ = two_projects(house)
    a_table(house, first, name="all")
    a_table(house, first, south=55, name="some")

    one, two = a_draft(house, airlock, first, ("all.csv", "some.csv")).files

    assert (differing(one), differing(two)) == ([], ["some.csv, cell 2 by region"])


def test_a_table_that_never_left_tells_nothing(house, airlock):
    first, second = two_projects(house)
    a_table(house, first)
    airlock.submit(house.actor("rosa"), a_draft(house, airlock, first).id)
    a_table(house, second, south=57)

    assert differing(a_draft(house, airlock, second).files[0]) == []


def test_the_house_compares_by_default():
    """The joined checks hand the earlier tables on."""
    before = ReleasedTable("OUT-1", ("region",), {("north",): 43})
    data = b"region,households\nnorth,40\nsouth,60\n"
    result = check_output("t.csv", data, json.dumps(SPEC).encode(), 10, [before])

    assert [f["rule"] for f in result.findings] == ["differencing"]
