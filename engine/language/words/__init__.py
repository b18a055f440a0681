"""Words that are no names, and the patterns that tell what is wanted."""
