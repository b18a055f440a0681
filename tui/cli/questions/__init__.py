"""troubleshoot; intent, policy, redact."""
