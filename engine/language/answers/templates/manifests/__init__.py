"""Manifests, filled from what a request says and from the facts of the cluster: real labels, ports, classes."""
