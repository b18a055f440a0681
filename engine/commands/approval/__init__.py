"""Preview, approval request, re-check."""
