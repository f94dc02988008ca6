"""What the product costs and how right it is, measured: `python -m tests.bench --help`."""
