"""`ipop`, the command: what a person types, and what the answers look like."""
