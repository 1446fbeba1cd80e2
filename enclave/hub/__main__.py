"""`python -m enclave.hub`: JupyterHub with our configuration."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from jupyterhub.app import JupyterHub

from enclave.hub.preflight import preflight


def main() -> None:
    for sentence in preflight().sentences:
        sys.stderr.write(f"{sentence}\n")
    os.umask(0o077)
    JupyterHub.launch_instance(["--config", str(Path(__file__).with_name("jupyterhub_config.py"))])


if __name__ == "__main__":
    main()
