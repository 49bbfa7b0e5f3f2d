"""The commands, one a file; each file calls its own `command`."""
