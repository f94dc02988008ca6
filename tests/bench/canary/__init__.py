"""Canary's figures: each module has `run(context)`, and is asked for by `canary.ITS_NAME`.

They need NeMo, some minutes and 16 GB of disk. What is measured is measured in a process of its
own, with the environment of a worker. Models have the real shape and made-up weights, for the real
ones cannot be had; their folder is thrown away, unless `$SWICTATION_BENCH_MODELS` names one to
keep.
"""
