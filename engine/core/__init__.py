"""What travels and how it runs: types, events, Run, cancellation, broadcast, target, settings, paths."""
