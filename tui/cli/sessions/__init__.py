"""interactive, sessions, audit."""
