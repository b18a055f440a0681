"""Objects as rows of a screen."""
