"""A running cluster over HTTP: client, credentials, informers, permissions, Prometheus."""
