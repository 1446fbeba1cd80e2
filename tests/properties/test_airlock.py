"""Promise 1, by a stateful model: bytes readable outside are only bytes that two distinct, unconflicted checkers
approved in the round in which they left. Everything else is tried, in every order that hypothesis can think of."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

import pytest
from houses import a_house, a_project
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from enclave.airlock.model import OutputState, Verdict
from enclave.airlock.releasing import RELEASED
from enclave.kernel.errors import EnclaveError

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
        self.house = a_house(self.folder)
        self.project = a_project(self.house)
        #: output id to round to checker to (verdict, digests at that moment)
        self.votes: dict[str, dict[int, dict[str, tuple[Verdict, frozenset[str]]]]] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, name: str, content: bytes) -> None:
        (self.house.outputs(self.project) / name).write_bytes(content)

    @rule(
        target=outputs,
        who=st.sampled_from(EVERYBODY),
        content=st.sampled_from([b"a,10", b"b,20", b"SMALL,3"]),
    )
    def create(self, who, content):
        self._write("table.csv", content)
        try:
            output = self.house.airlock.create(
                self.house.actor(who),
                project=self.project,
                title="A table",
                context=CONTEXT,
                controls="None needed.",
                files=("table.csv",),
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
    )
    def review(self, output, who, verdict):
        before = self.house.airlock.read(self.house.actor("rosa"), output)
        try:
            self.house.airlock.review(
                self.house.actor(who), output, verdict, "A comment that is long enough."
            )
        except EnclaveError:
            return
        assert who in UNCONFLICTED, f"{who} may not check this"
        votes = self.votes.setdefault(output, {}).setdefault(before.round, {})
        assert who not in votes, "the same checker voted twice in one round"
        votes[who] = (verdict, frozenset(before.digests))

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
            _, data = self.house.airlock.download(self.house.actor(who), output, "table.csv")
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

    def _approved(self, output: str, digest: str) -> bool:
        return any(
            len([w for w, (v, digests) in votes.items() if v is Verdict.APPROVE and digest in digests]) >= 2
            for votes in self.votes.get(output, {}).values()
        )


TestAirlock = pytest.mark.slow(AirlockModel.TestCase)
TestAirlock.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
