"""setup, config, completion, schema."""
