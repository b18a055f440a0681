"""The REST API: the Agent over HTTP on loopback, for programs and other tools; needs the extra `api` and is above `agent`.

Nothing here is imported unless `k8sagent serve` runs.
"""
