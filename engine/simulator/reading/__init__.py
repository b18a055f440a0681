"""GET requests: objects, logs, schemas, selectors, access reviews."""
