"""Claims, volumes, mounts."""
