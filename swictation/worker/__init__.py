"""The disposable process that holds an engine, and what keeps one alive."""
