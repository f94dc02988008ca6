"""In the worker, round each unit of work. Any program can use it."""
