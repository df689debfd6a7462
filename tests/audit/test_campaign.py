"""A short campaign; `make faults` runs a long one."""

from pathlib import Path

import pytest

from lookup.audit.ledger import Ledger
from tests.audit import campaign, writing
from tests.audit.writing import asked


def test_no_answer_without_its_record_wherever_it_is_killed(in_memory: Path) -> None:
    came = campaign.campaign(in_memory, 60, seed=5)
    assert came.answers > 500
    assert came.segments > 30


def test_the_campaign_sees_an_answer_that_goes_before_its_record(
    in_memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hasty(series: object, nin: int) -> bool:
        return nin % 10 == 0 or asked(series, nin)  # type: ignore[arg-type]

    monkeypatch.setattr(campaign, "asked", hasty)
    with pytest.raises(campaign.Broken, match="answers without a record"):
        campaign.campaign(in_memory, 10, seed=5)


def test_the_campaign_sees_a_record_that_is_lost(in_memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless(Ledger):
        def record(self, *arguments: object) -> bool:
            return True

    monkeypatch.setattr("lookup.audit.series.Ledger", Careless)
    with pytest.raises(campaign.Broken, match="answers without a record"):
        campaign.campaign(in_memory, 5, seed=5)
    assert writing.KEYS.version == 1
