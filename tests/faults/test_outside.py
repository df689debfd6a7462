"""What comes from outside: some of the drills of `make faults`."""

import pytest

from tests.faults.campaign import Campaign
from tests.faults.outside import (
    CHANGES,
    at_once,
    clock_set_back,
    feed_changed,
    read_only,
    second_loader,
    stopped,
)
from tests.faults.stories import FULL, INCREMENT, LOAD_INCREMENT


def test_a_second_loader_is_held_off(campaign: Campaign) -> None:
    assert second_loader(campaign, INCREMENT, 20) == "held off"


def test_of_two_that_are_started_together_one_does_it(campaign: Campaign) -> None:
    assert at_once(campaign, INCREMENT) in {"one held off", "one after the other"}


@pytest.mark.parametrize("change", CHANGES)
def test_a_feed_that_changes_before_it_is_read_to_its_end_is_refused(campaign: Campaign, change: str) -> None:
    assert feed_changed(campaign, INCREMENT, change, 1) == "refused"


def test_a_feed_that_changes_while_its_first_tables_have_been_read_is_refused(campaign: Campaign) -> None:
    assert feed_changed(campaign, FULL, "replace", 8) == "refused"


def test_what_becomes_of_a_feed_that_has_been_read_does_not_matter(campaign: Campaign) -> None:
    assert feed_changed(campaign, INCREMENT, "truncate", 40) == "had been read"


def test_order_is_by_sequence_wherever_the_clock_stands(campaign: Campaign) -> None:
    assert clock_set_back(campaign) == "in order"


@pytest.mark.parametrize(("folder", "came_to"), [("gen", "not done"), ("reports", "done, no report")])
def test_a_folder_that_is_read_only_is_told_of(campaign: Campaign, folder: str, came_to: str) -> None:
    assert read_only(campaign, INCREMENT, folder) == came_to


def test_a_loader_that_is_stopped_goes_on(campaign: Campaign) -> None:
    with campaign.fresh(INCREMENT) as data:
        with stopped(campaign, data, LOAD_INCREMENT, 10) as run:
            assert list((data / "staging").iterdir())
        assert run.result() == (0, "")
