"""Private answers through the airlock: what their receipts let out, and every attack on them that we know."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import pytest
from askings import CANARY, COUNT, an_asking_house

from enclave.airlock.model import OutputState, Verdict
from enclave.airlock.releasing import RELEASED
from enclave.audit.model import AuditEvent
from enclave.budget.model import BudgetGrant, Charge, ChargeState
from enclave.budget.receipts import chosen_digits, read_receipt, to_bytes, verify_answer
from enclave.kernel.actors import service
from enclave.kernel.errors import EnclaveError, IllegalMove, Invalid, NotFound, Refused
from enclave.kernel.signing import HouseSigner

CONTEXT = "Households by region with noise, for the report on who is reached and who is missed."


@pytest.fixture
def asked(tmp_path):
    """A house, its project, and an answer with its receipt as rosa saves them."""
    house, project = an_asking_house(tmp_path)
    told = house.querying.query("rosa", project, COUNT)
    return house, project, told["csv"].encode(), to_bytes(told["receipt"])


def draft(house, project, *names, who="rosa"):
    return house.airlock.create(
        house.actor(who),
        project=project,
        title="A secret in the title",
        context=CONTEXT,
        controls="Differential privacy.",
        files=names,
    )


def put(house, project, csv, receipt, name="answer"):
    folder = house.outputs(project)
    (folder / f"{name}.csv").write_bytes(csv)
    if receipt is not None:
        (folder / f"{name}.receipt.json").write_bytes(receipt)
    return f"{name}.csv"


def sent(house, project, csv, receipt, name="answer"):
    return draft(house, project, put(house, project, csv, receipt, name))


def outside(house) -> dict[str, bytes]:
    return {key: data for (bucket, key, _), data in house.objects.blobs.items() if bucket == RELEASED}


def test_an_answer_with_its_receipt_leaves_at_once_and_its_policy_and_charge_stand_in_the_log(asked):
    house, project, csv, receipt = asked
    rosa = house.actor("rosa")
    output = house.airlock.submit(rosa, sent(house, project, csv, receipt).id)
    assert output.state is OutputState.RELEASED
    assert list(outside(house).values()) == [csv]
    name = output.files[0].name
    assert house.airlock.download(rosa, output.id, name)[1] == csv
    with house.kit.read() as uow:
        (event,) = [e for e in uow.find(AuditEvent) if e.event == "output:release"]
        (charge,) = uow.find(Charge)
    assert event.facts["charges"] == [charge.id]
    assert event.cites[0].startswith("private-answer@1:")
    assert not any(r.checker for r in house.airlock.reviews(rosa, output.id))


def test_nothing_that_the_author_wrote_leaves_with_it(asked):
    house, project, csv, receipt = asked
    output = sent(house, project, csv, receipt, "id-1234-had-5678")
    output = house.airlock.submit(house.actor("rosa"), output.id)
    digest = hashlib.sha256(csv).hexdigest()[:16]
    assert [k.rsplit("/", 1)[-1] for k in outside(house)] == [f"private-answer-households-{digest}.csv"]
    (shown,) = house.register.entry(project).outputs
    assert shown.title == f"Differentially private answers: {digest}"
    assert "secret" not in str(shown)


def wrong_byte(house, project, csv, receipt):
    return csv[:-2] + (b"7" if csv[-2:-1] != b"7" else b"8") + b"\n", receipt


def trailing_bytes(house, project, csv, receipt):
    return csv + b"\n", receipt


def dos_line_ends(house, project, csv, receipt):
    return csv.replace(b"\n", b"\r\n"), receipt


def forged_signature(house, project, csv, receipt):
    body = HouseSigner(b"f" * 32).signed(json.loads(receipt))
    return csv, to_bytes(body)


def forged_by_its_own_key(house, project, csv, receipt):
    forger = HouseSigner(b"f" * 32)
    return b"raw rows", to_bytes(
        forger.signed(
            {
                **json.loads(receipt),
                "signed_with": forger.public_key,
                "answer_sha256": hashlib.sha256(b"raw rows").hexdigest(),
            }
        )
    )


def other_answer_in_the_receipt(house, project, csv, receipt):
    return b"raw rows", to_bytes(
        {**json.loads(receipt), "answer_sha256": hashlib.sha256(b"raw rows").hexdigest()}
    )


def data_in_the_receipt(house, project, csv, receipt):
    return csv, to_bytes({**json.loads(receipt), "note": "raw rows"})


def spaces_in_the_receipt(house, project, csv, receipt):
    return csv, json.dumps(json.loads(receipt), indent=1).encode()


def bytes_after_the_receipt(house, project, csv, receipt):
    return csv, receipt + b" "


def no_receipt(house, project, csv, receipt):
    return csv, b""


def deep_receipt(house, project, csv, receipt):
    return csv, b"[" * 60_000


def no_ledger_row(house, project, csv, receipt):
    """Truly signed by the house, but for a charge that the ledger does not have."""
    with house.kit.read() as uow:
        (charge,), (grant,) = uow.find(Charge), uow.find(BudgetGrant)
    return csv, to_bytes(house.receipts.of(dataclasses.replace(charge, key="0" * 64), grant))


def another_project(house, project, csv, receipt):
    """The ledger has the charge, and it is another project's."""
    with house.kit.write() as uow:
        (charge,), (grant,) = uow.find(Charge), uow.find(BudgetGrant)
        other = dataclasses.replace(grant, id="g2", project="another")
        uow.add(other)
        theirs = dataclasses.replace(charge, id="c2", grant_id="g2", key="a" * 64)
        uow.add(theirs)
        uow.commit()
    return csv, to_bytes(house.receipts.of(theirs, other))


def unanswered_charge(house, project, csv, receipt):
    with house.kit.write() as uow:
        (charge,), (grant,) = uow.find(Charge), uow.find(BudgetGrant)
        signed = dataclasses.replace(charge, id="c3", key="b" * 64)
        uow.add(dataclasses.replace(signed, state=ChargeState.CHARGED, answer=None))
        uow.commit()
    return csv, to_bytes(house.receipts.of(signed, grant))


def too_cheap(house, project, csv, receipt):
    told = house.querying.query("rosa", project, {**COUNT, "epsilon": 0.0078125})
    return told["csv"].encode(), to_bytes(told["receipt"])


ATTACKS = [
    wrong_byte, trailing_bytes, dos_line_ends, forged_signature, forged_by_its_own_key, other_answer_in_the_receipt,
    data_in_the_receipt, spaces_in_the_receipt, bytes_after_the_receipt, no_receipt, deep_receipt, no_ledger_row,
    another_project, unanswered_charge, too_cheap,
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: a.__name__)
def test_whatever_is_not_the_answer_itself_goes_to_people(asked, attack):
    house, project, csv, receipt = asked
    output = sent(house, project, *attack(house, project, csv, receipt))
    assert output.files[0].charge == ""
    assert [f["rule"] for f in output.files[0].findings] == ["private-answer"]
    output = house.airlock.submit(house.actor("rosa"), output.id)
    assert output.state is OutputState.SUBMITTED
    assert outside(house) == {}


def test_the_same_answer_may_be_sent_in_again_under_another_name(asked):
    house, project, csv, receipt = asked
    for name in ("one", "two"):
        house.airlock.submit(house.actor("rosa"), sent(house, project, csv, receipt, name).id)
    assert list(outside(house).values()) == [csv, csv]


def test_two_files_of_one_answer_and_a_mixture_are_refused_with_a_sentence(asked):
    house, project, csv, receipt = asked
    one, two = (put(house, project, csv, receipt, name) for name in ("one", "two"))
    with pytest.raises(Invalid, match="named twice"):
        draft(house, project, one, two)
    other = put(house, project, b"nice,10", None, "other")
    with pytest.raises(Invalid, match="request of their own"):
        draft(house, project, one, other)
    with pytest.raises(Invalid, match="plain name"):
        draft(house, project, "one.receipt.json")
    assert outside(house) == {}


def test_a_withdrawn_one_stays_inside(asked):
    house, project, csv, receipt = asked
    rosa = house.actor("rosa")
    output = sent(house, project, csv, receipt)
    house.airlock.withdraw(rosa, output.id)
    with pytest.raises(IllegalMove):
        house.airlock.submit(rosa, output.id)
    house.airlock.releasing.finish(service("worker"), output.id)
    assert outside(house) == {}


def cleared(house, project, csv, receipt):
    """As a crash between the decision and the copies leaves it: cleared, nothing outside."""
    output = sent(house, project, csv, receipt)
    with house.kit.write() as uow:
        output = house.airlock._clear(uow, house.actor("rosa"), output)
        uow.commit()
    return output


def test_a_crash_between_clearing_and_leaving_is_finished_by_the_worker(asked):
    house, project, csv, receipt = asked
    output = cleared(house, project, csv, receipt)
    done = house.airlock.releasing.finish(service("worker"), output.id)
    assert done.state is OutputState.RELEASED
    assert house.airlock.releasing.finish(service("worker"), output.id).version == done.version
    assert list(outside(house).values()) == [csv]


@pytest.mark.parametrize("how", ["revoked", "unsigned"])
def test_what_no_longer_holds_when_it_leaves_is_given_back(asked, how):
    house, project, csv, receipt = asked
    output = cleared(house, project, csv, receipt)
    if how == "revoked":
        for entitlement in house.entitlements.of_project(project):
            house.entitlements.revoke(house.actor("stefan"), entitlement.id, "A breach of the agreement.")
    else:
        receipts = dataclasses.replace(house.receipts, signer=HouseSigner(b"n" * 32))
        house.airlock = dataclasses.replace(house.airlock, receipts=receipts)
    given = house.airlock.releasing.finish(service("worker"), output.id)
    assert (given.state, given.round) == (OutputState.DRAFT, 2)
    assert outside(house) == {}


def test_who_has_no_access_any_more_sends_nothing_in(asked):
    house, project, csv, receipt = asked
    output = sent(house, project, csv, receipt)
    for entitlement in house.entitlements.of_project(project):
        house.entitlements.revoke(house.actor("stefan"), entitlement.id, "A breach of the agreement.")
    with pytest.raises(NotFound, match="has ended"):
        house.airlock.submit(house.actor("rosa"), output.id)
    with pytest.raises(NotFound, match="has ended"):
        sent(house, project, csv, receipt)


def test_a_checker_cannot_vote_on_what_nobody_has_to_check(asked):
    house, project, csv, receipt = asked
    output = cleared(house, project, csv, receipt)
    with pytest.raises(EnclaveError):
        house.airlock.review(house.actor("chloe"), output.id, Verdict.APPROVE, "")


def test_files_taken_again_change_lanes_only_by_being_weighed_again(asked):
    house, project, csv, receipt = asked
    rosa = house.actor("rosa")
    output = sent(house, project, csv, receipt)
    (house.outputs(project) / "answer.csv").write_bytes(b"SMALL,raw rows")
    output = house.airlock.take_again(rosa, output.id, ("answer.csv",))
    with pytest.raises(Refused):
        house.airlock.submit(rosa, output.id)
    assert outside(house) == {}


# Receipts, offline


def test_a_receipt_verifies_with_the_public_key_alone(asked):
    house, _, csv, receipt = asked
    key = house.receipts.signer.public_key
    assert verify_answer(csv, receipt, key) == []
    assert len(verify_answer(csv + b" ", receipt, key)) == 1
    assert len(verify_answer(csv, receipt, HouseSigner(b"n" * 32).public_key)) == 1
    assert len(verify_answer(csv, receipt + b" ", key)) == 1
    assert verify_answer(csv, b"{}", key) == ["The receipt is not one that this product writes."]
    body = json.loads(receipt)
    for name in body:
        changed = {**body, name: "0" * 128 if name == "signature" else "another"}
        assert verify_answer(csv, to_bytes(changed), key), name


def test_a_receipt_is_the_same_to_the_byte_whenever_it_is_made(asked):
    house, project, csv, receipt = asked
    house.clock.move(days=20)
    told = house.querying.query("rosa", project, COUNT)
    assert (told["csv"].encode(), to_bytes(told["receipt"])) == (csv, receipt)
    shown = house.querying.receipt(house.actor("priya"), read_receipt(receipt)["key"], project)
    assert to_bytes(shown) == receipt


def test_a_receipt_holds_no_value_of_a_row(asked):
    _, _, csv, receipt = asked
    assert CANARY.encode() not in receipt + csv
    assert b"H1" not in receipt


def test_the_signature_is_ed25519_over_canonical_json(asked):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    house, _, _, receipt = asked
    body = json.loads(receipt)
    signature = bytes.fromhex(body.pop("signature"))
    message = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(house.receipts.signer.public_key)).verify(
        signature, message
    )


def test_the_command_verifies_files_with_a_key_and_nothing_else(asked, tmp_path, monkeypatch):
    from click.testing import CliRunner

    from enclave.cli.receipts import receipt as command

    house, _, csv, receipt = asked
    monkeypatch.setattr("enclave.cli.receipts.enclave", lambda: pytest.fail("it looked at the installation"))
    (tmp_path / "a.csv").write_bytes(csv)
    (tmp_path / "a.receipt.json").write_bytes(receipt)
    (tmp_path / "b.csv").write_bytes(csv + b"x")
    (tmp_path / "b.receipt.json").write_bytes(receipt)
    key = house.receipts.signer.public_key
    good = CliRunner().invoke(command, ["verify", str(tmp_path / "a.csv"), "--key", key])
    assert (good.exit_code, "the receipt holds" in good.output) == (0, True)
    both = CliRunner().invoke(
        command, ["verify", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--key", key]
    )
    assert both.exit_code == 1
    assert "1 of 2" in both.output


def test_only_who_may_read_the_ledger_is_shown_receipts(asked):
    house, project, _, receipt = asked
    key = read_receipt(receipt)["key"]
    for name in ("rosa", "sami", "chloe"):
        with pytest.raises(EnclaveError, match="may not"):
            house.querying.receipt(house.actor(name), key, project)
    with pytest.raises(NotFound):
        house.querying.receipt(house.actor("priya"), key, "another")


@pytest.mark.parametrize(
    ("bins", "digits"),
    [
        ([0.0, 12.5, 25.0, 37.5, 50.0, 62.5, 75.0, 87.5, 100.0], 2),  # eight equal ones: 0 and 100
        ([0.0, 33.3333333333, 66.6666666667, 100.0], 2),
        ([0.0, 30.0, 100.0], 3),
        ([0.1234567890123456, 55.5], 19),
        ([], 0),
        (None, 0),
    ],
)
def test_numbers_that_whoever_asked_chose_are_counted_by_their_digits(bins, digits):
    assert chosen_digits({"bins": bins}) == digits


def test_a_letter_written_in_the_edges_of_bins_does_not_leave_unread(tmp_path):
    """A thousand edges of sixteen digits are kilobytes of whatever somebody wants to carry out."""
    house, project = an_asking_house(tmp_path)
    house.clock.move(days=179)  # to a day on which version 2 of the policy holds
    letter = [round(i + 0.123456789 * (i % 7 + 1) / 10, 9) for i in range(100)]
    asked = {"measure": "histogram", "column": "welfare", "bins": letter, "epsilon": 0.4}
    told = house.querying.query("rosa", project, asked)
    output = sent(house, project, told["csv"].encode(), to_bytes(told["receipt"]), "letter")

    assert not output.files[0].charge
    assert "edges of bins" in str(output.files[0].findings)
    plain = house.querying.query("rosa", project, {**asked, "bins": 8})
    output = sent(house, project, plain["csv"].encode(), to_bytes(plain["receipt"]), "plain")
    assert output.files[0].charge
