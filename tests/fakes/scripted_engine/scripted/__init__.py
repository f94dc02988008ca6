"""An engine for tests that answers from a manifest by sample range and misbehaves on order.

"Installed" by its `*.dist-info` beside it: a test puts the folder on PYTHONPATH, so that the
program finds it by the real entry-point mechanism, in the daemon and in the worker.
"""
