"""What is between a model and everything else: redaction before, grounding and the output guard after."""
