"""The same house and the same sessions as objects of Kubernetes: pods, network policies and what they stand on.

Nothing here talks to a cluster. `python -m enclave.hub.kubernetes FOLDER` writes the files of `deploy/kubernetes`;
what depends on a policy (sizes, times) is read from the policy, so that each number stands in one place.
"""
