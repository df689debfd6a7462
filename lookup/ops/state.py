"""The shapes of `/ops/state`: all that the operations page shows, as JSON. Times are RFC 3339, shares from 0 to 1."""

from typing import Literal

from lookup.shapes import Shape


class Finding(Shape, frozen=True, kw_only=True):
    """Something to look at: its name in docs/operations.md, how soon, what it is, and commands to begin with."""

    name: str
    level: Literal["now", "soon", "known"]
    what: str
    run: list[str]


class Generation(Shape, frozen=True, kw_only=True):
    """The generation in service at the worker that was asked."""

    name: str
    serial: int
    as_of: str
    age_seconds: int
    source: str
    built_at: str
    base: str | None
    counts: dict[str, int]
    omitted: int
    bytes: int


class Folder(Shape, frozen=True, kw_only=True):
    """The data folder: what is named, there and refused; since when a loader has been at work, if one is."""

    data_dir: str
    current: str | None
    pin: str | None
    generations: list[str]
    refused: dict[str, str]  # name -> reason
    before: str | None  # what `rollback` would go back to
    loading_since: str | None


class Worker(Shape, frozen=True, kw_only=True):
    """One worker that is alive, as its run file says it."""

    pid: int
    state: str
    generation: str | None
    since: str


class Load(Shape, frozen=True, kw_only=True):
    """A load, a pull, or a move between generations."""

    verb: str
    at: str
    outcome: str
    generation: str | None
    previous: str | None
    reason: str | None
    feed: str | None
    message: str | None
    exit_code: int
    adoption: str | None
    workers: int
    drift: list[str]
    drift_accepted: bool
    faults: list[str]
    warnings: list[str]
    omitted: int
    changes: dict[str, dict[str, int]]
    seconds: float


class Pace(Shape, frozen=True, kw_only=True):
    """What callers met with up to a moment, over `seconds`: rates a second, and percentiles in seconds."""

    at: float
    seconds: float
    requests: float
    persons: float
    failed: float
    refused: float
    p50: float | None
    p99: float | None


class Route(Shape, frozen=True, kw_only=True):
    """One route over the last minutes."""

    route: str
    requests: float  # a second
    failed: int
    refused: int
    p50: float | None
    p99: float | None


class Client(Shape, frozen=True, kw_only=True):
    """A client today: how far it is to its nearest limit (`used` is a share of it; None: it has none)."""

    name: str
    requests: int  # since the service began
    numbers: int
    unknown: int
    persons: int
    refused: dict[str, int]  # since the service began
    used: float | None
    limit: str | None


class Audit(Shape, frozen=True, kw_only=True):
    """Who asked whom: whether that is recorded, and where."""

    folder: str
    sync: str
    unavailable: int  # workers that cannot record
    spooling: int  # workers that record in the second place
    spool: str | None


class OpsState(Shape, frozen=True, kw_only=True):
    """All of it. `restarts` and `failed_swaps` are of the last hour."""

    at: str
    host: str
    version: str
    ok: bool
    findings: list[Finding]
    generation: Generation | None
    folder: Folder
    draining: bool
    workers: list[Worker]
    workers_wanted: int
    restarts: int
    failed_swaps: int
    not_served: bool
    fallback: bool
    clients_unfit: int
    certificate_days: float | None
    free: dict[str, int]
    now: Pace | None
    hour: list[Pace]
    routes: list[Route]
    routes_seconds: float
    loads: list[Load]
    audit: Audit | None
    clients: list[Client]
    clients_registered: int | None
