"""Admission, RBAC, webhooks, API extensions, namespaces, certificates."""
