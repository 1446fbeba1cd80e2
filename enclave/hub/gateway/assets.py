"""Files that come with Jupyter: read from the session runtime on this machine, never asked of a session.

A session's server runs as its researcher and looks for such files in the researcher's own folders first; what it
answers to `/static/…` may be any file that a cell wrote. The runtime is read only inside and belongs to us.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_SERVER = "lib/python3*/site-packages/jupyter_server/static"

#: Prefix of the path below a session -> where that stands in the runtime; the first that fits.
_PLACES = (
    (re.compile(r"/static/lab/(.+)"), "share/jupyter/lab/static"),
    (re.compile(r"/static/(.+)"), _SERVER),
    (re.compile(r"/(favicon\.ico)"), _SERVER),
    (re.compile(r"/lab/extensions/(.+)"), "share/jupyter/labextensions"),
    (re.compile(r"/lab/api/themes/(.+)"), "share/jupyter/lab/themes"),
    (re.compile(r"/kernelspecs/([^/]+/logo-[\w-]+\.(?:png|svg))"), "share/jupyter/kernels"),
)


@dataclass(frozen=True, slots=True)
class Assets:
    """The runtime as a shelf of files.

    Args:
        runtime: the Python environment that is mounted into sessions.
    """

    runtime: Path

    def find(self, path: str) -> Path | None:
        """The file for a path below a session (decoded, plain); None when the runtime has none.

        After an update, sessions that are open still show pages of the runtime before it, which is kept beside it.
        """
        found = next(((m[1], place) for pattern, place in _PLACES if (m := pattern.fullmatch(path))), None)
        if found is None:
            return None
        name, place = found
        for runtime in (self.runtime, self.runtime.with_name(f"{self.runtime.name}.old")):
            for root in runtime.glob(place):
                file, inside = (root / name).resolve(), root.resolve()
                if file.is_relative_to(inside) and file.is_file():
                    return file
        return None
