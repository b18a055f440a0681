"""Log lines: parsing, patterns, and the object behind a message."""
