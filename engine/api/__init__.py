"""The REST door: the Agent over HTTP on loopback, for programs and other tools; needs the extra `api` and stands above `agent`.

Nothing here is imported unless `k8sagent serve` runs.
"""
