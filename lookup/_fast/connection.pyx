"""One connection, in front of the ordinary server: canonical messages are answered here, everything else goes there.

An asyncio protocol. It keeps the message boundary itself: octets are looked at from the first of a message on, a
message is answered when it is wholly there, and the first that is not canonical goes, with all that follows it, octet
for octet to an ordinary protocol, which has the connection from then on. What one read brought is answered with one
write.

Backpressure: while the client does not take its answers, or a batch is answered in turns, or it is found out who
asks, nothing is read. What is kept of a message that is not whole is bounded by the limits of its route, and over all
connections by `desk.max_buffered`.
"""

from libc.errno cimport EAGAIN, EINTR, errno
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free
from libc.string cimport memmove
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from lookup._fast.admission cimport ANSWERED, LATER, UNVERIFIED
from lookup._fast.canonical cimport BY_CREDENTIAL, CANONICAL, MORE, c_begin_head, c_read_head, head_t, span_t
from lookup._fast.desk cimport Desk, Tail
from lookup._fast.encode cimport area_append, area_t
from lookup._fast.replies cimport Batch, c_answer, c_begin_batch
from lookup._fast.tickets cimport Ticket

cdef extern from "<sys/socket.h>" nogil:
    ssize_t send(int fd, const void* data, size_t size, int flags)
    int MSG_NOSIGNAL
    int MSG_DONTWAIT
    int MSG_MORE

cdef enum:
    FINISHING_SECONDS = 1
    OUT_BYTES = 1 << 18  # of answers written before they are sent
    SECOND = 1000000000


cdef tuple KINDS = ("head", "body", "idle", "write")


cdef inline int64_t monotonic() noexcept nogil:
    cdef timespec time
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * <int64_t> SECOND + time.tv_nsec


cdef class Connection:
    """One for each accepted socket. `desk.members` admits and closes it, `desk.control` hands it over."""

    cdef readonly Desk desk
    cdef readonly object transport
    cdef int _fd  # where we write ourselves; below zero over TLS
    cdef area_t _kept  # what has come of messages that are not answered yet
    cdef head_t _head  # of the first of them
    cdef bint _head_whole, _blocked, _paused, _gone
    cdef bint _ending  # the next answer after which nothing waits is to be the last
    cdef bint _told  # an answer has said that it is the last
    cdef bint _half_closed  # the client sends no more
    cdef Batch _batch
    cdef bint _trusted  # the client is a proxy whose word on certificates is taken
    cdef bint _waiting  # to be told who asks, or for its turn
    cdef Ticket _given  # who asks in the message at hand, once that has been told
    cdef int64_t _touched, _begun  # when octets came last, and when the message at hand began

    def __cinit__(self, Desk desk not None):
        self.desk = desk
        self._fd = -1
        c_begin_head(&self._head)

    def __dealloc__(self):
        free(self._kept.data)

    # -- what the transport tells

    def connection_made(self, transport):
        self.transport = transport
        self._touched = monotonic()
        # Over TLS it is a member since before the handshake.
        if self not in self.desk.members and not self.desk.members.admit(self, transport):
            self._gone = True
            transport.abort()
            return
        self._trusted = self.desk.control.is_trusted(transport)
        if transport.get_extra_info("sslcontext") is None:
            self._fd = transport.get_extra_info("socket").fileno()
            # We write past the transport, so we must know of every octet that it still holds.
            transport.set_write_buffer_limits(high=0)

    def connection_lost(self, error):
        self.desk.members.leave(self)
        self._let_go()

    def eof_received(self):
        """The client sends no more. True keeps the connection until what it has sent whole is answered."""
        self._half_closed = True
        if not self.transport.can_write_eof():  # over TLS what the transport has is sent, and no more can be written
            self._let_go()
            return False
        if self._batch is not None or self._blocked or self._waiting:
            return True
        if self._gone:
            return False
        if self._may_be_ill():
            self._hand_over(self._kept.data, self._kept.size)
            return True
        self._let_go()
        return False

    def pause_writing(self):
        self._blocked = True

    def resume_writing(self):
        self._blocked = False
        self._touched = monotonic()
        if not self._gone:
            self._go_on()

    def data_received(self, bytes data not None):
        cdef const uint8_t* octets = data
        cdef size_t size = len(data)
        if self._gone:
            return
        self._touched = monotonic()
        self.desk.tally.received(size)
        if self._kept.size or self._blocked or self._batch is not None:  # waiting, the message is kept
            self._keep(octets, size)
            if not self._gone:
                self._go_on()
        else:
            self._begun = self._touched
            self._read(octets, size)

    # -- what the worker asks

    def overdue(self, double now):
        """Why the connection has taken too long at `now`, in monotonic seconds: a word, or None."""
        cdef double since
        cdef int kind
        if self._gone or self._waiting or self._batch is not None and not self._blocked:
            return None
        since = <double> (self._begun if self._kept.size and not self._blocked else self._touched) / SECOND
        kind = 3 if self._blocked else 2 if not self._kept.size else 1 if self._head_whole else 0
        return KINDS[kind] if now - since > self.desk.patience[kind] else None

    def finish(self, double now):
        """Let the next answer be the last. At `now`, close if nothing has been in flight for FINISHING_SECONDS."""
        self._ending = True
        if self._gone or self._kept.size or self._blocked or self._batch is not None:  # waiting, the message is kept
            return
        if now - <double> self._touched / SECOND > FINISHING_SECONDS:
            self._close()

    # -- reading

    cdef int _keep(self, const uint8_t* octets, size_t size) except -1:
        """Put octets behind what is kept."""
        if self.desk.buffered + size > self.desk.max_buffered:
            self._let_go()
            self.desk.control.overfull(self)
            return 0
        if not self._kept.size:
            self._begun = self._touched
        area_append(&self._kept, octets, size)
        self.desk.buffered += size
        return 0

    cdef int _go_on(self) except -1:
        """Go on with what is in flight, and then with what is kept."""
        if self._blocked or self._waiting:
            return 0
        if self._batch is not None:
            return self._turn()
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        if self._told:
            return self._close()
        if self._kept.size:
            return self._read(self._kept.data, self._kept.size)
        return self._close() if self._half_closed else 0

    cdef int _read(self, const uint8_t* octets, size_t size) except -1:
        """Answer every canonical message that is wholly there; keep the beginning of the next, or hand it over."""
        cdef Desk desk = self.desk
        cdef size_t at = 0
        cdef int status = MORE
        cdef bint over = False, closing = False
        desk.out.size = 0  # should an exception have left an answer unsent: it is another client's
        desk.read_clock()
        while at < size and not self._blocked and self._batch is None and not self._waiting:
            status = CANONICAL if self._head_whole else c_read_head(octets + at, size - at, &self._head)
            if status == MORE:
                break
            if status != CANONICAL or self._head.length > desk.limits[self._head.route]:
                over = True
                break
            self._head_whole = True
            if size - at < self._head.at + self._head.length:
                break
            # Where more has come already, it is answered too, and the connection closed behind that.
            closing = (self._ending or desk.draining) and size - at == self._head.at + self._head.length
            status = c_answer(desk, octets + at, &self._head, closing, self._trusted, self._given)
            if status == UNVERIFIED:
                self._ask_who(octets + at)
                break
            self._given = None
            if status == LATER:
                self._begin_batch(octets + at)
            elif status != ANSWERED:
                over = True
                break
            at += self._head.at + self._head.length
            self._head_whole = False
            c_begin_head(&self._head)
            if desk.out.size > OUT_BYTES or desk.tail is not None:
                if desk.tail is not None and at < size:  # what is behind a list waits for everybody else's turn
                    self._waiting = True
                    desk.control.call_soon(self.resume)
                self._flush()
                if self._gone:  # and what was kept is freed
                    return 0
        self._flush()
        if self._gone:
            return 0
        if over:
            return self._hand_over(octets + at, size - at)
        self._remember(octets, at, size)
        self._told = closing and self._batch is None and not self._waiting
        if self._batch is not None or self._blocked or self._waiting:
            return self._pause()
        if self._half_closed and self._may_be_ill():
            return self._hand_over(self._kept.data, self._kept.size)
        return self._close() if self._told or self._half_closed else 0

    cdef int _remember(self, const uint8_t* octets, size_t at, size_t size) except -1:
        """Keep what is behind `at`. The octets are what is kept already, or all new."""
        if self._kept.size and octets == self._kept.data:
            memmove(self._kept.data, self._kept.data + at, size - at)
            self._kept.size = size - at
            self.desk.buffered -= at
            if at:
                self._begun = self._touched
        elif at < size:
            self._keep(octets + at, size - at)
        if not self._kept.size and self._kept.data != NULL:
            free(self._kept.data)
            self._kept.data, self._kept.room = NULL, 0
        return 0

    cdef int _pause(self) except -1:
        if not self._paused and not self._gone:
            self._paused = True
            self.transport.pause_reading()
        return 0

    # -- who asks

    cdef int _ask_who(self, const uint8_t* octets) except -1:
        """Let Python look at the credential of the message at hand; `resume` goes on."""
        cdef const span_t* credential = &self._head.who[BY_CREDENTIAL]
        cdef const span_t* certificate = &self._head.who[self.desk.certificate_field]
        self._waiting = True
        self.desk.control.verify(
            self,
            octets[credential.at:credential.at + credential.size] if credential.at else None,
            None if credential.at else octets[certificate.at:certificate.at + certificate.size],
        )
        return 0

    def resume(self, Ticket ticket=None):
        """Go on. This is who asks in the message that waits, where that was the question."""
        self._waiting, self._given = False, ticket
        if not self._gone:
            self._touched = monotonic()
            self._go_on()

    # -- batches

    cdef int _begin_batch(self, const uint8_t* octets) except -1:
        cdef size_t size = self._head.at + self._head.length
        self._batch = c_begin_batch(self.desk, (<const char*> octets)[:size], &self._head)
        self.desk.control.call_soon(self.turn)
        return 0

    def turn(self):
        """Go on with a batch, in a turn of the loop of its own."""
        if not self._gone and self._batch is not None and not self._blocked:
            self._turn()

    cdef int _turn(self) except -1:
        cdef Batch batch = self._batch
        cdef bytes message
        cdef bint last
        self.desk.out.size = 0  # as in _read
        self.desk.closing = (self._ending or self.desk.draining) and not self._kept.size
        if batch.turn(self.desk) != ANSWERED:
            self._batch = None
            message = batch.message + (<const char*> self._kept.data)[:self._kept.size]
            return self._hand_over(message, len(message))
        last = batch.done and batch.closing
        if batch.done:
            self._batch = None
        self._flush()
        if self._gone:
            return 0
        if last:
            self._told = True
        if batch.done:
            self._begun = self._touched = monotonic()
            return self._go_on()
        if not self._blocked:
            self.desk.control.call_soon(self.turn)
        return 0

    # -- writing

    cdef int _flush(self) except -1:
        """Send what has been written. What the socket does not take now, the transport sends when it can."""
        cdef Desk desk = self.desk
        cdef size_t size = desk.out.size
        cdef Tail tail = desk.tail
        cdef ssize_t sent
        cdef bint held = False
        if not size:
            return 0
        desk.out.size, desk.tail = 0, None
        sent = self._send(desk.out.data, size, 0 if tail is None else MSG_MORE)
        if <size_t> sent < size and not self._gone:
            self.transport.write((<const char*> desk.out.data)[sent:size])
            held = True
        if tail is not None and not self._gone:
            held = self._flush_tail(tail, held)
        if self._gone:
            return 0
        if held and self._fd >= 0:
            self._blocked = self.transport.get_write_buffer_size() > 0
        desk.settle(monotonic() - self._begun)
        return 0

    cdef bint _flush_tail(self, Tail tail, bint held) except *:
        """The same of what lies in a file; `held`: the transport has what is before it. Whether it has some of this."""
        cdef ssize_t sent = 0
        self.desk.tally.sent(tail.size)
        if self._fd >= 0 and not held:
            sent = self._taken(tail.send(self._fd))
        if <size_t> sent == tail.size or self._gone:
            return False
        self.transport.write(tail.view[sent:])
        return True

    cdef ssize_t _send(self, const uint8_t* data, size_t size, int flags) except -1:
        """How many of these octets the socket takes now. None over TLS, and where the connection is at its end."""
        self.desk.tally.sent(size)
        if self._fd < 0:
            return 0
        if self.transport.is_closing():
            self._let_go()
            return 0
        return self._taken(send(self._fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT | flags))

    cdef ssize_t _taken(self, ssize_t sent) except -1:
        """What the socket has taken, by what the system says; the connection ends where it takes no more."""
        if sent >= 0:
            return sent
        if errno != EAGAIN and errno != EINTR:
            self.transport.abort()
            self._let_go()
        return 0

    # -- the end

    cdef int _hand_over(self, const uint8_t* octets, size_t size) except -1:
        """To the ordinary server, with this and all that comes. Answers that were given before are before its own."""
        cdef bytes rest = (<const char*> octets)[:size]
        self._let_go()
        self.transport.set_write_buffer_limits()
        if self._paused:
            self.transport.resume_reading()
        self.desk.control.hand_over(self, self.transport, rest, self._half_closed)
        return 0

    cdef bint _may_be_ill(self) noexcept:
        """Whether what is kept is a head that is not whole: the ordinary server may find it ill-formed, and say so."""
        return self._kept.size and not self._head_whole

    cdef int _close(self) except -1:
        """Close so that the answers arrive: say that no more will come, and wait for the client to see it."""
        self._let_go()
        self.desk.members.linger(self, self.transport)
        return 0

    cdef int _let_go(self) except -1:
        """Nothing more is done here."""
        self._gone = True
        self._batch = None
        self.desk.buffered -= self._kept.size
        free(self._kept.data)
        self._kept.data, self._kept.size, self._kept.room = NULL, 0, 0
        return 0
