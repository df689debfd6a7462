"""The process over the workers: forks them, verifies each generation once, says "look now", replaces the dead.

One thread, always: that is what makes the fork safe, so nothing here may start one, open LMDB or run a loop. It
listens to signals (SIGTERM and SIGINT stop, SIGHUP looks again with fresh eyes, at the certificate too), to the data
folder (inotify, and a poll in case inotify is deaf there), and to its workers. What is to be served is for
lookup.choice to say; what no worker can open is not asked for again, and a worker that alone cannot open it is
replaced, never one that serves it. A worker whose loop does not turn is replaced, too.
"""

import contextlib
import gc
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import inotify_simple
import msgspec
import structlog

from lookup import metrics
from lookup.choice import Choice, Order
from lookup.current import ServiceState
from lookup.manifest import Stamps
from lookup.runfile import remove_dead
from lookup.systemd import notify
from lookup.tls import Certificate, WrongCertificate
from lookup.worker import RECEIVE_BYTES, RENEW, Report, Worker, handle_signals

log = structlog.get_logger()

POLL_SECONDS = 0.5
BACK_OFF_SECONDS = (0.1, 0.5, 2.0, 10.0)  # before a worker that keeps dying young is started again
YOUNG_SECONDS = 10.0
KILL_AFTER_SECONDS = 5.0  # beyond `stop_seconds`
HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
WATCHED = inotify_simple.flags.MOVED_TO | inotify_simple.flags.DELETE


@dataclass
class Slot:
    """One place for a worker; the processes in it come and go.

    `told` is the order that the worker has last been given (None, once `spoken_to`, that there is none), `failed` why
    it could not carry that out, `serving` the name of the generation that it says it has, `certificate` the turn of the
    certificate that it has.
    """

    number: int
    pid: int = 0
    control: socket.socket | None = None
    received: bytes = b""
    told: Order | None = None
    spoken_to: bool = False
    failed: str | None = None
    serving: str | None = None
    certificate: int = 0
    started: float = 0.0
    beat: int = 0
    beat_at: float = 0.0
    died_young: int = 0
    due: float | None = 0.0


@dataclass
class Supervisor:
    """Runs until it is told to stop. `sockets` are bound and listening; `app` was made with `state`.

    `verified` gives the stamps of generations that somebody has verified while all this was being made. With a
    `certificate`, TLS is spoken on the first of the sockets.
    """

    state: ServiceState
    app: Any
    sockets: list[socket.socket]
    verified: Callable[[], dict[str, Stamps]] = dict
    certificate: Certificate | None = None
    slots: list[Slot] = field(init=False)
    said: tuple[object, ...] = ()
    stopping: bool = False

    def __post_init__(self) -> None:
        settings, self.counters = self.state.settings, self.state.counters
        self.choice = Choice(settings.data_dir)
        self.slots = [Slot(number) for number in range(settings.worker_count)]
        self.selector = selectors.DefaultSelector()
        self.inotify = inotify_simple.INotify(nonblocking=True)
        self.signals, self.wakeup = socket.socketpair()

    def run(self) -> None:
        """Start the workers and see to them until SIGTERM or SIGINT."""
        self._listen()
        self._show_expiry()
        gc.collect()
        gc.freeze()  # so that the collector does not touch, and copy, what the workers share
        self._start_due()
        self.choice.stamps.update(self.verified())
        self.look()
        notify("READY=1")
        while not self.stopping:
            self.state.pulse.beat(self.state.clock.epoch_ns(), self.state.settings)
            self._wait()
            self._start_due()
            self.look()
        self._stop()

    def _listen(self) -> None:
        settings = self.state.settings
        remove_dead(settings.run_folder)
        self.inotify.add_watch(settings.data_dir, WATCHED)
        self.signals.setblocking(False)
        self.wakeup.setblocking(False)
        for number in HEARD:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self.wakeup.fileno(), warn_on_full_buffer=False)
        self.selector.register(self.signals, selectors.EVENT_READ, None)
        self.selector.register(self.inotify, selectors.EVENT_READ, None)
        # Only now: who reads this may send signals.
        for listening, role in zip(self.sockets, ("public", "admin"), strict=False):
            name = listening.getsockname()
            where = {"uds": name} if isinstance(name, str) else {"host": name[0], "port": name[1]}
            tls = self.certificate is not None and role == "public"
            log.info("listening", role=role, pid=os.getpid(), tls=tls, **where)

    def _wait(self) -> None:
        now = time.monotonic()
        due = [slot.due - now for slot in self.slots if slot.due is not None]
        for key, _ in self.selector.select(max(0.0, min([POLL_SECONDS, *due]))):
            if key.fileobj is self.signals:
                self._hear()
            elif key.data is None:
                self.inotify.read(timeout=0)  # only a nudge: `look` sees for itself
            else:
                self._receive(key.data)
        self._reap()
        self._listen_for_beats()

    def _hear(self) -> None:
        for number in self.signals.recv(4096):
            if number in {signal.SIGTERM, signal.SIGINT}:
                if self.stopping:
                    self._signal_all(signal.SIGTERM)  # in a hurry
                self.stopping = True
            elif number == signal.SIGHUP:
                self.choice.forget()
                self.said = ()
                self._renew()

    def _renew(self) -> None:
        """See whether there is a new certificate: only one that is good is told to the workers."""
        if self.certificate is None:
            return
        try:
            self.certificate.renew()
        except WrongCertificate as error:
            log.error("certificate not taken up", why=str(error))
            return
        self._show_expiry()

    def _show_expiry(self) -> None:
        if self.certificate is not None:
            log.info("certificate", expires=datetime.fromtimestamp(self.certificate.expires, UTC).isoformat())
            self.counters.supervise(metrics.CERTIFICATE_EXPIRES, self.certificate.expires)

    # -- generations

    def look(self) -> None:
        """See what is to be served, and tell the workers that have not been told."""
        self._judge()
        self.choice.look([slot.serving for slot in self.slots])
        self._alarm()
        for slot in self.slots:
            self._tell(slot)

    def _judge(self) -> None:
        """What no worker could open is unfit; where others have it, those that could not are unwell."""
        live = [slot for slot in self.slots if slot.control is not None]
        for slot in live:
            if slot.failed is None or slot.told is None:
                continue
            if any(other.serving == slot.told.name for other in live):
                slot.failed = None
                os.kill(slot.pid, signal.SIGTERM)  # and let a fresh one open it
            elif all(other.failed is not None and other.told == slot.told for other in live):
                self.choice.unfit(slot.told, slot.failed)

    def _alarm(self) -> None:
        order, trouble, fallback = self.choice.order, self.choice.trouble, self.choice.fallback
        self.counters.supervise(metrics.FALLBACK, int(fallback))
        self.counters.supervise(metrics.NOT_SERVED, int(trouble is not None))
        self.counters.supervise(metrics.PINNED, int(order is not None and order.pinned))
        name = None if order is None else order.name
        saying = (trouble, fallback, name)
        if trouble is not None and saying != self.said:
            log.error("fallback" if fallback else "generation refused", why=trouble, serving=name)
        self.said = saying

    def _tell(self, slot: Slot) -> None:
        order = self.choice.order
        if slot.control is None:
            return
        if self.certificate is not None and slot.certificate != self.certificate.turn and self._say(slot, RENEW):
            slot.certificate = self.certificate.turn
        if slot.told == order and slot.spoken_to:
            return
        if (order is None and slot.spoken_to) or self._say(slot, order):
            slot.told, slot.failed, slot.spoken_to = order, None, True

    def _say(self, slot: Slot, what: Order | str | None) -> bool:
        """Whether the worker has been told; if not, it is full, and told again at the next look, or soon reaped."""
        if slot.control is None:
            return False
        try:
            sent = slot.control.send(line := msgspec.json.encode(what) + b"\n")
        except OSError:
            return False
        if sent != len(line):
            log.error("a worker does not listen", worker=slot.number)
            os.kill(slot.pid, signal.SIGKILL)
        return True

    def _receive(self, slot: Slot) -> None:
        assert slot.control is not None
        try:
            data = slot.control.recv(RECEIVE_BYTES)
        except OSError:
            data = b""
        if not data:
            self._hang_up(slot)
            return
        *lines, slot.received = (slot.received + data).split(b"\n")
        for line in lines:
            self._reported(slot, msgspec.json.decode(line, type=Report))

    def _reported(self, slot: Slot, report: Report) -> None:
        told = slot.told
        if report.error is None:
            slot.serving = report.name
            if told is not None and told.name == report.name:
                self.choice.served = told
            if all(other.serving == report.name for other in self.slots):
                log.info("serving", generation=report.name, workers=len(self.slots))
            return
        log.error("generation not taken up", worker=slot.number, generation=report.name, why=report.error)
        if told is not None and told.name == report.name != slot.serving:
            slot.failed = report.error

    # -- workers

    def _start_due(self) -> None:
        now = time.monotonic()
        for slot in self.slots:
            if slot.due is not None and slot.due <= now:
                self._start(slot)

    def _start(self, slot: Slot) -> None:
        ours, theirs = socket.socketpair()
        # A signal that comes while the child still has our handlers would be heard here as ours.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
        try:
            pid = os.fork()
        except OSError as error:
            log.error("no worker could be started", worker=slot.number, error=error.strerror)
            slot.due = time.monotonic() + BACK_OFF_SECONDS[-1]
            ours.close()
            theirs.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            return
        if pid == 0:
            ours.close()
            self._be_worker(slot, theirs, before)
        theirs.close()
        slot.pid, slot.control, slot.received, slot.told, slot.failed = pid, ours, b"", None, None
        slot.started, slot.due, slot.spoken_to = time.monotonic(), None, False
        slot.beat, slot.beat_at = 0, slot.started
        slot.certificate = 0 if self.certificate is None else self.certificate.turn
        ours.setblocking(False)
        self.selector.register(ours, selectors.EVENT_READ, slot)
        self.counters.set_live(slot.number, live=True)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _be_worker(self, slot: Slot, control: socket.socket, mask: set[int | signal.Signals]) -> None:
        """The child: never returns."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for other in self.slots:
                if other.control is not None:
                    other.control.close()
            for thing in (self.selector, self.inotify, self.signals, self.wakeup):
                thing.close()
            self.counters.become(slot.number)
            worker = Worker(self.state, self.app, self.sockets, control, slot.number, self.certificate)
            handle_signals(worker)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            worker.run()
            code = 0
        except BaseException:  # a child must never run on into the parent's code
            log.exception("worker failed", worker=slot.number)
        finally:
            os._exit(code)

    def _listen_for_beats(self) -> None:
        """A worker whose loop has not turned for long is replaced."""
        now = time.monotonic()
        for slot, beat in zip(self.slots, self.counters.head(metrics.HEARTBEAT), strict=True):
            if beat != slot.beat:
                slot.beat, slot.beat_at = beat, now
            elif slot.pid and now - slot.beat_at > self.state.settings.hung_seconds:
                log.error("a worker hangs", worker=slot.number, pid=slot.pid)
                os.kill(slot.pid, signal.SIGKILL)
                slot.beat_at = now

    def _reap(self) -> None:
        for slot in self.slots:
            if slot.pid and os.waitpid(slot.pid, os.WNOHANG) != (0, 0):
                self._buried(slot)

    def _buried(self, slot: Slot) -> None:
        now = time.monotonic()
        self._hang_up(slot)
        self.state.settings.run_folder.joinpath(f"{slot.pid}.json").unlink(missing_ok=True)
        self.counters.set_live(slot.number, live=False)
        if not self.stopping:
            slot.died_young = slot.died_young + 1 if now - slot.started < YOUNG_SECONDS else 0
            delay = BACK_OFF_SECONDS[min(slot.died_young, len(BACK_OFF_SECONDS) - 1)]
            slot.due = now + delay
            self.counters.supervise(metrics.RESTARTS, self.counters.supervised(metrics.RESTARTS) + 1)
            log.error("worker died", worker=slot.number, pid=slot.pid, restart_seconds=delay)
        slot.pid = 0

    def _hang_up(self, slot: Slot) -> None:
        if slot.control is not None:
            self.selector.unregister(slot.control)
            slot.control.close()
            slot.control = slot.serving = None

    def _stop(self) -> None:
        log.info("stopping")
        notify("STOPPING=1")
        for listening in self.sockets:
            listening.close()
        for slot in self.slots:
            slot.due = None
        settings = self.state.settings
        until = time.monotonic() + settings.drain_seconds + settings.stop_seconds + KILL_AFTER_SECONDS
        self._signal_all(signal.SIGTERM)
        while any(slot.pid for slot in self.slots) and time.monotonic() < until:
            self._wait()
        self._signal_all(signal.SIGKILL)
        while any(slot.pid for slot in self.slots):
            self._wait()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # nothing is left to stop, and the exit code is to say so
        log.info("stopped")

    def _signal_all(self, number: signal.Signals) -> None:
        for slot in self.slots:
            if slot.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(slot.pid, number)
