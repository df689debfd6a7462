"""What can stop the loader, each with its exit code. Messages never hold content of a record."""

import sys
import traceback

from register.ids import mask


class LoaderError(Exception):
    """Base of the tree; `exit_code` is what the command ends with. Itself: an error that nobody foresaw."""

    exit_code = 71

    def __init__(self, message: str) -> None:
        super().__init__(mask(message))


class UsageError(LoaderError):
    """The command was given wrongly."""

    exit_code = 64


class BadFeed(LoaderError):
    """The feed is not what the format says, or does not hold together. `faults` are "file:line: what" texts."""

    exit_code = 65

    def __init__(self, message: str, faults: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.faults = tuple(map(mask, faults))


class CanariesDiffer(BadFeed):
    """What the register would answer is not what the operator knows it must. `faults` name lines of the operator's."""


class BadGeneration(LoaderError):
    """A generation that was built or found does not verify."""

    exit_code = 65


class OutOfOrder(LoaderError):
    """The feed is older than what is in service."""

    exit_code = 65


class StaleData(LoaderError):
    """What is in service is older than it may be."""

    exit_code = 65


class SourceUnreachable(LoaderError):
    """The feed cannot be read where it should be."""

    exit_code = 69


class NotAdopted(LoaderError):
    """The generation is announced, but a live worker did not take it up in time."""

    exit_code = 70


class StorageError(LoaderError):
    """Input or output failed, or the disk is full."""

    exit_code = 74


class LockHeld(LoaderError):
    """Another loader is at work on the data folder. `stuck`: for so long that somebody should know."""

    exit_code = 75

    def __init__(self, message: str, *, stuck: bool) -> None:
        super().__init__(message)
        self.stuck = stuck


class ConfigurationError(LoaderError):
    """A setting is wrong."""

    exit_code = 78


def as_loader_error(error: Exception) -> LoaderError:
    """Any error as one of ours. Of one that nobody foresaw only the kind is told: the text may hold content."""
    if isinstance(error, LoaderError):
        return error
    if isinstance(error, OSError):
        return StorageError(f"{error.filename or 'input or output'}: {error.strerror}")
    return LoaderError(f"an error in the loader itself: {type(error).__name__}")


def tell_where(what: str, error: BaseException | None) -> None:
    """Say where something went wrong, and what kind of thing; never its message, which may hold a record's content."""
    where = [] if error is None else traceback.format_tb(error.__traceback__)
    sys.stderr.write("".join([*where, f"flr-loader: {what}: {type(error).__name__}\n"]))
