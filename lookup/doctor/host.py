"""Whether the machine is fit: the core, open files, memory, clock, kernel, and what memory may be written to."""

from collections.abc import Iterator

from lookup.doctor.data import bytes_in_service
from lookup.doctor.finding import Finding, Installation, ok, warning, wrong

SPARE_FILES = 256  # of a worker, besides its connections: maps, logs, the audit, sockets
WORKER_BYTES = 64 << 20  # private to a worker; 13 MB, and room for what is underway
BACKLOG = 2048  # that the service asks for
ENCRYPTED = ("/dev/zram", "/dev/dm-", "/dev/mapper/")  # in memory, or a mapped device: how swap is encrypted
LEAST_KERNEL = (5, 14)  # MADV_POPULATE_READ
CORE, FILES, MEMORY, CLOCK, KERNEL, DUMPS = "core", "open files", "memory", "clock", "kernel", "dumps"


def core(site: Installation) -> Iterator[Finding]:
    """The compiled core is there."""
    if site.machine.compiled:
        yield ok(CORE, "compiled")
        return
    mend = "unset FLR_PLAIN_CORE; pip install --force-reinstall --no-deps fastlegeregisteret"
    if site.settings.allow_plain:
        yield warning(CORE, "the plain one, as allow_plain has it: answers are slow", mend)
    else:
        yield wrong(CORE, "the compiled one is not there, and the service does not start without it", mend)


def open_files(site: Installation) -> Iterator[Finding]:
    """A worker may have as many files open as it may have connections."""
    needed, most = site.settings.max_connections + SPARE_FILES, site.machine.open_files
    if most >= needed:
        yield ok(FILES, f"{most} a process")
        return
    yield warning(
        FILES,
        f"{most} a process are not enough for {site.settings.max_connections} connections of a worker: LimitNOFILE is"
        f" to be {needed}, or max_connections {max(1, most - SPARE_FILES)}",
        "systemctl edit flr-lookup",
    )


def memory(site: Installation) -> Iterator[Finding]:
    """Two generations fit, since both are in memory while workers go over to a new one."""
    there = site.machine.memory_bytes
    if there is None:
        yield ok(MEMORY, "nobody can tell how much there is")
        return
    needed = 2 * bytes_in_service(site.settings.data_dir) + site.settings.worker_count * WORKER_BYTES
    if there >= needed:
        yield ok(MEMORY, f"{there >> 20} MB, of which {needed >> 20} MB are needed")
        return
    yield warning(
        MEMORY,
        f"{there >> 20} MB; two generations and {site.settings.worker_count} workers take {needed >> 20} MB, and for"
        " what does not fit requests wait for the disk",
        f"systemctl set-property flr-lookup MemoryMax={needed >> 20}M",
    )


def clock(site: Installation) -> Iterator[Finding]:
    """Something keeps the clock right: who is on whose list is asked for a moment, and tokens and proofs have times."""
    if site.settings.clock_offset:
        yield warning(CLOCK, "clock_offset is set, which is for tests", "unset FLR_CLOCK_OFFSET")
    elif site.machine.synchronised is False:
        yield warning(CLOCK, "nothing keeps it right, as the kernel has it", "timedatectl set-ntp true")
    else:
        yield ok(CLOCK, "synchronised" if site.machine.synchronised else "nobody can tell whether it is synchronised")


def kernel(site: Installation) -> Iterator[Finding]:
    """It knows what the service asks of it, and lets callers wait for a worker."""
    found = ".".join(map(str, site.machine.kernel))
    if site.machine.kernel < LEAST_KERNEL:
        least = ".".join(map(str, LEAST_KERNEL))
        yield warning(KERNEL, f"{found}: before {least}, a new generation's first answers are slow", "apt full-upgrade")
        return
    backlog = site.machine.backlog
    if backlog is not None and backlog < BACKLOG:
        yield warning(
            KERNEL,
            f"net.core.somaxconn is {backlog}: so many callers can wait to be accepted, and {BACKLOG} are to",
            f"sysctl -w net.core.somaxconn={2 * BACKLOG}",
        )
        return
    yield ok(KERNEL, found)


def dumps(site: Installation) -> Iterator[Finding]:
    """Memory, which holds national ids, is not written to a disk as it is."""
    bare = [one for one in site.machine.swaps if not one.startswith(ENCRYPTED)]
    if site.settings.core_dumps:
        yield warning(DUMPS, "core_dumps lets the system dump memory, which holds national ids", "unset FLR_CORE_DUMPS")
    if bare:
        yield warning(DUMPS, f"{', '.join(bare)}: swap, to which memory is written unencrypted", f"swapoff {bare[0]}")
    if not site.settings.core_dumps and not bare:
        yield ok(DUMPS, "no core dumps, and no swap that is not encrypted")
