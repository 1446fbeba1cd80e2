"""Keys in custody: one a scope, apart from the data, gone for good when they are destroyed."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import stat
from pathlib import Path

import pandas as pd
import pytest

from anonymization.custody import FileCustody, KeyDamaged, KeyDestroyed
from anonymization.errors import AnonymizationError
from anonymization.keys import KeyRing

MASTER = b"a master key of the tests, 32 by"
IDS = pd.Series([f"H{i}" for i in range(200)])
SCOPE = "project:p1-reach"


@pytest.fixture
def custody(tmp_path):
    return FileCustody(tmp_path / "keys", MASTER)


def tokens(ring: KeyRing, scope: str = SCOPE) -> list[str]:
    return ring.tokens(scope, "household", IDS).tolist()


def gone(custody: FileCustody, scope: str = SCOPE, **more: object) -> bool:
    return custody.destroy(scope, by="priya", reason="The project is closed.", **more)


def test_a_scope_keeps_its_key_and_shares_it_with_no_other_scope(custody):
    first = tokens(custody.open(SCOPE))
    assert tokens(FileCustody(custody.directory, MASTER).open(SCOPE)) == first
    other = tokens(custody.open("project:p2"), "project:p2")
    assert not set(first) & set(other)


def test_a_scopes_ring_makes_no_pseudonyms_of_another_scope(custody):
    with pytest.raises(AnonymizationError, match="Open the keys of project:p2"):
        custody.open(SCOPE).token("project:p2", "household", "H1")
    assert pickle.loads(pickle.dumps(custody.open(SCOPE))) == custody.open(SCOPE)


def test_nothing_of_a_scopes_key_derives_from_the_master(custody, tmp_path):
    elsewhere = FileCustody(tmp_path / "other", MASTER)
    assert tokens(custody.open(SCOPE)) != tokens(elsewhere.open(SCOPE))
    assert tokens(custody.open(SCOPE)) != tokens(KeyRing(MASTER))


def test_files_are_for_their_owner_alone_and_hold_no_key_in_the_clear(custody):
    ring = custody.open(SCOPE)
    assert stat.S_IMODE(custody.directory.stat().st_mode) == 0o700
    for path in custody.directory.rglob("*"):
        assert not path.stat().st_mode & 0o077
        if path.is_file():
            assert ring.master not in path.read_bytes()
            assert ring.master.hex() not in path.read_text()
    assert str(ring.master) not in repr(ring)


def test_a_directory_that_others_may_enter_is_refused(custody):
    custody.open(SCOPE)
    custody.directory.chmod(0o750)
    with pytest.raises(AnonymizationError, match="chmod 700"):
        custody.open(SCOPE)


def test_a_rotation_gives_new_pseudonyms_and_the_old_ones_can_still_be_read(custody):
    before = custody.open(SCOPE)
    old = tokens(before)
    assert custody.rotate(SCOPE) == 2
    new = tokens(custody.open(SCOPE))
    assert not set(new) & set(old)
    assert tokens(custody.open(SCOPE, 1)) == old
    assert tokens(before) == old  # a run that had begun stays with its version
    assert [(s.version, s.state) for s in custody.states()] == [(1, "kept"), (2, "current")]


def test_after_destruction_not_even_the_master_can_make_the_pseudonyms_again(custody):
    custody.open(SCOPE)
    custody.rotate(SCOPE)
    ring = custody.open(SCOPE)
    linked = set(tokens(ring)) | set(tokens(custody.open(SCOPE, 1)))
    assert gone(custody)
    for again in (custody, FileCustody(custody.directory, MASTER)):
        for version in (None, 1, 2):
            with pytest.raises(KeyDestroyed, match=r"project:p1-reach was destroyed.*new project"):
                again.open(SCOPE, version)
    assert not list(custody.directory.rglob("*.key"))
    # Everything that an attacker has left: the master, and every byte of the directory.
    for path in custody.directory.rglob("*"):
        assert not path.is_file() or ring.master not in path.read_bytes()
    for secret in (MASTER, *(p.read_bytes().ljust(16) for p in custody.directory.rglob("*.gone"))):
        for version in (1, 2):
            assert not linked & set(tokens(KeyRing(secret, version)))
    told = custody.states()
    assert {(s.state, s.by, s.reason) for s in told} == {("destroyed", "priya", "The project is closed.")}
    with pytest.raises(KeyDestroyed):
        custody.rotate(SCOPE)
    assert not gone(custody)


def test_a_scope_that_was_destroyed_before_it_had_a_key_gets_none(custody):
    gone(custody)
    with pytest.raises(KeyDestroyed):
        custody.open(SCOPE)


def test_an_old_version_can_go_alone_and_the_one_in_use_cannot(custody):
    custody.open(SCOPE)
    with pytest.raises(AnonymizationError, match="Rotate it first"):
        gone(custody, version=1)
    custody.rotate(SCOPE)
    new = tokens(custody.open(SCOPE))
    gone(custody, version=1)
    with pytest.raises(KeyDestroyed, match="Version 1"):
        custody.open(SCOPE, 1)
    assert tokens(custody.open(SCOPE)) == new
    assert custody.rotate(SCOPE) == 3


def test_a_key_file_that_came_back_from_a_backup_is_refused_and_removed(custody, tmp_path):
    custody.open(SCOPE)
    (file,) = custody.directory.rglob("*.key")
    shutil.copy(file, tmp_path / "backup")
    gone(custody)
    shutil.copy(tmp_path / "backup", file)
    with pytest.raises(KeyDestroyed):
        custody.open(SCOPE)
    custody.open("project:another")
    assert not file.exists()


def test_a_key_file_that_was_moved_changed_or_wrapped_elsewhere_does_not_open(custody):
    custody.open(SCOPE)
    custody.rotate(SCOPE)
    one, two = sorted(custody.directory.rglob("*.key"))
    shutil.copy(one, two)
    with pytest.raises(KeyDamaged, match="was changed"):
        custody.open(SCOPE)
    told = json.loads(one.read_text())
    one.write_text(json.dumps({**told, "wrapped": told["wrapped"][::-1]}))
    with pytest.raises(KeyDamaged):
        custody.open(SCOPE, 1)
    custody.open("project:p2")
    with pytest.raises(KeyDamaged, match="MASTER_KEY"):
        FileCustody(custody.directory, b"another master of the tests").open("project:p2")


@pytest.mark.parametrize("scope", ["../../etc", ".", "a/b", "projekt:ü", "dataset:x.y"])
def test_no_scope_leaves_the_directory(custody, scope):
    custody.open(scope)
    assert [s.scope for s in custody.states()] == [scope]
    (file,) = custody.directory.rglob("*.key")
    assert file.resolve().parent.parent == custody.directory.resolve()


def test_processes_that_ask_for_a_new_scope_at_once_get_one_key(custody):
    asking, answers = os.pipe(), os.pipe()
    children = []
    for _ in range(8):
        if (child := os.fork()) == 0:
            os.close(asking[1])
            os.read(asking[0], 1)  # all wait for the same instant
            os.write(answers[1], custody.open(SCOPE).master)
            os._exit(0)
        children.append(child)
    os.close(asking[1])
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    got = os.read(answers[0], 32 * 8 + 1)
    assert len(got) == 32 * 8
    assert {got[i : i + 32] for i in range(0, len(got), 32)} == {custody.open(SCOPE).master}


def killed_at(step: int, act) -> bool:
    """Runs `act` in a process that is killed at its `step`-th change to the disk; False when it ended before."""
    if (child := os.fork()) == 0:
        count = 0

        def deadly(original):
            def call(*args, **kwargs):
                nonlocal count
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return original(*args, **kwargs)

            return call

        for owner, name in (
            (os, "fsync"),
            (os, "open"),
            (Path, "replace"),
            (Path, "unlink"),
            (Path, "mkdir"),
        ):
            setattr(owner, name, deadly(getattr(owner, name)))
        act()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def sweep_of_kills(act, check, prepare) -> int:
    step = 1
    while True:
        prepare()
        if not killed_at(step, act):
            return step
        check()
        step += 1


def test_a_kill_at_any_step_of_a_rotation_loses_no_key(custody):
    custody.open(SCOPE)
    held: dict[int, bytes] = {}

    def prepare():
        held.clear()
        held.update({s.version: custody.open(SCOPE, s.version).master for s in custody.states()})

    def check():
        again = FileCustody(custody.directory, MASTER)
        assert {v: again.open(SCOPE, v).master for v in held} == held
        assert again.open(SCOPE).version in (max(held), max(held) + 1)

    assert sweep_of_kills(lambda: custody.rotate(SCOPE), check, prepare) > 4


def test_a_kill_at_any_step_of_making_a_key_leaves_a_whole_one_or_none(custody):
    def check():
        ring = custody.open(SCOPE)
        assert custody.open(SCOPE) == ring
        assert not [p for p in custody.directory.rglob(".*.part") if p.stat().st_mode & 0o077]

    def prepare():
        shutil.rmtree(custody.directory, ignore_errors=True)

    assert sweep_of_kills(lambda: custody.open(SCOPE), check, prepare) > 6


def test_a_kill_at_any_step_of_a_destruction_leaves_the_key_usable_or_refused_and_doing_it_again_ends_it(
    custody,
):
    held: list[str] = []

    def prepare():
        shutil.rmtree(custody.directory, ignore_errors=True)
        held[:] = tokens(custody.open(SCOPE))

    def check():
        if custody.destroyed(SCOPE):
            with pytest.raises(KeyDestroyed):
                custody.open(SCOPE)
        else:
            assert tokens(custody.open(SCOPE)) == held
        gone(custody)
        assert not list(custody.directory.rglob("*.key"))
        assert not list(custody.directory.rglob(".*.part"))

    assert sweep_of_kills(lambda: gone(custody), check, prepare) > 4


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_damaged_file_is_listed_as_damaged_and_hides_no_other(tmp_path, content):
    custody = FileCustody(tmp_path / "keys", b"m" * 32)
    custody.open("one")
    custody.open("two")
    custody.destroy("three", by="her", reason="it ended")
    (tmp_path / "keys" / "one" / "v0001.key").write_bytes(content)
    (tmp_path / "keys" / "three" / "all.gone").write_bytes(content)
    assert [(s.scope, s.state) for s in custody.states()] == [
        ("one", "damaged"),
        ("three", "destroyed"),
        ("two", "current"),
    ]
    with pytest.raises(KeyDamaged):
        custody.open("one")
    with pytest.raises(KeyDestroyed):
        custody.open("three")


def test_a_copy_beside_a_key_is_not_taken_for_a_version(tmp_path):
    custody = FileCustody(tmp_path / "keys", b"m" * 32)
    before = custody.open("one").token("one", "household", 1)
    copy = tmp_path / "keys" / "one" / "v-backup.key"
    shutil.copy(tmp_path / "keys" / "one" / "v0001.key", copy)
    assert custody.open("one").token("one", "household", 1) == before
    assert len(custody.states()) == 1
    custody.destroy("one", by="her", reason="it ended")
    assert not copy.exists(), "it would still open under the master key"


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_key_that_is_a_link_to_elsewhere_is_refused(tmp_path, what):
    custody = FileCustody(tmp_path / "keys", b"m" * 32)
    custody.open("one")
    inside = tmp_path / "keys" / "one" if what == "folder" else tmp_path / "keys" / "one" / "v0001.key"
    inside.rename(tmp_path / "elsewhere")
    inside.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AnonymizationError, match="link to somewhere else"):
        custody.open("one")
