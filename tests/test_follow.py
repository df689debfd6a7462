"""A follower over HTTP: two workers, loads and a rollback while it follows, and a restart in between."""

import json
from pathlib import Path
from typing import Any

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


class Client:
    """A follower, and how far it has come."""

    def __init__(self, service: Service, export: Kept) -> None:
        self.follower = Follower(export)
        _, _, body = service.ask("/v1/events/latest")
        self.position = json.loads(body)["position"]
        self.pages = 0

    def follow(self, service: Service, limit: int = 7) -> tuple[int, Any]:
        """Take all pages there are; returns (status, body) of the last one."""
        while True:
            status, headers, body = service.ask(f"/v1/events?after={self.position}&limit={limit}")
            said = json.loads(body)
            if status != 200:
                return status, said
            assert (headers["cache-control"], said["withheld"]) == ("no-store", 0)
            for event in said["events"]:
                self.follower.apply(event["event"], event["body"])
            self.position, self.pages = said["next"], self.pages + 1
            if not said["more"]:
                return status, said


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
        client = Client(service, export(history))
        loaded(history.write_day(tmp_path / "2", 2, 40))
        assert client.follow(service)[0] == 200
        assert client.follower.kept == export(history)
        assert client.pages > 3
        at_two = client.position
        history.write_day(tmp_path / "3", 3, 40)
        loaded(history.write_full(tmp_path / "full-3", 3))
        assert client.follow(service)[0] == 200
        assert client.follower.kept == export(history)
    rollback(settings, None, "it was wrong")
    with Service(tmp_path / "data") as service:
        service.wait("serving")
        status, said = client.follow(service)
        assert (status, said["type"], said["position"]) == (410, "urn:flr:problem:resync", at_two)
        status, said = Client(service, {}).follow(service)
        assert (status, said["events"], said["next"]) == (200, [], at_two)
