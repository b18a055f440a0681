"""Names in a person's words, linked to what is in the cluster."""
