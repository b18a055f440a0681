"""Header, title, keys, filter."""
