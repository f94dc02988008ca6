"""Inside the worker process."""
