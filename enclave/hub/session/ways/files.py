"""Files of the host: by their own names, by links made inside, and what must not be written."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

_READ_ONLY = ("/usr", "/etc", "/opt/enclave/runtime", "/opt/enclave/session", "/opt/enclave/packages", "/")
#: Kernel settings and reports that reach beyond the session.
_KERNEL = (
    "/proc/sys/kernel/core_pattern",
    "/proc/sysrq-trigger",
    "/proc/sys/kernel/hostname",
    "/proc/sys/vm/drop_caches",
)
_WORK = Path("/workspace")


def ways(outside: dict[str, Any]) -> Iterator[tuple[str, Callable[[], str]]]:
    for path in outside.get("paths", []):
        yield f"path {path}", partial(_find, path)
        yield f"link to {path}", partial(_through_a_link, path)
    for folder in (*outside.get("read_only", []), *_READ_ONLY):
        yield f"write to {folder}", partial(_write, folder)
        yield f"hard link from {folder}", partial(_hard_link, folder)
    for path in _KERNEL:
        yield f"write to {path}", partial(_append, path)
    yield "kernel memory", partial(_open, "/proc/kcore")
    yield "files of process 1", partial(_find, "/proc/1/root/etc/shadow")


def _find(path: str) -> str:
    return str(Path(path).stat())


def _through_a_link(path: str) -> str:
    """A link that the session makes leads no further than the session sees."""
    link = _WORK / ".canary-link"
    link.symlink_to(path)
    try:
        return str(link.stat())
    finally:
        link.unlink()


def _hard_link(folder: str) -> str:
    """A second name, where the session may write, for a file that it may not change."""
    found = next((p for p in Path(folder).iterdir() if p.is_file() and not p.is_symlink()), None)
    if found is None:
        raise OSError(errno.ENOENT, "nothing to link to")
    link = _WORK / ".canary-hard-link"
    os.link(found, link)
    link.unlink()
    return "linked"


def _write(folder: str) -> str:
    path = Path(folder) / "canary"
    path.write_text("canary")
    path.unlink()
    return "written"


def _append(path: str) -> str:
    with Path(path).open("a"):
        return "opened for writing"


def _open(path: str) -> str:
    with Path(path).open("rb"):
        return "opened"
