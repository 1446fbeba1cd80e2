"""Promise 1, by a stateful model: bytes readable outside are only bytes that two distinct, unconflicted checkers
approved in the round in which they left, or a private answer that the project paid for. Everything else is tried, in
every order that hypothesis can think of."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import pytest
from askings import COUNT, an_asking_house
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from enclave.airlock.model import OutputState, Verdict
from enclave.airlock.releasing import RELEASED
from enclave.budget.model import Charge
from enclave.budget.receipts import to_bytes
from enclave.kernel.actors import service
from enclave.kernel.errors import EnclaveError
from enclave.kernel.signing import HouseSigner

CONTEXT = "Counts of households by region, for the report on who is reached and who is missed."
EVERYBODY = ["rosa", "emil", "stefan", "priya", "chloe", "chidi", "uma", "nils", "olga", "sami", "pia"]
CHECKERS = ["chloe", "chidi", "uma"]
#: uma works for rosa's organisation, so her vote must never count.
UNCONFLICTED = {"chloe", "chidi"}


class AirlockModel(RuleBasedStateMachine):
    """What the world outside can read, against what was approved."""

    outputs = Bundle("outputs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.house, self.project = an_asking_house(self.folder, epsilon=3.0)
        #: what the project was answered: (file, receipt)
        self.answers: list[tuple[bytes, bytes]] = []
        #: output id to round to checker to the digests that they approved at that moment
        self.votes: dict[str, dict[int, dict[str, frozenset[str]]]] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, name: str, content: bytes) -> None:
        (self.house.outputs(self.project) / name).write_bytes(content)

    @rule(epsilon=st.sampled_from([0.0078125, 0.5]))
    def ask(self, epsilon):
        try:
            told = self.house.querying.query("rosa", self.project, {**COUNT, "epsilon": epsilon})
        except EnclaveError:
            return
        self.answers.append((told["csv"].encode(), to_bytes(told["receipt"])))

    @rule(
        target=outputs,
        which=st.integers(0, 9),
        how=st.sampled_from(
            ["", "", "", "", "", "", "byte", "receipt", "forged", "swapped", "added", "mixed"]
        ),
        again=st.one_of(st.none(), st.none(), outputs),
        at_once=st.booleans(),
    )
    def send_an_answer(self, which, how, again, at_once):
        """With its receipt, as it is or changed in one of the ways that somebody would try."""
        if not self.answers:
            return multiple()
        csv, receipt = self.answers[which % len(self.answers)]
        if how == "byte":
            csv = csv + b"SMALL" if which % 2 else csv[:-1]
        elif how == "receipt":
            receipt = receipt.replace(b"household", b"person")
        elif how == "forged":
            csv = b"SMALL,raw rows"
            body = {**json.loads(receipt), "answer_sha256": hashlib.sha256(csv).hexdigest()}
            receipt = to_bytes(HouseSigner(b"f" * 32).signed(body))
        elif how == "swapped":
            csv = self.answers[(which + 1) % len(self.answers)][0]
        elif how == "added":
            receipt = receipt + b"raw rows"
        self._write("answer.csv", csv)
        self._write("answer.receipt.json", receipt)
        self._write("table.csv", b"a,10")
        names = ("answer.csv", "table.csv") if how == "mixed" else ("answer.csv",)
        rosa = self.house.actor("rosa")
        try:
            if again is not None:
                self.house.airlock.take_again(rosa, again, names)
                return multiple()
            output = self.house.airlock.create(
                rosa,
                project=self.project,
                title="An answer",
                context=CONTEXT,
                controls="None needed.",
                files=names,
            )
            if at_once:
                self.house.airlock.submit(rosa, output.id)
        except EnclaveError:
            return multiple()
        return output.id

    @rule(output=outputs)
    def the_worker_finishes(self, output):
        try:
            self.house.airlock.releasing.finish(service("worker"), output)
        except EnclaveError:
            return

    @rule(
        target=outputs,
        who=st.sampled_from(EVERYBODY),
        content=st.sampled_from([b"a,10", b"b,20", b"SMALL,3"]),
        second=st.sampled_from([b"", b"", b"x,10", b"y,20"]),
        partial=st.booleans(),
    )
    def create(self, who, content, second, partial):
        self._write("table.csv", content)
        self._write("second.csv", second)
        try:
            output = self.house.airlock.create(
                self.house.actor(who),
                project=self.project,
                title="A table",
                context=CONTEXT,
                controls="None needed.",
                files=("table.csv", "second.csv") if second else ("table.csv",),
                partial=partial,
            )
        except EnclaveError:
            assert who != "rosa"
            return multiple()
        return output.id

    @rule(
        output=outputs,
        who=st.sampled_from(EVERYBODY),
        content=st.sampled_from([b"a,10", b"c,30", b"SMALL,4"]),
    )
    def take_again(self, output, who, content):
        self._write("table.csv", content)
        try:
            self.house.airlock.take_again(self.house.actor(who), output, ("table.csv",))
        except EnclaveError:
            return

    @rule(output=outputs, who=st.sampled_from(EVERYBODY))
    def submit(self, output, who):
        try:
            moved = self.house.airlock.submit(self.house.actor(who), output)
        except EnclaveError:
            return
        assert who == "rosa"
        assert all(file.passed for file in moved.files), "a file that the policy denies reached the checkers"

    @rule(
        output=outputs,
        who=st.sampled_from([*CHECKERS, *CHECKERS, *EVERYBODY]),
        verdict=st.sampled_from([*Verdict, Verdict.APPROVE]),
        second=st.sampled_from([None, None, *Verdict]),
    )
    def review(self, output, who, verdict, second):
        """On all files alike, or another verdict on each file but the first."""
        before = self.house.airlock.read(self.house.actor("rosa"), output)
        given = {f.name: second or verdict for f in before.files} | {before.files[0].name: verdict}
        try:
            self.house.airlock.review(
                self.house.actor(who),
                output,
                verdict,
                "A comment that is long enough.",
                files=given if second else None,
            )
        except EnclaveError:
            return
        assert who in UNCONFLICTED, f"{who} may not check this"
        votes = self.votes.setdefault(output, {}).setdefault(before.round, {})
        assert who not in votes, "the same checker voted twice in one round"
        votes[who] = frozenset(f.sha256 for f in before.files if given[f.name] is Verdict.APPROVE)

    @rule(output=outputs, who=st.sampled_from(EVERYBODY))
    def withdraw(self, output, who):
        try:
            self.house.airlock.withdraw(self.house.actor(who), output)
        except EnclaveError:
            return
        assert who == "rosa"

    @rule(output=outputs, who=st.sampled_from(EVERYBODY))
    def download(self, output, who):
        try:
            name = self.house.airlock.read(self.house.actor("rosa"), output).files[0].name
            _, data = self.house.airlock.download(self.house.actor(who), output, name)
        except EnclaveError:
            return
        assert who == "rosa"
        assert self._approved(output, hashlib.sha256(data).hexdigest())

    @rule(output=outputs, who=st.sampled_from(CHECKERS))
    def look_at_votes(self, output, who):
        try:
            seen = self.house.airlock.reviews(self.house.actor(who), output)
        except EnclaveError:
            return
        state = self.house.airlock.read(self.house.actor("rosa"), output)
        if state.state in {OutputState.SUBMITTED, OutputState.HALF_REVIEWED}:
            others = [r for r in seen if r.round == state.round and r.checker != who]
            assert not others, "a checker saw the other's verdict before giving their own"

    @invariant()
    def only_approved_bytes_are_outside(self):
        for (bucket, key, _), data in self.house.objects.blobs.items():
            if bucket == RELEASED:
                assert self._approved(key.split("/")[1], hashlib.sha256(data).hexdigest())

    @invariant()
    def the_ledger_covers_every_answer(self):
        balance = self.house.budgets.balance("households", self.project)
        assert balance.left >= 0
        with self.house.kit.read() as uow:
            kept = {str(c.answer["csv"]).encode() for c in uow.find(Charge) if c.answer}
        assert {csv for csv, _ in self.answers} <= kept

    def _approved(self, output: str, digest: str) -> bool:
        """By two checkers, or because it is an answer that was paid for and dear enough to leave unread."""
        if digest in {hashlib.sha256(csv).hexdigest() for csv, receipt in self.answers if dear(receipt)}:
            return True
        return any(
            len([w for w, digests in votes.items() if digest in digests]) >= 2
            for votes in self.votes.get(output, {}).values()
        )


def dear(receipt: bytes) -> bool:
    return json.loads(receipt)["loss"]["epsilon"] >= 0.01


TestAirlock = pytest.mark.slow(AirlockModel.TestCase)
TestAirlock.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
