"""Some of the drills of `make faults`, that they can fail, and a service that is asked through all of them."""

from pathlib import Path

import pytest

from tests.faults.asking import under_load
from tests.faults.campaign import FAULTS, KILLED, STORAGE, Campaign
from tests.faults.holds import Broken, check, check_tidy
from tests.faults.stories import AND_BACK, FIRST, INCREMENT, KEEP_ONE, ROLLBACK, STORIES, Story
from tests.lookup.swaps import damage

ROUNDS = 6
SOME = [(story, FAULTS[(i + turn) % len(FAULTS)]) for i, story in enumerate(STORIES) for turn in (0, 3)]


@pytest.mark.parametrize(("story", "fault"), SOME, ids=[f"{story.name}-{fault}" for story, fault in SOME])
def test_a_fault_where_generations_are_put_in_their_place(campaign: Campaign, story: Story, fault: str) -> None:
    campaign.drill(story, fault, campaign.calls(story) - 10)


def test_before_and_behind_the_swap(campaign: Campaign) -> None:
    """Of the last calls of an increment some come before CURRENT is replaced, and some behind it."""
    calls = campaign.calls(INCREMENT)
    assert {campaign.drill(INCREMENT, "kill", at) for at in range(calls - 12, calls, 5)} == {"done", "not done"}


def test_what_a_removal_that_was_killed_has_left_is_gone_with_the_next_load(campaign: Campaign) -> None:
    """The removal is what comes just before the report."""
    calls = campaign.calls(KEEP_ONE)
    for at in (calls - 9, calls - 7):
        campaign.drill(KEEP_ONE, "kill", at)


@pytest.mark.parametrize(
    ("fault", "code"),
    [("kill", KILLED), ("kill-all", KILLED), ("full", STORAGE), ("sync", STORAGE), ("read-only", STORAGE)],
)
def test_a_fault_does_what_it_is_called(campaign: Campaign, fault: str, code: int) -> None:
    with campaign.fresh(INCREMENT) as data:
        fired = campaign.fire(data, INCREMENT, fault, 5)
    assert (fired.code, fired.told, fired.calls >= 5) == (code, 0, True)


def test_a_story_stops_where_harm_was_done(campaign: Campaign) -> None:
    first = campaign.calls(INCREMENT)
    with campaign.fresh(AND_BACK) as data:
        assert campaign.fire(data, AND_BACK, "kill", first + 10)[:2] == (1, KILLED)
        campaign.check(data, AND_BACK, 1)


def test_what_does_not_hold_is_found(campaign: Campaign) -> None:
    with campaign.fresh(ROLLBACK) as data:
        loaded = INCREMENT._replace(begin="two")
        campaign.check(data, loaded, 0)
        check_tidy(data, loaded, campaign.digests)
        with pytest.raises(Broken, match="there are only"):
            check_tidy(data, loaded._replace(left=frozenset({1, 2, 3})), campaign.digests)
        (data / "staging" / "left").mkdir()
        with pytest.raises(Broken, match="left behind"):
            check_tidy(data, loaded, campaign.digests)
        with pytest.raises(Broken, match="CURRENT names 2"):
            campaign.check(data, FIRST, 0)
        with pytest.raises(Broken, match="another register"):
            check(data, (2,), {1: "0" * 32, 2: "0" * 32})
    with campaign.fresh(INCREMENT) as data:
        name = (data / "CURRENT").read_text().strip()
        index = data / "gen" / name / "index.mdb"
        content = index.read_bytes()
        index.unlink()  # the copy shares it with the original
        index.write_bytes(content)
        damage(index.parent)
        with pytest.raises(Broken, match="nothing can be served"):
            campaign.check(data, INCREMENT, 0)


def test_a_service_is_asked_through_it_all(campaign: Campaign, tmp_path: Path) -> None:
    """Loads that come to harm, loads that do not, and rollbacks, and every answer is right."""
    assert set(under_load(campaign, tmp_path, ROUNDS)) == {"1", "2"}
