"""Counting without Python: the words of one worker's block of counters. Compiled twin of lookup/metrics.py's counting.

It is handed the memory and where everything stands in it, and knows nothing else of metrics. One writer a word, whole
words: whoever sums them needs no lock.
"""

from libc.stdint cimport int64_t, uint64_t

STATUSES = (200, 400, 401, 403, 404, 429, 500, 503)

cdef enum:
    FIRST_OCTAVE = 12
    LAST_OCTAVE = 33

OCTAVES = (FIRST_OCTAVE, LAST_OCTAVE)  # for metrics to hold against its own


cdef inline size_t bucket_of(uint64_t nanoseconds) noexcept nogil:
    """The place in the histogram: two to an octave, upper bounds included."""
    cdef uint64_t value = nanoseconds - 1 if nanoseconds else 0
    cdef int octave = FIRST_OCTAVE
    if value >> FIRST_OCTAVE == 0:
        return 0
    while octave <= LAST_OCTAVE and value >> (octave + 1):
        octave += 1
    if octave > LAST_OCTAVE:
        return 1 + 2 * (LAST_OCTAVE + 1 - FIRST_OCTAVE)
    return 1 + 2 * <size_t> (octave - FIRST_OCTAVE) + <size_t> (value >> (octave - 1) & 1)


cdef class Tally:
    """Counters in `words`, the memory of this worker's block.

    `routes` are the words at which the counters of the routes begin, by place in canonical.ROUTES; `statuses`,
    `buckets` and `total` stand from there; `outcomes` are words by place in book.OUTCOMES.
    """

    def __cinit__(self, words, *, routes, statuses, buckets, total, outcomes, received, sent):
        self._view = words
        self._words, self._size = &self._view[0], self._view.shape[0]
        if len(routes) > MAX_ROUTES or len(statuses) != STATUS_COUNT or len(outcomes) != MAX_OUTCOMES:
            raise ValueError("not the counters that the compiled path counts")
        ends = [place + offset for place in routes for offset in (*statuses, total, buckets + 2 * LAST_OCTAVE)]
        if max(*ends, *outcomes, received, sent) >= self._size:
            raise ValueError("counters outside their block")
        for i, place in enumerate(routes):
            self._routes[i] = place
        for i, place in enumerate(statuses):
            self._statuses[i] = place
        for i, place in enumerate(outcomes):
            self._outcomes[i] = place
        self._buckets, self._sum, self._received, self._sent = buckets, total, received, sent

    cdef void request(self, int route, int status, int64_t nanoseconds) noexcept nogil:
        """Count one answered request; `status` is a place in STATUSES."""
        cdef uint64_t* at = self._words + self._routes[route]
        cdef uint64_t took = <uint64_t> nanoseconds if nanoseconds > 0 else 0
        at[self._statuses[status]] += 1
        at[self._buckets + bucket_of(took)] += 1
        at[self._sum] += took

    cdef void outcome(self, int outcome) noexcept nogil:
        """Count one person looked up; `outcome` is a place in book.OUTCOMES."""
        self._words[self._outcomes[outcome]] += 1

    cdef void received(self, size_t octets) noexcept nogil:
        self._words[self._received] += octets

    cdef void sent(self, size_t octets) noexcept nogil:
        self._words[self._sent] += octets


def place_of(uint64_t nanoseconds):
    """The place in the histogram that a duration is counted in."""
    return bucket_of(nanoseconds)
