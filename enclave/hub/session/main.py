"""The first process of a session: the notebook server, listening on a socket that it was handed.

The hub made the socket and passes the open descriptor in; the session never sees its path, so it can neither
replace it nor listen in its place. The server also makes itself unreadable to its kernels, which run as the
same user.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

_PR_SET_DUMPABLE = 4


def main() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    listener = socket.socket(fileno=int(os.environ.pop("ENCLAVE_LISTEN_FD")))
    listener.setblocking(False)
    listener.set_inheritable(False)

    _warm_fonts()

    from jupyter_server import serverapp  # noqa: PLC0415 - only after the lines above

    def handed(*_: Any, **__: Any) -> socket.socket:
        return listener

    serverapp.bind_unix_socket = handed
    # Else it would also list kernels that somebody wrote into their home.
    kernels = [f"{sys.prefix}/share/jupyter/kernels"]
    serverapp.KernelSpecManager._kernel_dirs_default = lambda _: kernels  # noqa: SLF001 - there is no setting
    sys.argv = ["jupyterhub-singleuser", "--ServerApp.sock=/run/enclave/in.sock"]
    from jupyterhub.singleuser import main as serve  # noqa: PLC0415

    serve()


def _warm_fonts() -> None:
    """Hands matplotlib the list of fonts that was made with the runtime; looking takes it seconds."""
    made = Path(sys.prefix) / "share" / "enclave" / "matplotlib"
    if made.is_dir():
        shutil.copytree(made, Path.home() / ".cache" / "matplotlib", dirs_exist_ok=True)


if __name__ == "__main__":
    main()
