"""One worker: an HTTP server on a loop of its own, and a thread that opens generations for it.

Told by the supervisor, over a socket, which generation to serve (one JSON object a line, `Order`, or null when there
is none), and when to look for a new certificate (RENEW); answers with a `Report`. A generation is opened, warmed and
tested on the thread; the loop only replaces one pointer, between two requests. One that is in service here already is
not opened again: it is mapped, whatever became of its folder. When the supervisor is gone the worker finishes what it
has and ends.
"""

import asyncio
import contextlib
import signal
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import structlog
import uvicorn
import uvloop

from lookup.choice import Order
from lookup.connections import SWEEP_SECONDS, Connections
from lookup.core import COMPILED
from lookup.current import ServiceState
from lookup.generation import Generation, open_generation
from lookup.manifest import GENERATIONS
from lookup.metrics import AUDIT_SPOOLING, AUDIT_UNAVAILABLE, CLIENTS_UNFIT, HEARTBEAT, REFUSED_CREDENTIALS
from lookup.ordinary import OrdinaryProtocol
from lookup.runfile import RunFile, State
from lookup.tls import Certificate, Handshake, WrongCertificate

if TYPE_CHECKING:
    from lookup.front import Front

log = structlog.get_logger()

RECEIVE_BYTES = 1 << 16
SAME_SIGNAL_SECONDS = 1.0  # a group is told as a whole, and then again by the supervisor
STOPPING_SECONDS = 0.02
ACCEPT_WITHIN_SECONDS = 5.0
RENEW = "certificate"  # what the supervisor says when there may be a new one
SWITCH_SECONDS = 1e-4  # the longest that the loop waits for the interpreter, when the thread has it


class Report(msgspec.Struct, frozen=True):
    """To the supervisor: this generation is in service here, or is not, and why."""

    name: str
    error: str | None = None


class _Server(uvicorn.Server):
    """Uvicorn's server, which stops in three steps (docs/operations.md)."""

    def __init__(self, config: uvicorn.Config, worker: "Worker") -> None:
        super().__init__(config)
        self._worker = worker
        self._told = 0.0
        self._hurry = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; a second signal, but not one that came with the first, cuts the waiting short."""
        now = time.monotonic()
        self._told = self._told or now
        self._hurry |= now - self._told > SAME_SIGNAL_SECONDS
        self.should_exit = True
        self._captured_signals.append(sig)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        certificate = self._worker.certificate
        public, *others = sockets or []
        await super().startup(sockets if certificate is None else others)
        if certificate is not None:
            await self._listen_securely(public, certificate)
        self._worker.accepting.set()

    async def _listen_securely(self, listening: socket.socket, certificate: Certificate) -> None:
        """As the server listens, but for the handshake."""
        config, members = self.config, self._worker.members
        kind: Callable[..., asyncio.Protocol] = config.http_protocol_class
        make = partial(
            kind,
            config=config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
            _loop=None,
        )
        loop = asyncio.get_running_loop()
        self.servers.append(
            await loop.create_server(
                lambda: Handshake(certificate, members, make), sock=listening, backlog=config.backlog
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        worker, settings = self._worker, self._worker.state.settings
        worker.drain()
        await self._until(lambda: False, settings.drain_seconds)
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        await self._until(lambda: worker.members.finish_all(time.monotonic()), settings.stop_seconds)
        for task in self.server_state.tasks:
            task.cancel()
        await self.lifespan.shutdown()

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        # Looked at again and again: a signal handler sets what ends it, and it happens once in a process's life.
        while time.monotonic() < until and not self._hurry and not condition():  # noqa: ASYNC110
            await asyncio.sleep(STOPPING_SECONDS)


class Worker:
    """The life of one worker process, after the fork."""

    def __init__(
        self,
        state: ServiceState,
        app: Any,
        sockets: list[socket.socket],
        control: socket.socket,
        slot: int,
        certificate: Certificate | None = None,
    ) -> None:
        """With a certificate, TLS is spoken on the first of the sockets."""
        if state.credentials is not None:
            state.credentials.begin()
            state.credentials.gate.on_refused = partial(state.counters.add, REFUSED_CREDENTIALS)
        if state.audit is not None:
            state.audit.begin(slot)
        self.state, self.control, self.sockets, self.certificate = state, control, sockets, certificate
        self.control.setblocking(False)
        self.members = Connections(state.settings, state.counters)
        self.front = _front(state, self.members)
        self.server = _Server(_config(state, app, self._protocol()), self)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._decided = asyncio.Event()  # there is a generation, or none to be had now
        self.accepting = asyncio.Event()  # connections are
        self._received = b""
        self._wanted: Order | None = None
        self._following: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "generation")
        self._run_file = RunFile(state.settings.run_folder)

    def _protocol(self) -> Callable[..., asyncio.Protocol]:
        if self.front is None:
            return partial(OrdinaryProtocol, self.members, self.state)
        return self.front.protocol

    def drain(self) -> None:
        """Go on serving, but say that it is not for long."""
        self.state.draining = True
        if self.front is not None:
            self.front.drain()
        self.say("draining")

    def stop(self, *_: object) -> None:
        """Stop accepting, finish what is in flight, end. Fit to be a signal handler."""
        self.server.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._decided.set)

    def run(self) -> None:
        """Serve until told to stop. The supervisor has seen to it that SIGTERM and SIGINT call `stop`."""
        sys.setswitchinterval(SWITCH_SECONDS)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self.say("starting")
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self.control, self._receive)
        beating = self._loop.create_task(self._beat())
        if self.state.credentials is not None:
            self._warming = self._loop.create_task(self.state.credentials.warm())
        try:
            # Who asks while a service starts is better off waiting for a moment than told that it cannot answer.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._decided.wait(), ACCEPT_WITHIN_SECONDS)
            if not self.server.should_exit:
                await self.server.serve(self.sockets)
        finally:
            beating.cancel()
            self._run_file.remove()
            if self.state.audit is not None:
                self.state.audit.stop()

    async def _beat(self) -> None:
        """Once a second: tell the supervisor that the loop turns, and do what is due each second."""
        while True:
            self.state.counters.add(HEARTBEAT)
            self.members.sweep(time.monotonic())
            self._look_after_access()
            await asyncio.sleep(SWEEP_SECONDS)

    def _look_after_access(self) -> None:
        """Take up clients that have changed; let the audit seal what is due."""
        state = self.state
        if state.credentials is not None:
            state.credentials.refresh()
            state.counters.set(CLIENTS_UNFIT, int(state.credentials.unfit))
        if state.audit is not None:
            state.counters.set(AUDIT_UNAVAILABLE, int(not state.audit.available))
            state.counters.set(AUDIT_SPOOLING, int(state.audit.spooling))
        if state.audit is not None and state.audit.beat() and self.front is not None:
            self.front.desk.record_in(state.audit.ledger)
            if state.gate is not None:
                state.gate.forget()  # tickets have the numbers of the ledger before

    def say(self, state: State) -> None:
        """Write the run file. A full disk does not stop a worker that serves."""
        generation = self.state.current.generation
        which = (None, None) if generation is None else (generation.serial, generation.digest8)
        try:
            self._run_file.write(state, *which)
        except OSError as error:
            log.error("run file not written", error=error.strerror)

    def _receive(self) -> None:
        try:
            data = self.control.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # the supervisor is gone
            asyncio.get_running_loop().remove_reader(self.control)
            self.stop()
            return
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            told = msgspec.json.decode(line, type=Order | Literal["certificate"] | None)
            if told == RENEW:
                self._renew()
                continue
            self._wanted = told  # of several, the last is what counts
            if told is None:
                self._decided.set()
        if self._wanted is not None and self._following is None:
            self._following = asyncio.get_running_loop().create_task(self._follow())

    def _renew(self) -> None:
        assert self.certificate is not None
        try:
            self.certificate.renew()
        except WrongCertificate as error:
            log.error("certificate not taken up", why=str(error))

    async def _follow(self) -> None:
        """Take up what is wanted, one generation after the other."""
        loop = asyncio.get_running_loop()
        while (order := self._wanted) is not None:
            self._wanted = None
            try:
                generation = await loop.run_in_executor(self._thread, self._prepare, order)
            except Exception as error:  # noqa: BLE001 -- whatever the reason, a worker goes on with what it has
                self.state.counters.count_failed_swap()
                self._report(Report(order.name, f"{type(error).__name__}: {error}"))
                self._decided.set()
                continue
            replaced = [self.state.current.swap(generation, pinned=order.pinned)]
            if self.front is not None:
                self.front.follow(generation)
            self.state.counters.count_swap(generation.serial, generation.as_of_seconds)
            self._decided.set()
            await self.accepting.wait()
            # Unmapping takes milliseconds: where ours is the last reference, it goes on the thread.
            await loop.run_in_executor(self._thread, self._settle, replaced)
            self._report(Report(generation.name))
            del generation
        self._following = None

    def _prepare(self, order: Order) -> Generation:
        current = self.state.current.generation
        if current is not None and current.name == order.name:
            return current
        generation = open_generation(Path(self.state.settings.data_dir, GENERATIONS, order.name), order.stamps)
        generation.warm()
        generation.self_test()
        return generation

    def _settle(self, replaced: list[Generation | None]) -> None:
        for generation in filter(None, replaced):
            generation.cool()
        replaced.clear()
        self.say("ready")

    def _report(self, report: Report) -> None:
        with contextlib.suppress(OSError):  # the supervisor is gone, which `_receive` sees too
            self.control.send(msgspec.json.encode(report) + b"\n")


def _front(state: ServiceState, members: Connections) -> "Front | None":
    """The compiled HTTP path, where there is one."""
    if not COMPILED or not state.settings.hot_path:
        return None
    from lookup.front import Front  # noqa: PLC0415 -- needs the compiled core

    return Front(state, members)


def _config(state: ServiceState, app: Any, protocol: Callable[..., asyncio.Protocol]) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=protocol,  # type: ignore[arg-type]
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


def handle_signals(worker: Worker) -> None:
    """SIGTERM and SIGINT stop the worker; a hang-up is the supervisor's to hear."""
    signal.signal(signal.SIGTERM, worker.stop)
    signal.signal(signal.SIGINT, worker.stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
