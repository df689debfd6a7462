"""What is there before the first command of each runbook, by the page's name."""

import os
from collections.abc import Callable

from tests.docs.stages import FULL, Stage

SMALL_DISK_KB = 7000
OCCUPIED_KB = 2200
START = "systemctl start flr-lookup"
Situation = Callable[[Stage], None]
SITUATIONS: dict[str, Situation] = {}


def situation(prepare: Situation) -> Situation:
    """What prepares the page of this name."""
    SITUATIONS[prepare.__name__.replace("_", "-")] = prepare
    return prepare


@situation
def install(stage: Stage) -> None:
    stage.environment["FLR_CONFIG"] = str(stage.folder / "flr.toml")


@situation
def first_load(stage: Stage) -> None:
    install(stage)
    stage.deliver(FULL)


@situation
def daily_load(stage: Stage) -> None:
    stage.load(FULL)
    stage.deliver("000002-incremental", "000003-incremental")
    stage.first = [START]


@situation
def bad_data(stage: Stage) -> None:
    def spoiled(lines: list[str]) -> list[str]:
        return [*lines[:6], lines[6][: len(lines[6]) // 2] + "\n", *lines[7:]]

    stage.load(FULL)
    stage.deliver_changed("000002-full", 2, spoiled)
    stage.deliver_other("000003-full", 3, persons=1000)
    stage.first = [START]


@situation
def rollback(stage: Stage) -> None:
    stage.load(FULL, "000002-incremental", "000003-incremental")
    stage.first = [START]


@situation
def full_disk(stage: Stage) -> None:
    """The data folder is a filesystem of its own, that only the page's shell sees."""
    stage.load(FULL, "000002-incremental", "000003-incremental", "000004-incremental")
    stage.deliver_changed("000005-full", 5, lambda lines: lines)
    stage.run(START, f"mv flr {stage.house}/flr", "mkdir flr")
    mapped = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    stage.within = ["unshare", "--mount", *mapped]
    stage.first = [
        f"mount -t tmpfs -o size={SMALL_DISK_KB}k,mode=0750 tmpfs flr",
        f"cp -a {stage.house}/flr/. flr/",
        f"head -c {OCCUPIED_KB}k /dev/zero >flr/forgotten-backup",
        START,
    ]


@situation
def lost_node(stage: Stage) -> None:
    stage.run(
        "openssl genpkey -algorithm ed25519 -out signing.pem && openssl pkey -in signing.pem -pubout -out public.pem",
    )
    stage.environment["FLR_GENERATION_SIGNING_KEY"] = str(stage.folder / "signing.pem")
    stage.load(FULL, "000002-incremental")
    stage.register()
    stage.run("flr-loader push --to store", START, stage.asking())
    del stage.environment["FLR_GENERATION_SIGNING_KEY"]
    stage.first = [START]


@situation
def key_rotation(stage: Stage) -> None:
    stage.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 3 -subj /CN=old.example -keyout tls.key -out tls.pem",
        "chmod 0600 tls.key",
        "openssl genpkey -algorithm ed25519 -out old.pem && openssl pkey -in old.pem -pubout -out old-public.pem",
    )
    stage.environment |= {
        "FLR_TLS_CERTIFICATE": str(stage.folder / "tls.pem"),
        "FLR_TLS_KEY": str(stage.folder / "tls.key"),
    }
    stage.load(FULL)
    stage.register()
    stage.deliver("000002-incremental")
    stage.first = [START]


@situation
def revoked_client(stage: Stage) -> None:
    stage.load(FULL)
    stage.register()
    stage.first = [START, stage.asking()]


@situation
def insight(stage: Stage) -> None:
    stage.load(FULL)
    stage.register()
    stage.first = [START, stage.asking()]


@situation
def capacity(stage: Stage) -> None:
    stage.load(FULL)
    stage.first = [START]
