from collections.abc import Sequence

from lookup._fast.index import Index
from lookup._fast.soap_parts import SoapParts

class SoapBook:
    index: Index
    parts: SoapParts
    def __new__(
        cls,
        index: Index,
        parts: SoapParts,
        *,
        frames: Sequence[tuple[bytes, bytes, bytes]],
        contents: Sequence[Sequence[bytes]],
        begin: bytes,
        end: bytes,
        begin_codes: Sequence[bytes],
        end_codes: Sequence[bytes],
    ) -> SoapBook: ...
