"""`python -m enclave.cli`: the same as `enclave`."""

from enclave.cli import main

main()
