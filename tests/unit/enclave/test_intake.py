"""Copying files out of a workspace whose every name belongs to the attacker."""

from __future__ import annotations

import os
import threading

import pytest

from enclave.airlock.intake import MOST_BYTES, copy_out
from enclave.kernel.errors import Invalid


@pytest.fixture
def work(tmp_path):
    (tmp_path / "secret.txt").write_text("outside")
    work = tmp_path / "work"
    (work / "outputs").mkdir(parents=True)
    (work / "outputs" / "table.csv").write_text("a,10\n")
    (work / "outputs" / "table.sdc.json").write_text("{}")
    return work


def test_a_plain_file_comes_with_its_description(work):
    (copied,) = copy_out(work, ("table.csv",))
    assert (copied.name, copied.data, copied.sidecar) == ("table.csv", b"a,10\n", b"{}")


@pytest.mark.parametrize(
    "name",
    [
        "../secret.txt",
        "/etc/passwd",
        "outputs/../../secret.txt",
        "",
        ".hidden",
        "a\0b",
        "table.sdc.json",
        "x" * 200,
        "a\nb",
        "ü.csv",
    ],
)
def test_a_name_that_is_more_than_a_name_is_refused(work, name):
    with pytest.raises(Invalid, match=r"plain name|no such"):
        copy_out(work, (name,))


def test_links_of_every_kind_are_refused(work):
    secret = work.parent / "secret.txt"
    outputs = work / "outputs"
    (outputs / "soft.csv").symlink_to(secret)
    os.link(secret, outputs / "hard.csv")
    os.mkfifo(outputs / "pipe.csv")
    (outputs / "folder.csv").mkdir()
    for name in ("soft.csv", "hard.csv", "pipe.csv", "folder.csv"):
        with pytest.raises(Invalid, match="plain file"):
            copy_out(work, (name,))


def test_a_linked_outputs_folder_is_refused(work):
    (work / "outputs").rename(work / "elsewhere")
    (work / "outputs").symlink_to(work.parent)
    with pytest.raises(Invalid, match="plain file"):
        copy_out(work, ("secret.txt",))


def test_a_linked_description_is_not_followed(work):
    (work / "outputs" / "table.sdc.json").unlink()
    (work / "outputs" / "table.sdc.json").symlink_to(work.parent / "secret.txt")
    (copied,) = copy_out(work, ("table.csv",))
    assert copied.sidecar is None


def test_a_file_that_is_far_too_large_is_refused_without_being_read(work):
    with (work / "outputs" / "big.csv").open("wb") as big:
        big.truncate(MOST_BYTES + 1)
    with pytest.raises(Invalid):
        copy_out(work, ("big.csv",))


def test_swapping_a_file_for_a_link_while_it_is_copied_never_gives_what_lies_outside(work):
    target, secret = work / "outputs" / "table.csv", work.parent / "secret.txt"
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            link = work / "outputs" / "tmp"
            link.unlink(missing_ok=True)
            link.symlink_to(secret)
            link.rename(target)
            (work / "outputs" / "plain").write_text("a,10\n")
            (work / "outputs" / "plain").rename(target)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(2000):
            try:
                (copied,) = copy_out(work, ("table.csv",))
            except Invalid:
                continue
            assert copied.data in {b"a,10\n", b""}
    finally:
        stop.set()
        thread.join()
