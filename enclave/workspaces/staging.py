"""Putting exactly the entitled files where a sandbox can mount them, verified byte by byte."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from enclave.kernel.kit import Kit
from enclave.kernel.ports import Mount
from enclave.projects.model import Project
from enclave.requests.model import Entitlement

#: Where things stand inside a session.
DATA, WORKSPACE = "/data", "/workspace"


@dataclass(frozen=True, slots=True)
class Staging:
    """Directories of projects on the host.

    Args:
        root: kept on the host; `data/<project>` is read-only to the project, `work/<project>` is its shared folder.
        notebooks: the folder of ready notebooks that a new workspace starts with.
    """

    kit: Kit
    root: Path
    notebooks: Path

    def data_dir(self, project: str) -> Path:
        return self.root / "data" / project

    def work_dir(self, project: str) -> Path:
        return self.root / "work" / project

    def stage(self, project: Project, entitlements: list[Entitlement]) -> tuple[Mount, ...]:
        """Fetches what is entitled, removes what no longer is, and returns the mounts."""
        data, work = self.data_dir(project.slug), self.work_dir(project.slug)
        data.mkdir(parents=True, exist_ok=True)
        if not work.exists():
            self._first_time(project, work)
        wanted: set[Path] = set()
        for entitlement in entitlements:
            for ref in entitlement.files:
                target = data / Path(ref.key).name
                wanted.add(target)
                if not target.exists() or target.stat().st_size != ref.size:
                    self.kit.objects.fetch(ref, target)
        for leftover in set(data.iterdir()) - wanted:
            leftover.unlink()
        # The data folder is ours alone: nobody inside a session can write to it or rename in it.
        for path in (data, *data.iterdir()):
            _give(path, project.gid, 0o2750 if path.is_dir() else 0o440)
        return (Mount(data, DATA), Mount(work, WORKSPACE, writable=True))

    def clear(self, project: Project) -> bool:
        """Removes what was staged for a project; its own files stay. False when there was nothing."""
        data = self.data_dir(project.slug)
        there = data.exists() and any(data.iterdir())
        shutil.rmtree(data, ignore_errors=True)
        return there

    def _first_time(self, project: Project, work: Path) -> None:
        """Makes the shared folder whole under another name, and only then lets anybody in.

        Afterwards nothing in it is touched by the host: its members could swap a name for a link while root follows
        it (CWE-367). New files take the project's group from the folder's set-group-id bit.
        """
        fresh = work.with_name(f".{work.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        for folder in (fresh, fresh / "outputs", fresh / "notebooks"):
            folder.mkdir(parents=True)
        for notebook in sorted(self.notebooks.glob("*.ipynb")):
            shutil.copyfile(notebook, fresh / "notebooks" / notebook.name)
        for path in (fresh, *fresh.rglob("*")):
            _give(path, project.gid, 0o2770 if path.is_dir() else 0o660)
        fresh.rename(work)


def _give(path: Path, gid: int, mode: int) -> None:
    """To the project's group; only root can, and only root needs to."""
    if os.geteuid() == 0:
        os.chown(path, 0, gid, follow_symlinks=False)
        path.chmod(mode)


def about(entitlement: Entitlement, sha256: str, columns: list[str]) -> bytes:
    """What a researcher finds beside a table: what it is, and until when."""
    body = {
        "dataset": entitlement.dataset,
        "tier": entitlement.tier.value,
        "project": entitlement.project,
        "variables": columns,
        "areas": list(entitlement.areas),
        "rows": entitlement.rows,
        "sha256": sha256,
        "expires": entitlement.ends.isoformat(),
    }
    return json.dumps(body, indent=2, ensure_ascii=False).encode()
