"""The full-screen session: a thin App and what it composes."""
