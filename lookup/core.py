"""Chooses the compiled core or its plain twin, once.

The compiled one unless it is not built or `FLR_PLAIN_CORE=1`; who serves asks COMPILED and refuses the slow path
unless told to take it by name.
"""

import os

COMPILED = os.environ.get("FLR_PLAIN_CORE", "") != "1"
if COMPILED:
    try:
        from lookup._fast import chain as _chain
        from lookup._fast import index as _index
        from lookup._fast import key as _key
        from lookup._fast import ledger as _ledger
        from lookup._fast import soap_parts as _soap_parts
        from lookup._fast.quota import Account
        from lookup._fast.replay import Seen
        from lookup._fast.tickets import Ticket, Tickets
    except ImportError:
        COMPILED = False
if not COMPILED:
    from lookup import index as _index  # type: ignore[no-redef]
    from lookup import key as _key  # type: ignore[no-redef]
    from lookup import soap_parts as _soap_parts  # type: ignore[no-redef]
    from lookup.access.quota import Account  # type: ignore[assignment]
    from lookup.access.replay import Seen  # type: ignore[assignment]
    from lookup.access.tickets import Ticket, Tickets  # type: ignore[assignment]
    from lookup.audit import ledger as _ledger  # type: ignore[no-redef]
    from lookup.audit import record as _chain  # type: ignore[no-redef]

Index = _index.Index
Ledger = _ledger.Ledger
SoapParts = _soap_parts.SoapParts
parse = _key.parse
skip = _chain.skip

__all__ = ["COMPILED", "Account", "Index", "Ledger", "Seen", "SoapParts", "Ticket", "Tickets", "parse", "skip"]
