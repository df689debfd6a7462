"""The audit's writer: records into the segment in use, chained. Compiled twin of lookup.audit.ledger.

`begin`, `subject` for each person, `commit`; then the answer may leave. No system call is made; what is committed is
in memory that the kernel keeps when the process is killed. One thread writes. A page that the volume can no longer give
makes `begin` say no: every page of a record is touched there, where the fault is caught, before the record is written.
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.string cimport memcpy, memmove, memset

from lookup._fast.blake2b cimport c_blake2b, c_blake2b_key, c_blake2b_number

cdef enum:
    HEAD_BYTES = 256
    END_AT = 216
    CHAIN_BYTES = 32
    RECORD_HEAD_BYTES = 40
    SUBJECT_BYTES = 20
    HASH_BYTES = 16
    SEAL_BYTES = 152
    MAX_EVENT_BYTES = 128
    MAX_TEXT_BYTES = 4096
    MAX_SUBJECTS = 1000
    MAX_WHOS = 1 << 16
    READ = 1
    WHO = 2

# for lookup.audit.ledger to hold against its own
LAYOUT = (
    HEAD_BYTES, END_AT, CHAIN_BYTES, RECORD_HEAD_BYTES, SUBJECT_BYTES, HASH_BYTES, SEAL_BYTES, MAX_EVENT_BYTES,
    MAX_TEXT_BYTES, MAX_SUBJECTS, MAX_WHOS, READ, WHO,
)

cdef extern from *:
    """
    #include <setjmp.h>
    #include <signal.h>
    #include <unistd.h>

    static __thread sigjmp_buf flr_fault_at;
    static __thread volatile sig_atomic_t flr_touching;
    static struct sigaction flr_fault_before;

    static void flr_on_fault(int number) {
        if (flr_touching) siglongjmp(flr_fault_at, 1);
        sigaction(SIGBUS, &flr_fault_before, NULL); /* not ours: it faults again, and goes where it went before */
    }
    /* Each signal that is not blocked stays so, hence SA_NODEFER: nothing has to be put back after the jump. */
    static void flr_catch_faults(void) {
        struct sigaction now;
        sigaction(SIGBUS, NULL, &now);
        if (now.sa_handler == flr_on_fault) return;
        flr_fault_before = now;
        now.sa_handler = flr_on_fault;
        now.sa_flags = SA_NODEFER;
        sigemptyset(&now.sa_mask);
        sigaction(SIGBUS, &now, NULL);
    }
    static int flr_touch(volatile uint8_t *end, volatile uint8_t *from, volatile uint8_t *last) {
        if (sigsetjmp(flr_fault_at, 0)) { flr_touching = 0; return 0; }
        flr_touching = 1;
        *end = *end;
        *from = *from; /* the chain that it goes on from */
        for (from += 32; from < last; from += 4096) *from = 0;
        *last = 0;
        flr_touching = 0;
        return 1;
    }
    #define flr_publish(p, n) __atomic_store_n((uint64_t *)(p), n, __ATOMIC_RELEASE)
    """
    void flr_catch_faults()
    bint flr_touch(uint8_t* end, uint8_t* first, uint8_t* last) noexcept nogil
    void flr_publish(uint8_t* p, uint64_t n) noexcept nogil
    int fdatasync(int fd) noexcept nogil

cdef packed struct head_t:
    uint32_t size
    uint8_t kind, operation, outcome, flags
    uint64_t sequence
    int64_t time_ns
    uint32_t who
    uint16_t text_bytes, subjects
    uint64_t serial

cdef packed struct subject_t:
    uint8_t hash[HASH_BYTES]
    uint8_t outcome, flags
    uint16_t key_version

if sizeof(head_t) != RECORD_HEAD_BYTES or sizeof(subject_t) != SUBJECT_BYTES:
    raise ImportError("a record is not laid out as in its files")


cdef inline size_t body_of(size_t text_size, size_t subjects) noexcept nogil:
    """The octets of a record before its chain."""
    return (RECORD_HEAD_BYTES + subjects * SUBJECT_BYTES + text_size + 7) & ~<size_t> 7


cdef class Ledger:
    """Writes records. `key` hashes the subjects; `on_full()` puts another segment in use, or gives False."""

    def __cinit__(self, bytes key not None, int key_version, on_full):
        if len(key) != 32 or not 0 <= key_version < 1 << 16:
            raise ValueError("a key of 32 octets, and its version")
        c_blake2b_key(self._key, HASH_BYTES, <const uint8_t*> key, 32)
        self._key_version, self._on_full, self._fd = key_version, on_full, -1
        self._texts, self._numbers, self._first_who = [], {}, 1
        self._told = <uint32_t*> PyMem_Calloc(MAX_WHOS, sizeof(uint32_t))
        if self._told == NULL:
            raise MemoryError
        flr_catch_faults()

    def __dealloc__(self):
        PyMem_Free(self._told)

    def use(self, uint8_t[::1] segment not None, uint64_t sequence, int fd):
        """Go on in a new segment: its octets (head written, the rest zero), its first sequence number, its file."""
        cdef size_t size = segment.shape[0]
        if size < HEAD_BYTES + SEAL_BYTES or (<uint64_t*> &segment[END_AT])[0] != HEAD_BYTES:
            raise ValueError("not a new segment")
        self._view, self._map, self._fd = segment, &segment[0], fd
        self._end, self._limit = HEAD_BYTES, size - SEAL_BYTES
        memcpy(self._chain, self._map + HEAD_BYTES - CHAIN_BYTES, CHAIN_BYTES)
        self._sequence, self._begun, self.failed = sequence, False, False
        self._segment += 1

    def leave(self):
        """Have no segment: nothing is recorded from now on, until `use`."""
        self._map, self._view, self._fd, self._begun = NULL, None, -1, False

    def who(self, bytes text not None):
        """The number of a caller, for `begin`. When there are too many, all begin anew, and `epoch` is another."""
        number = self._numbers.get(text)
        if number is not None:
            return number
        if not 0 < len(text) <= MAX_TEXT_BYTES:
            raise ValueError("a caller in 1 to 4096 octets")
        if self._who_count == MAX_WHOS:
            self._first_who += self._who_count
            self._who_count, self._texts, self._numbers = 0, [], {}
            self.epoch += 1
        number = self._first_who + self._who_count
        self._texts.append(text)
        self._numbers[text] = number
        self._told[self._who_count] = 0
        self._who_count += 1
        return number

    cdef bint begin(
        self, int64_t now_ns, uint32_t who, int operation, int outcome, uint64_t serial,
        const uint8_t* event, size_t event_size, size_t subjects
    ) noexcept nogil:
        cdef size_t size = body_of(event_size, subjects) + CHAIN_BYTES
        self.abandon()
        if self._map == NULL or self.failed or event_size > MAX_EVENT_BYTES or subjects > MAX_SUBJECTS:
            return False
        if who and who - self._first_who >= self._who_count:
            return False
        if self._end + size > self._limit or (who and self._told[who - self._first_who] != self._segment):
            if not self.make_room(now_ns, who, size):
                return False
        return self.open_record(READ, now_ns, who, operation, outcome, 0, serial, event, event_size, subjects)

    cdef bint make_room(self, int64_t now_ns, uint32_t who, size_t size) noexcept with gil:
        """Whether there is room for `size` octets, in this segment or the next, and who it is is told before them."""
        cdef bytes text = self._texts[who - self._first_who] if who else None
        cdef size_t needed
        cdef int tries
        for tries in range(2):
            needed = size
            if who and self._told[who - self._first_who] != self._segment:
                needed += body_of(len(text), 0) + CHAIN_BYTES
            if self._map != NULL and self._end + needed <= self._limit:
                break
            if tries or not self._on_full() or self._map == NULL:
                return False
        else:
            return False
        if needed == size:
            return True
        if not self.open_record(WHO, now_ns, who, 0, 0, 0, 0, <const uint8_t*> text, len(text), 0):
            return False
        if not self.commit():
            return False
        self._told[who - self._first_who] = self._segment
        return True

    cdef bint open_record(
        self, int kind, int64_t now_ns, uint32_t who, int operation, int outcome, int flags, uint64_t serial,
        const uint8_t* text, size_t text_size, size_t subjects
    ) noexcept nogil:
        """Write the head and the text of a record for which there is room."""
        cdef uint8_t* out = self._map + self._end
        cdef head_t* head = <head_t*> out
        cdef size_t size = body_of(text_size, subjects) + CHAIN_BYTES
        self.abandon()
        if not flr_touch(self._map + END_AT, out - CHAIN_BYTES, out + size - 1):
            self.failed = True
            return False
        memset(out + size - CHAIN_BYTES - 8, 0, 8)  # what pads it; the rest is written now
        head.size = size
        head.kind, head.operation, head.outcome, head.flags = kind, operation, outcome, flags
        head.sequence, head.time_ns, head.who = self._sequence, now_ns, who
        head.text_bytes, head.subjects, head.serial = text_size, subjects, serial
        if text_size:
            memcpy(out + RECORD_HEAD_BYTES + subjects * SUBJECT_BYTES, text, text_size)
        self._at = self._end + RECORD_HEAD_BYTES
        self._subjects = self._to_come = subjects
        self._size = size
        self._begun = True
        return True

    cdef void abandon(self) noexcept nogil:
        """Wipe out what was begun and not committed: behind the last record there is nothing, ever."""
        if self._begun:
            self._begun = False
            memset(self._map + self._end, 0, self._size)

    cdef void subject(self, int64_t nin, int outcome, int flags) noexcept nogil:
        cdef subject_t* out = <subject_t*> (self._map + self._at)
        if not self._begun:
            return
        if not self._to_come:
            self.abandon()  # more than were announced: nothing of this record may count
            return
        c_blake2b_number(out.hash, HASH_BYTES, self._key, nin)
        out.outcome, out.flags, out.key_version = outcome, flags, self._key_version
        (<head_t*> (self._map + self._end)).flags |= flags
        self._at += SUBJECT_BYTES
        self._to_come -= 1

    cdef bint commit(self) noexcept nogil:
        """Chain the record begun and make it count. False: nothing was recorded, or it could not be made durable."""
        cdef uint8_t* out = self._map + self._end
        cdef head_t* head = <head_t*> out
        cdef size_t body
        if not self._begun:
            return False
        self._begun = False
        if self._to_come:
            self.take_back(out)
        body = head.size - CHAIN_BYTES
        c_blake2b(out + body, CHAIN_BYTES, NULL, 0, out - CHAIN_BYTES, body + CHAIN_BYTES)
        memcpy(self._chain, out + body, CHAIN_BYTES)
        self._end += head.size
        self._sequence += 1
        flr_publish(self._map + END_AT, self._end)
        return not self.durable or self.sync()

    cdef void take_back(self, uint8_t* out) noexcept nogil:
        """Make the record one with the subjects that came, which are fewer than were announced."""
        cdef head_t* head = <head_t*> out
        cdef uint8_t* announced = out + RECORD_HEAD_BYTES + self._subjects * SUBJECT_BYTES
        cdef uint8_t* text = out + RECORD_HEAD_BYTES + (self._subjects - self._to_come) * SUBJECT_BYTES
        cdef size_t body = body_of(head.text_bytes, self._subjects - self._to_come)
        memmove(text, announced, head.text_bytes)
        memset(text + head.text_bytes, 0, out + self._size - text - head.text_bytes)
        head.subjects = self._subjects - self._to_come
        head.size = body + CHAIN_BYTES

    cdef bint sync(self) noexcept nogil:
        """Wait until what was committed is on the disk. False when it could not be: nothing is recorded any more."""
        if self._map == NULL or fdatasync(self._fd):
            self.failed = True
        return not self.failed

    def fail(self):
        """Record nothing any more, until another segment is in use: this one's file has failed."""
        self.failed = True

    def record(self, now_ns, who, operation, outcome, serial, event, subjects, announced=None):
        """One record from Python; `subjects` are (number, outcome, flags). False: it is not there, so do not answer.

        `announced`: for how many there is to be room, unless it is for those; with fewer all is well, with more not.
        """
        cdef const uint8_t[::1] text = event or b"\0"
        cdef size_t room = len(subjects) if announced is None else announced
        if not self.begin(now_ns, who, operation, outcome, serial, &text[0], len(event or b""), room):
            return False
        for nin, of_subject, flags in subjects:
            self.subject(nin, of_subject, flags)
        return self.commit()

    def append(self, int kind, int64_t now_ns, int flags, uint64_t serial, bytes text not None):
        """A record of another kind: a seal, for which there is always room, unless it is not the last one."""
        cdef size_t room = self._limit + SEAL_BYTES if self._map != NULL else 0
        if self.failed or self._end + body_of(len(text), 0) + CHAIN_BYTES > room:
            return False
        if not self.open_record(kind, now_ns, 0, 0, 0, flags, serial, <const uint8_t*> text, len(text), 0):
            return False
        return self.commit()

    @property
    def end(self):
        """Where the next record begins."""
        return self._end

    @property
    def room(self):
        """The octets that records can still take in this segment."""
        return self._limit - self._end if self._map != NULL and self._end < self._limit else 0

    @property
    def sequence(self):
        """The next record's sequence number."""
        return self._sequence

    @property
    def chain(self):
        """The last 32 octets of what was committed; kept here, because the segment may be on a volume that is gone."""
        return self._chain[:CHAIN_BYTES]
