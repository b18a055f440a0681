"""The facade of the engine: what screens, scripts and the REST API call."""
