"""The compiled core: one twin for each plain file of the same name in `lookup`, which is its specification.

A twin is handed plain memory and plain values; it knows nothing of settings, logs, metrics or HTTP frameworks.
`lookup.core` chooses between plain and compiled, once. Built by setup.py; LOOKUP_BUILD says how.
"""
