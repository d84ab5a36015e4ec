"""What is measured at full size: `make long`. Each suite runs at small size in `make test`, by the same code."""
