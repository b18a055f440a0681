"""check, host check, health."""
