"""Chooses the compiled core or its plain twin, once.

The compiled one unless it is not built or `FLR_PLAIN_CORE=1`; who serves asks COMPILED and refuses the slow path
unless told to take it by name.
"""

import os

COMPILED = os.environ.get("FLR_PLAIN_CORE", "") != "1"
if COMPILED:
    try:
        from lookup._fast import index as _index
        from lookup._fast import key as _key
    except ImportError:
        COMPILED = False
if not COMPILED:
    from lookup import index as _index  # type: ignore[no-redef]
    from lookup import key as _key  # type: ignore[no-redef]

Index = _index.Index
parse = _key.parse

__all__ = ["COMPILED", "Index", "parse"]
