"""Object storage as the loader sees it: small objects read whole, large ones in parts, objects put, listed, removed.

What is behind it is `s3://bucket/prefix` (any S3-compatible store), an `http://` or `https://` address (read only, and
never listed), or a folder. The library is obstore, an optional dependency; every error of its becomes one of ours
here. Nothing reads or writes more at a time than it says.
"""

import asyncio
import os
import re
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar
from urllib.parse import urlsplit

from loader.errors import ConfigurationError, SourceUnreachable, StorageError, UsageError
from loader.settings import Settings

if TYPE_CHECKING:
    from obstore.store import ClientConfig, HTTPStore, LocalStore, RetryConfig, S3Store

PART_BYTES = 8 << 20
TRANSFERS = 2  # at a time, of one node: fifty nodes that fetch at once are a hundred transfers for the store
MOST_TOLD = 300  # characters of an error of the library
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_BUCKET = re.compile("[A-Za-z0-9][A-Za-z0-9._-]*")

_HALF = re.compile(r".+#[0-9]+")  # how the library names what it has not yet renamed, in a folder

T = TypeVar("T")


class Missing(SourceUnreachable):
    """There is no such object."""


class Taken(StorageError):
    """There is such an object already."""


def is_url(text: str) -> bool:
    """Whether a place is given as a URL; what is not one is a folder."""
    return "://" in text


class Objects:
    """The objects below one place. Raises SourceUnreachable, of which Missing; for a folder also StorageError."""

    def __init__(self, place: str, settings: Settings, *, make: bool = False) -> None:
        """`make`: a folder that is not there is made, in one that is. Raises UsageError or ConfigurationError."""
        _require_library()
        self.place = place if place.endswith("://") else place.rstrip("/") or "/"
        self._folder: Path | None = None
        self._conditional = settings.conditional_put or not self.place.startswith("s3:")
        self._store, self.scheme = self._open(settings, make=make)

    def _open(self, settings: Settings, *, make: bool) -> "tuple[S3Store | HTTPStore | LocalStore, str]":
        from obstore.store import HTTPStore, LocalStore, S3Store  # noqa: PLC0415

        if not is_url(self.place):
            self._folder = Path(self.place)
            if make and not self._folder.exists():
                if not self._folder.parent.is_dir():
                    raise ConfigurationError(f"there is no folder {self._folder.parent}")
                self._folder.mkdir(mode=0o750)
            if not self._folder.is_dir():
                raise SourceUnreachable(f"{self.place}: there is no such folder")
            return LocalStore(self._folder.resolve(), automatic_cleanup=True), "folder"
        parts = urlsplit(self.place)
        if parts.username or parts.password or parts.query or parts.fragment:
            raise UsageError("a place holds neither credentials nor a query: credentials come from the environment")
        if parts.scheme == "s3" and _BUCKET.fullmatch(parts.netloc):
            return S3Store(
                parts.netloc,
                prefix=parts.path.strip("/") or None,
                client_options=_client(settings, _endpoint()),
                retry_config=_retry(),
            ), "s3"
        if parts.scheme in {"http", "https"} and parts.hostname:
            return HTTPStore(
                self.place, client_options=_client(settings, self.place), retry_config=_retry()
            ), parts.scheme
        raise UsageError(f"{self.place}: neither s3://BUCKET/PREFIX, nor http(s)://HOST/PATH, nor a folder")

    def read(self, key: str, most_bytes: int) -> bytes:
        """A small object, whole. One that is larger than it may be is refused unread."""

        async def get() -> bytes:
            import obstore  # noqa: PLC0415

            found = await obstore.get_async(self._store, key)
            if found.meta["size"] > most_bytes:
                raise SourceUnreachable(f"{self._at(key)}: larger than {most_bytes} bytes")
            return bytes(await found.bytes_async())

        return self._wait(key, get)

    async def part(self, key: str, start: int, end: int) -> memoryview:
        """The bytes from `start` to `end` of an object."""
        import obstore  # noqa: PLC0415

        with self._reaching(key):
            data = memoryview(await obstore.get_range_async(self._store, key, start=start, end=end))
        if len(data) != end - start:
            raise SourceUnreachable(f"{self._at(key)}: shorter than it should be")
        return data

    def size(self, key: str) -> int | None:
        """How large an object is, or None where there is none."""

        async def head() -> int:
            import obstore  # noqa: PLC0415

            return (await obstore.head_async(self._store, key))["size"]

        try:
            return self._wait(key, head)
        except Missing:
            return None

    def put(self, key: str, content: bytes | BinaryIO, *, new: bool = False) -> None:
        """Put an object, at once or not at all. `new`: raises Taken where there is one already."""
        if new and not self._conditional and self.size(key) is not None:
            raise Taken(f"{self._at(key)} is already there")

        async def put() -> None:
            import obstore  # noqa: PLC0415

            await obstore.put_async(
                self._store,
                key,
                content,
                mode="create" if new and self._conditional else "overwrite",
                chunk_size=PART_BYTES,
                max_concurrency=TRANSFERS,
            )

        with self._closed_to_others():
            self._wait(key, put)

    @contextmanager
    def _closed_to_others(self) -> Iterator[None]:
        """In a folder: files are personal data, whoever the umask lets read them."""
        before = None if self._folder is None else os.umask(0o027)
        try:
            yield
        finally:
            if before is not None:
                os.umask(before)

    def sweep(self, prefix: str) -> None:
        """Remove what puts that were killed half way have left directly below `prefix`. Only a folder shows it."""
        if self._folder is not None:
            for path in (self._folder / prefix).glob("*#*"):
                if _HALF.fullmatch(path.name):
                    path.unlink(missing_ok=True)

    def names(self, prefix: str = "") -> list[str]:
        """The names directly below `prefix` that have objects below them."""

        async def below() -> list[str]:
            import obstore  # noqa: PLC0415

            found = await obstore.list_with_delimiter_async(self._store, prefix or None)
            return sorted(path.rstrip("/").rsplit("/", 1)[-1] for path in found["common_prefixes"])

        return self._wait(prefix, below)

    def remove(self, prefix: str, first: str) -> None:
        """Remove all objects below `prefix`, the one named `first` before all others."""

        async def delete() -> None:
            import obstore  # noqa: PLC0415

            found = await obstore.list(self._store, prefix).collect_async()
            keys = sorted((one["path"] for one in found), key=lambda key: (key != f"{prefix}/{first}", key))
            for key in keys:
                await obstore.delete_async(self._store, key)

        self._wait(prefix, delete)
        if self._folder is not None:  # what a put that was killed half way has left
            shutil.rmtree(self._folder / prefix, ignore_errors=True)

    def _wait(self, key: str, call: Callable[[], Awaitable[T]]) -> T:
        """Run one call to its end. In an event loop, so that a signal is heard while a store does not answer."""

        async def run() -> T:
            return await call()

        with self._reaching(key):
            return asyncio.run(run())

    @contextmanager
    def _reaching(self, key: str) -> Iterator[None]:
        from obstore.exceptions import (  # noqa: PLC0415
            AlreadyExistsError,
            BaseError,
            PermissionDeniedError,
            UnauthenticatedError,
        )

        try:
            yield
        except FileNotFoundError:
            raise Missing(f"{self._at(key)} is not there") from None
        except AlreadyExistsError:
            raise Taken(f"{self._at(key)} is already there") from None
        except (PermissionDeniedError, UnauthenticatedError):
            raise SourceUnreachable(f"{self._at(key)}: access is denied") from None
        except BaseError as error:
            told = f"{self._at(key)}: {str(error).splitlines()[0][:MOST_TOLD]}"
            raise (SourceUnreachable(told) if self._folder is None else StorageError(told)) from None

    def _at(self, key: str) -> str:
        return f"{self.place}/{key}" if key else self.place


def _require_library() -> None:
    try:
        import obstore  # noqa: F401, PLC0415
    except ImportError:
        raise ConfigurationError(
            "object storage needs the extra `cluster`: pip install 'fastlegeregisteret[cluster]'"
        ) from None


def _endpoint() -> str:
    return next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), "https://")


def _client(settings: Settings, url: str) -> "ClientConfig":
    plain = url.startswith("http://")
    if plain and not (settings.allow_http or _is_loopback(urlsplit(url).hostname or "")):
        raise ConfigurationError(
            f"{url}: not over plain HTTP, unless allow_http is set: generations hold personal data"
        )
    # A part may take its time, as long as it moves.
    return {
        "allow_http": plain,
        "connect_timeout": timedelta(seconds=5),
        "read_timeout": timedelta(seconds=20),
        "timeout": timedelta(minutes=10),
    }


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _retry() -> "RetryConfig":
    return {"max_retries": 3, "retry_timeout": timedelta(seconds=60)}
