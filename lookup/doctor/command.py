"""The command: every check after the other, and what they have found, for people or as JSON."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from lookup.doctor import access, audit, configuration, data, host, service
from lookup.doctor.finding import STATES, Finding, Installation, shell, wrong
from lookup.doctor.loader import ask
from lookup.doctor.machine import here
from lookup.runfile import live_workers
from lookup.settings import TABLE, Settings
from register.ids import mask
from register.settings import SettingsError, read_settings

Check = Callable[[Installation], Iterator[Finding]]
CHECKS: Mapping[str, Check] = {
    configuration.SETTINGS: configuration.settings,
    data.FOLDER: data.folder,
    data.ROOM: data.room,
    data.GENERATION: data.generation,
    data.PINNED: data.pin,
    data.AGE: data.age,
    data.LOADER: data.loader,
    access.CLIENTS: access.clients,
    access.ISSUERS: access.issuers,
    access.PROXIES: access.proxies,
    access.TLS: access.tls,
    audit.AUDIT: audit.writable,
    audit.KEYS: audit.keys,
    audit.SEALS: audit.seals,
    service.WORKERS: service.workers,
    service.ADDRESS: service.addresses,
    host.CORE: host.core,
    host.FILES: host.open_files,
    host.MEMORY: host.memory,
    host.CLOCK: host.clock,
    host.KERNEL: host.kernel,
    host.DUMPS: host.dumps,
}


def run(flags: Mapping[str, object], arguments: argparse.Namespace) -> int:
    """Look at everything and print what was found; the place of the worst state in STATES.

    `flags` are the settings that the command line gives.
    """
    try:
        settings = read_settings(Settings, TABLE, os.environ, flags)
    except SettingsError as error:
        found = [configuration.unreadable(str(error))]
    else:
        found = list(examined(installation(settings, deep=arguments.deep, data_dir=arguments.data_dir)))
    found = [msgspec.structs.replace(one, what=mask(one.what), mend=one.mend and mask(one.mend)) for one in found]
    worst = max(STATES.index(one.state) for one in found)
    if arguments.json:
        said: dict[str, Any] = {"state": STATES[worst], "findings": found}
        sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
    else:
        sys.stdout.write(told(found))
    return worst


def installation(settings: Settings, *, deep: bool = False, data_dir: str | None = None) -> Installation:
    """What is here; `data_dir` is what the command line has named, and commands that mend something have to name."""
    workers = live_workers(settings.run_folder)
    given = ("--data-dir", data_dir) if data_dir else ()
    return Installation(
        settings=settings,
        loader=ask(*given),
        machine=here(workers[0].pid if workers else None),
        workers=workers,
        deep=deep,
        flags=f" {shell(*given)}" if given else "",
    )


def examined(site: Installation) -> Iterator[Finding]:
    """What every check finds. One that cannot look says so, and the others go on."""
    for name, check in CHECKS.items():
        try:
            yield from check(site)
        except OSError as error:
            mend = shell("ls", "-ld", error.filename) if error.filename else site.command("flr-lookup settings")
            yield wrong(name, f"{error.filename or 'something'}: {error.strerror or error}", mend)


def told(found: list[Finding]) -> str:
    """The findings in lines, the command that mends one under it."""
    states, checks = (max(map(len, words)) for words in (STATES, CHECKS))
    lines = []
    for one in found:
        lines.append(f"{one.state:<{states}}  {one.check:<{checks}}  {one.what}")
        if one.mend is not None:
            lines.append(f"{'':<{states}}  {'':<{checks}}  $ {one.mend}")
    return "\n".join(lines) + "\n"
