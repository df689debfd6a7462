"""What flr-loader says of itself, asked as anybody may ask it, by its command: the service imports nothing of it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

PATIENCE_SECONDS = 60


class Loading(msgspec.Struct, frozen=True):
    """A loader at work: its process, and since when (RFC 3339)."""

    pid: int
    since: str


class Loader(msgspec.Struct, frozen=True, kw_only=True):
    """Its settings by name, and who is loading. `fault`: why it does not say."""

    settings: dict[str, Any] = {}
    loading: Loading | None = None
    fault: str | None = None


class _Status(msgspec.Struct):
    loading: Loading | None


class _Refused(msgspec.Struct):
    error: dict[str, Any]


def ask(*flags: str) -> Loader:
    """Ask for its settings and, where it publishes anywhere, its status; `flags` are for both."""
    settings: dict[str, Any] = {}
    try:
        settings = msgspec.json.decode(_said("settings", *flags))
        if not Path(settings["data_dir"]).is_dir():
            return Loader(settings=settings)
        status = msgspec.json.decode(_said("status", "--stale-after", "0", *flags), type=_Status)
    except _Silent as error:
        return Loader(settings=settings, fault=str(error))
    return Loader(settings=settings, loading=status.loading)


class _Silent(Exception):
    """It said something else."""


def _said(*arguments: str) -> bytes:
    command = [sys.executable, "-P", "-m", "loader", *arguments, "--json"]  # -P: ours, not what lies about here
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        raise _Silent(f"flr-loader {arguments[0]} did not answer within {PATIENCE_SECONDS} s") from None
    if done.returncode:
        try:
            why = msgspec.json.decode(done.stdout, type=_Refused).error["message"]
        except msgspec.DecodeError:
            why = f"it ended with {done.returncode}"
        raise _Silent(f"flr-loader {arguments[0]}: {why}")
    return done.stdout
