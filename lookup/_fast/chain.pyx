"""Over an audit's records, held against their chain, from seal to seal. Compiled twin of lookup.audit.record.skip.

Verifying reads every octet ever written, and a day of a nation's questions is a hundred million records: in Python ten
minutes, here as many seconds as the disk takes.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from lookup._fast.blake2b cimport c_blake2b

cdef enum:
    CHAIN_BYTES = 32
    RECORD_HEAD_BYTES = 40
    SUBJECT_BYTES = 20
    SEAL = 3


def skip(const uint8_t[::1] data not None, size_t at, size_t end, uint64_t sequence):
    """(where, which sequence number) the first record from `at` on is that is a seal, or none, or does not fit."""
    cdef uint32_t size
    cdef uint64_t said
    cdef uint16_t text, subjects
    cdef uint8_t chain[CHAIN_BYTES]
    cdef const uint8_t* out
    if end > <size_t> data.shape[0] or not CHAIN_BYTES <= at <= end:
        raise ValueError("not within the data")
    with nogil:
        while end - at >= RECORD_HEAD_BYTES + CHAIN_BYTES:
            out = &data[at]
            memcpy(&size, out, 4)
            memcpy(&said, out + 8, 8)
            memcpy(&text, out + 28, 2)
            memcpy(&subjects, out + 30, 2)
            if out[4] == SEAL or said != sequence or size > end - at:
                break
            if size != (RECORD_HEAD_BYTES + <uint32_t> subjects * SUBJECT_BYTES + text + 7) // 8 * 8 + CHAIN_BYTES:
                break
            c_blake2b(chain, CHAIN_BYTES, NULL, 0, out - CHAIN_BYTES, size)
            if memcmp(chain, out + size - CHAIN_BYTES, CHAIN_BYTES):
                break
            at += size
            sequence += 1
    return at, sequence
