"""A follower over HTTP: two workers, loads and a rollback while it follows, and a restart in between."""

import json
from pathlib import Path

import pytest

from flr_client import Client, Resync
from loader.load import load
from loader.moves import rollback
from loader.progress import Progress
from loader.settings import Settings
from register.feed import canonical_line
from tests.follower import TABLES, Follower, Kept
from tests.loader.histories import History
from tests.service import Service


def export(history: History) -> Kept:
    return {
        table: {number: json.loads(canonical_line(record)) for number, record in history.state[table].items()}
        for table in TABLES.values()
    }


class Consumer:
    """A follower with a client of the register, and how far it has come."""

    def __init__(self, service: Service, export: Kept) -> None:
        self.follower = Follower(export)
        self.url = f"http://127.0.0.1:{service.address['port']}"
        self.pages = 0
        with Client(self.url) as register:
            self.position = register.latest().value.position

    def follow(self, limit: int = 7) -> None:
        """Take all pages there are. Raises Resync."""
        with Client(self.url) as register:
            for page in register.follow(self.position, limit=limit, keep=self._keep):
                assert page.withheld == 0
                for event in page.events:
                    self.follower.apply(event.event, event.body)
                self.pages += 1

    def _keep(self, position: str) -> None:
        self.position = position


def test_a_client_follows(tmp_path: Path) -> None:
    history = History(4)
    settings = Settings(data_dir=tmp_path / "data", keep_generations=9)

    def loaded(feed: Path) -> None:
        report = load(feed, settings, Progress(show=False))
        assert (report.outcome, report.adoption) == ("published", "adopted")

    first = history.write_full(tmp_path / "1", 1)
    load(first, settings, Progress(show=False))
    with Service(tmp_path / "data") as service:
        service.wait("serving")
        client = Consumer(service, export(history))
        loaded(history.write_day(tmp_path / "2", 2, 40))
        client.follow()
        assert client.follower.kept == export(history)
        assert client.pages > 3
        at_two = client.position
        history.write_day(tmp_path / "3", 3, 40)
        loaded(history.write_full(tmp_path / "full-3", 3))
        client.follow()
        assert client.follower.kept == export(history)
    rollback(settings, None, "it was wrong")
    with Service(tmp_path / "data") as service:
        service.wait("serving")
        client.url = f"http://127.0.0.1:{service.address['port']}"
        with pytest.raises(Resync) as caught:
            client.follow()
        assert caught.value.position == at_two
        again = Consumer(service, {})
        again.follow()
        assert (again.pages, again.position, again.follower.kept) == (1, at_two, {})
