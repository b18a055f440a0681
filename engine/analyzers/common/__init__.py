"""The view of a cluster, citations, confidence, and look-ups that several analyzers need."""
