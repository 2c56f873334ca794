"""What `build.py` does, one module a verb or a concern.

Owns setup, freezing, measuring and checking. Never imports sidecar: everything but `smoke` and
`bundle` runs on the standard library alone, before any environment exists.
"""
