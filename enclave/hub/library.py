"""Our own code that runs inside sessions: a copy that everybody may read, made when the hub starts.

A copy, because the project may have been cloned for its owner's eyes only, and because a session must not
change under its feet when the project is updated. Layout: `lib/` (evaluation, enclave.client), `session/`
(the server's start and its settings).
"""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from pathlib import Path

#: What is shipped into `lib/`: package folders and single files, by their place in the source tree.
SHIPPED = ("evaluation", "enclave/__init__.py", "enclave/client")


def copy_library(to: Path) -> Path:
    """Copies what sessions load to `to`, replacing what was there; returns `to`."""
    fresh = to.with_name(f"{to.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    (fresh / "lib").mkdir(parents=True)
    for name in SHIPPED:
        package, _, rest = name.partition("/")
        with as_file(files(package)) as home:
            _copy(home / rest if rest else home, fresh / "lib" / name)
    with as_file(files("enclave.hub")) as home:
        _copy(home / "session", fresh / "session")
    for path in (fresh, *fresh.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    shutil.rmtree(to, ignore_errors=True)
    fresh.rename(to)
    return to


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
