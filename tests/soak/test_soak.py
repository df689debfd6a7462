"""A bounded soak in the ordinary tests. `make soak` asks for more."""

from collections.abc import Iterator

import pytest

from tests.soak import health
from tests.soak.answers import Wrong
from tests.soak.line import ENDINGS
from tests.soak.play import Plan, play
from tests.soak.stage import Stage, staged


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("soak"), persons=300) as stage:
        yield stage


def test_no_response_reaches_another_requests_caller(stage: Stage) -> None:
    outcome = play(stage, Plan(30_000, connections=16, swap_seconds=0.3))
    assert outcome["answers"] >= 30_000
    assert outcome["endings"].keys() == ENDINGS.keys()
    assert outcome["swaps"] > 0
    assert outcome["left_unanswered"] > 0
    assert stage.service.metric("flr_handovers_total") > 0


def test_a_service_that_is_unwell_is_seen(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a soak of right answers would not show."""
    well = health.Health(stage.service)
    assert len(well.check()) == 2
    monkeypatch.setattr(health, "SETTLE_SECONDS", 0.2)
    for bound in ("GROWTH_BYTES", "UNDER_SANITIZER_BYTES"):
        monkeypatch.setattr(health, bound, -1)
    well.private = [0 for _ in well.pids]
    with pytest.raises(Wrong, match="have grown"):
        well.check()
    well.sockets = [0 for _ in well.sockets]
    with pytest.raises(Wrong, match="sockets are left open"):
        well.check()
    stage.service.lines.append('{"event": "internal error", "level": "error"}\n')
    with pytest.raises(Wrong, match="1 errors logged"):
        well.check()
    well.pids = well.pids[:1]
    with pytest.raises(Wrong, match="a worker has died"):
        well.check()
