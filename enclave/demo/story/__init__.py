"""The story that `make demo` tells: one file a step, each a stranger to the house that only knocks on its doors.

The steps talk to the portal's API, the hub's sign-in and a session's kernel over HTTP, as people's programs do. They
call no use case of the enclave themselves.
"""
