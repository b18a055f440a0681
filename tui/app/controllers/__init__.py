"""What the session can do: controllers that are given the session, one a subject."""
