"""What the screen knows, without widgets."""
