"""One module for each kind of question: informational, troubleshooting, action, pasted log, runbook draft."""
