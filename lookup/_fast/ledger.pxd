from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef class Ledger:
    # the segment in use: its octets (NULL: none), where the next record begins, and where the last must end
    cdef uint8_t[::1] _view
    cdef uint8_t* _map
    cdef size_t _end, _limit
    cdef int _fd
    cdef uint64_t _sequence
    cdef uint8_t _chain[32]
    # the record begun: where its next subject goes, and how many are still to come
    cdef size_t _at, _subjects, _to_come, _size
    cdef bint _begun
    cdef uint64_t _key[8]
    cdef uint16_t _key_version
    cdef object _on_full
    # who is who: the texts, from number _first_who on, and the segment in which each was last told
    cdef list _texts
    cdef dict _numbers
    cdef uint32_t* _told
    cdef uint32_t _first_who, _who_count, _segment
    cdef readonly uint32_t epoch
    cdef public bint durable
    cdef readonly bint failed

    cdef bint begin(
        self, int64_t now_ns, uint32_t who, int operation, int outcome, uint64_t serial,
        const uint8_t* event, size_t event_size, size_t subjects
    ) noexcept nogil
    cdef void subject(self, int64_t nin, int outcome, int flags) noexcept nogil
    cdef bint commit(self) noexcept nogil
    cdef bint open_record(
        self, int kind, int64_t now_ns, uint32_t who, int operation, int outcome, int flags, uint64_t serial,
        const uint8_t* text, size_t text_size, size_t subjects
    ) noexcept nogil
    cdef bint make_room(self, int64_t now_ns, uint32_t who, size_t size) noexcept with gil
    cdef void abandon(self) noexcept nogil
    cdef void take_back(self, uint8_t* out) noexcept nogil
    cdef bint sync(self) noexcept nogil
