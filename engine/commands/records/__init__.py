"""The audit chain and the undo store, and both as one session sees them."""
