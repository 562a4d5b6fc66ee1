# Nothing is downloaded: the Python packages are those that the tests use (pyproject.toml), see python3-package.mk.
