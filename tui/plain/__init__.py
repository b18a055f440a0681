"""The session line by line, and questions on a line terminal."""
