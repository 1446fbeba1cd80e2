"""The sealed workspace: JupyterHub, its spawner on bubblewrap, and the gateway that stands in front of both.

`launch` puts one session into its sandbox, `sandbox` describes that sandbox, `spawner` is what the hub calls,
`facade` is the little that a session sees of the hub, `gateway` is the only way in from a browser, `client`
is how the portal opens and ends sessions, `preflight` says whether this machine can hold sessions at all.
What is mounted into a session lies in `session`.
"""
