"""Every action once: keys, palette, command bar."""
