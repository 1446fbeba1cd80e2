"""`python -m enclave.hub.kubernetes FOLDER`: writes the files of `deploy/kubernetes` anew."""

from __future__ import annotations

import sys
from pathlib import Path

from enclave.hub.kubernetes.files import files
from policies import PolicyBook


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("Say where to write: python -m enclave.hub.kubernetes deploy/kubernetes")
    for name, text in files(PolicyBook.packaged()).items():
        path = Path(sys.argv[1]) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
