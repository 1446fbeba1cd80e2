"""Copying files out of a workspace without being led astray by it.

The researcher owns every name in the workspace and may change it while we read. So each step of the path is opened
relative to the last one without following links, the bytes are copied first, and only the copy is hashed and checked
(CWE-59, CWE-367).
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from enclave.kernel.errors import Invalid

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}")
#: More is not an output; the policy's own limit is lower and is weighed on the copy.
MOST_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Copied:
    name: str
    data: bytes
    sidecar: bytes | None
    receipt: bytes | None = None


def copy_out(work: Path, names: tuple[str, ...]) -> list[Copied]:
    """The bytes of `outputs/<name>` and of what lies beside it, as they were at one moment.

    Beside it: its description `outputs/<stem>.sdc.json` and its receipt `outputs/<stem>.receipt.json`.

    Raises:
        Invalid: one sentence for each name that cannot be taken.
    """
    problems: list[str] = []
    copied: list[Copied] = []
    if not names:
        raise Invalid(["Name at least one file of the workspace's outputs folder."])
    for position, name in enumerate(dict.fromkeys(names), 1):
        if not _NAME.fullmatch(name) or name.endswith((".sdc.json", ".receipt.json")):
            problems.append(
                f"File {position}: give the plain name of a file in the workspace's outputs folder: letters, digits, "
                "spaces, dots, hyphens and underscores."
            )
            continue
        data = _read(work, ("outputs", name))
        if data is None:
            problems.append(
                f"File {position}: there is no such plain file in the workspace's outputs folder."
            )
        else:
            beside = (
                _read(work, ("outputs", f"{Path(name).stem}.{kind}.json")) for kind in ("sdc", "receipt")
            )
            copied.append(Copied(name, data, *beside))
    if problems:
        raise Invalid(problems)
    return copied


def must_be_complete(title: str, context: str, controls: str) -> None:
    """Raises Invalid, by field, for an output request that does not say enough to be checked."""
    fields = {}
    if len(title.strip()) < 5:
        fields["title"] = "Give the output a title."
    if len(context.strip()) < 30:
        fields["context"] = (
            "Say what each file shows, of whom, and what it will be used for (30 characters or more)."
        )
    if len(controls.strip()) < 5:
        fields["controls"] = "Say which disclosure controls you applied, or that none was needed and why."
    if fields:
        raise Invalid(list(fields.values()), fields)


def _read(root: Path, parts: tuple[str, ...]) -> bytes | None:
    """A regular file's bytes, or None; never follows a link, never opens a device or a pipe, never waits."""
    if not root.is_dir():
        return None
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            os.close(folder)
            folder = inner
        file = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    finally:
        os.close(folder)
    about = os.fstat(file)
    # A hard link is another name for a file that may stand elsewhere: only the workspace's own files go out.
    if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1 or about.st_size > MOST_BYTES:
        os.close(file)
        return None
    with os.fdopen(file, "rb") as stream:
        data = stream.read(MOST_BYTES + 1)
    return data if len(data) <= MOST_BYTES else None
