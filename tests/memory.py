"""Memory that ends where its data ends: what a reader is given that must not be caught reading further.

`heap` is a block of exactly the data's size, with the sanitizer's red zones around it where the suite runs under one.
`guarded` ends at a page that nobody may touch, in every build; it may not be written to either. `bytes` will not do:
behind its last octet there is always one more.
"""

import ctypes
import mmap
import weakref
from collections.abc import Callable

Memory = Callable[..., memoryview]

_libc = ctypes.CDLL(None, use_errno=True)
_libc.malloc.restype = ctypes.c_void_p
_libc.malloc.argtypes = [ctypes.c_size_t]
_libc.free.argtypes = [ctypes.c_void_p]
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
PROT_NONE = 0


def heap(data: bytes, *, claimed: int = 0) -> memoryview:
    """A copy of the data in a heap block of its own.

    `claimed` octets more than there are is what the view says: a lie, to show that a reader that goes there is seen.
    """
    address = _libc.malloc(len(data))
    assert address is not None
    block = (ctypes.c_ubyte * (len(data) + claimed)).from_address(address)
    weakref.finalize(block, _libc.free, address)
    ctypes.memmove(address, data, len(data))
    return memoryview(block).cast("B").toreadonly()


def guarded(data: bytes, *, claimed: int = 0) -> memoryview:
    """A copy of the data, the page behind its last octet untouchable, and the one before its first page too."""
    size = -(-len(data) // mmap.PAGESIZE) * mmap.PAGESIZE
    block = mmap.mmap(-1, mmap.PAGESIZE + size + mmap.PAGESIZE)
    end = mmap.PAGESIZE + size
    block[end - len(data) : end] = data
    address = ctypes.addressof(ctypes.c_ubyte.from_buffer(block))
    _protect(address, mmap.PAGESIZE, PROT_NONE)
    _protect(address + mmap.PAGESIZE, size, mmap.PROT_READ)
    _protect(address + end, mmap.PAGESIZE, PROT_NONE)
    return memoryview(block)[end - len(data) : end + claimed].toreadonly()


def _protect(address: int, size: int, protection: int) -> None:
    if size and _libc.mprotect(address, size, protection):
        raise OSError(ctypes.get_errno(), "mprotect")
