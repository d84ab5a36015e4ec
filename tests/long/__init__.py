"""Suites at full size (`make long`). Each runs at small size in `make test`, by the same code."""
