"""The only way from a browser into the hub and its sessions.

It speaks configurable-http-proxy's API, so the hub drives it.

`rules` says what may pass, `cells` reads code out of kernel messages, `meter` counts what leaves, `journal`
writes to the audit log, `routes` is the table the hub keeps up to date, `proxy` and `channel` carry HTTP and
websockets, `replies` judges what comes back, `assets` has the files that come with Jupyter, `headers` says
what stays outside, `control` is how the hub's process talks to this one.
"""
