"""The credentials that have been verified, by digest, as the compiled HTTP path looks them up.

A cache of fixed size, and never the truth: what is not here is verified by Python (lookup/access/gate.py), which puts
a ticket here for it, also when the answer was no. The digest is BLAKE2b-256 keyed with a secret of this process, so
nobody can choose what falls into one place; it is compared without regard to where it differs. No credential is kept.
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from lookup._fast.blake2b cimport c_blake2b
from lookup._fast.quota cimport Account

cdef enum:
    SETS = 1024
    WAYS = 4


cdef class Ticket:
    """`routes` has a bit for each place in canonical.ROUTES that the caller may ask. `expires` is in nanoseconds since
    1970. `bound`: what each request's proof is held against, or None. `account`: where its limits are counted, or None.
    `text`: who that is, for the audit.
    """

    def __init__(
        self, caller, *, int verdict=TAKEN, uint32_t routes=0, bint protected=False, bound=None,
        int64_t expires, Account account=None, bytes text not None=b"",
    ):
        self.caller, self.verdict, self.routes, self.protected = caller, verdict, routes, protected
        self.bound, self.expires, self.account, self.text = bound, expires, account, text

    def __repr__(self):
        return f"<Ticket {self.caller}>"


cdef class Tickets:
    """`secret` are 32 octets."""

    def __cinit__(self, bytes secret not None):
        if len(secret) != DIGEST:
            raise ValueError("a secret of 32 octets")
        memcpy(self._key, <const uint8_t*> secret, DIGEST)
        self._digests = <uint8_t*> calloc(SETS * WAYS, DIGEST)
        if self._digests == NULL:
            raise MemoryError()
        self._tickets = [None] * (SETS * WAYS)

    def __dealloc__(self):
        free(self._digests)

    def put(self, const uint8_t[::1] credential not None, Ticket ticket not None):
        """Keep a ticket for a credential, in the place of the one that it has, of a refusal, or of an older one.

        A refusal takes nobody's place who is admitted: it is not kept then.
        """
        cdef uint8_t digest[DIGEST]
        cdef int64_t place
        self.digest_of(digest, &credential[0] if credential.shape[0] else NULL, credential.shape[0])
        place = self.place_for(digest, ticket.verdict == TAKEN)
        if place < 0:
            return
        memcpy(self._digests + place * DIGEST, digest, DIGEST)
        self._tickets[place] = ticket

    def clear(self):
        """Forget all of them."""
        memset(self._digests, 0, SETS * WAYS * DIGEST)
        self._tickets = [None] * (SETS * WAYS)

    def get(self, const uint8_t[::1] credential not None, int64_t now):
        """The ticket of a credential, or None."""
        return self.find(&credential[0] if credential.shape[0] else NULL, credential.shape[0], now)

    cdef int64_t place_for(self, const uint8_t* digest, bint taken) noexcept:
        """The place that a digest has, else one free or with a refusal, else one in turn; below zero is none."""
        cdef size_t first = first_of(digest)
        cdef int way
        for way in range(WAYS):
            if same(self._digests + (first + way) * DIGEST, digest):
                return first + way
        for way in range(WAYS):
            if self._tickets[first + way] is None or (<Ticket> self._tickets[first + way]).verdict != TAKEN:
                return first + way
        if not taken:
            return -1
        self._turn += 1
        return first + self._turn % WAYS

    cdef void digest_of(self, uint8_t* out, const uint8_t* credential, size_t size) noexcept nogil:
        c_blake2b(out, DIGEST, self._key, DIGEST, credential, size)

    cdef Ticket find(self, const uint8_t* credential, size_t size, int64_t now):
        """The ticket that is in force at `now`, in nanoseconds since 1970, or None."""
        cdef uint8_t digest[DIGEST]
        cdef size_t first
        cdef Ticket ticket = None
        cdef int way
        self.digest_of(digest, credential, size)
        first = first_of(digest)
        for way in range(WAYS):
            if same(self._digests + (first + way) * DIGEST, digest):
                ticket = self._tickets[first + way]
        return None if ticket is None or ticket.expires <= now else ticket


cdef inline size_t first_of(const uint8_t* digest) noexcept nogil:
    return ((<size_t> digest[0] << 8 | digest[1]) % SETS) * WAYS


cdef inline bint same(const uint8_t* one, const uint8_t* other) noexcept nogil:
    """Whether two digests are the same, in a time that does not tell where they differ."""
    cdef uint8_t differ = 0
    cdef int i
    for i in range(DIGEST):
        differ |= one[i] ^ other[i]
    return not differ
