"""Guards each unit of work in the worker. Any program can use it."""
