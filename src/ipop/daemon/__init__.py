"""`ipopd`: the one loop, and what it holds."""
