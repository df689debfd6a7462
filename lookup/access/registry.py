"""The clients as a process knows them: the file is taken up live, and one that has become unfit changes nothing."""

from pathlib import Path
from typing import NamedTuple

import structlog

from lookup.access.client import Certificate, Client
from lookup.access.clientsfile import ClientsError, read_clients

__all__ = ["Client", "ClientsError", "Registry", "read_clients"]

_log = structlog.get_logger()


class _Stamp(NamedTuple):
    """By what a file is told from the one before it."""

    inode: int
    size: int
    modified_ns: int
    changed_ns: int  # the mode, too


class Registry:
    """The clients as a process knows them. `refresh` looks whether they have changed; `version` tells that they have.

    A file that has become unfit or is gone leaves the list as it was, and `fault` says what is wrong until that is
    mended. A process that forks workers has to refresh its own list, too, or a new worker would begin with an old one.
    """

    def __init__(self, path: Path) -> None:
        """Without a file there are no clients. Raises ClientsError or OSError for one that cannot be read."""
        self._path = path
        self._stamp: _Stamp | None = None
        self.version = 0
        self.fault: str | None = None
        self._take({})
        if (stamp := self._look()) is not None:
            self._take(read_clients(path))
            self._stamp = stamp

    def client(self, name: str) -> Client | None:
        """The client of this name."""
        return self._clients.get(name)

    def of_certificate(self, sha256: str) -> tuple[Client, Certificate] | None:
        """The client whose certificate has this fingerprint."""
        return self._certificates.get(sha256)

    def of_token(self, client_id: str) -> Client | None:
        """The client that is registered for tokens of this client id."""
        return self._tokens.get(client_id)

    def __len__(self) -> int:
        return len(self._clients)

    def refresh(self) -> bool:
        """Take up the file if it is another; returns whether the clients are others now. Costs one `stat` otherwise."""
        try:
            stamp = self._look()
            if stamp is None:
                if not self._clients:  # nobody has been registered yet
                    self._stamp = self.fault = None
                    return False
                raise ClientsError(f"{self._path}: it is gone")
            if stamp == self._stamp:
                return False
            clients = read_clients(self._path)
        except ClientsError as error:
            self._stamp = stamp
            return self._keep(str(error))
        except OSError as error:  # it may pass: tried again at the next refresh
            self._stamp = None
            return self._keep(f"{self._path}: {error.strerror}")
        self._stamp, self.fault = stamp, None
        if clients == self._clients:
            return False
        self._take(clients)
        _log.info("clients taken up", clients=len(clients), version=self.version)
        return True

    def _look(self) -> _Stamp | None:
        try:
            about = self._path.stat()
        except FileNotFoundError:
            return None
        return _Stamp(about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)

    def _keep(self, fault: str) -> bool:
        if fault != self.fault:
            _log.error("clients not taken up", why=fault, kept=len(self._clients))
        self.fault = fault
        return False

    def _take(self, clients: dict[str, Client]) -> None:
        self._clients = clients
        self._certificates = {one.sha256: (each, one) for each in clients.values() for one in each.certificates}
        self._tokens = {each.token_client: each for each in clients.values() if each.token_client is not None}
        self.version += 1
