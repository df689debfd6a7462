"""Bringing a mapped file into memory and into the page table at once, so that no request pays for a first touch.

Done through ctypes because `mmap.madvise` holds the GIL while the kernel reads: a worker's loop would stand still. And
piece by piece, with a pause behind each: where loop and thread have one core between them, the loop would have to wait
for the kernel to be done with all of it.
"""

import ctypes
import mmap
import os
import time

MADV_POPULATE_READ = 22  # Linux 5.14; Python 3.11's mmap does not name it
CHUNK_BYTES = 1 << 20
PIECE_BYTES = 16 << 20
PAUSE_SECONDS = 2e-4

_libc = ctypes.CDLL(None, use_errno=True)
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


class _Buffer(ctypes.Structure):
    """CPython's Py_buffer: the only way to the address of a read-only mapping."""

    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.py_object),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    )


def pause() -> None:
    """Let the loop run, where it waits for this thread's core."""
    time.sleep(PAUSE_SECONDS)


def populate(mapped: mmap.mmap) -> bool:
    """Touch every page of a mapping, whose length is the file's. False where the kernel does not know how."""
    return _advise(mapped, MADV_POPULATE_READ)


def forget(mapped: mmap.mmap) -> None:
    """Take a mapping out of the page table, so that it is unmapped in no time. Whoever reads it still may."""
    _advise(mapped, mmap.MADV_DONTNEED)


def _advise(mapped: mmap.mmap, advice: int) -> bool:
    """Advise piece by piece. The mapping is held as a buffer meanwhile, so that it cannot be unmapped under us."""
    buffer = _Buffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(mapped), ctypes.byref(buffer), 0)
    try:
        for start in range(0, buffer.len, PIECE_BYTES):
            if _libc.madvise(buffer.buf + start, min(PIECE_BYTES, buffer.len - start), advice):
                return False
            pause()
        return True
    finally:
        ctypes.pythonapi.PyBuffer_Release(ctypes.byref(buffer))


def read_through(path: os.PathLike[str]) -> None:
    """Read a file from end to end, which at least brings it into the page cache."""
    piece = bytearray(CHUNK_BYTES)
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 -- any path-like
        while file.readinto(piece):
            pass
