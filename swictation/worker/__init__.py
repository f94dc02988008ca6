"""The disposable processes that hold engines, and what keeps them alive."""
