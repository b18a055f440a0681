"""One module per tier: `flow(query, tools, emit)` works on the Run's thread, speaks through `emit`, and returns the outcome."""
