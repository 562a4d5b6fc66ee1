"""The configuration: its syntax, its meaning, and how the daemon reads it."""
