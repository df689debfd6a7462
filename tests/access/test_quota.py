"""What a client may ask: one behaviour on both twins, and over processes that count in the same slot."""

import multiprocessing
import random
from collections.abc import Callable
from typing import Any

import pytest

import lookup._fast.quota
import lookup.access.quota
from lookup.access.caller import Limits
from lookup.access.quota import ENOUGH_NUMBERS, SECOND_NS, SLOTS, Quotas, QuotasFull

DAY = 20783
Make = Callable[..., Any]


@pytest.fixture(params=[lookup.access.quota.Account, lookup._fast.quota.Account], ids=["plain", "compiled"])
def make(request: pytest.FixtureRequest) -> Make:
    quotas = Quotas()
    quotas.secret = b"s" * 32

    def account(client: str = "clinic", **limits: Any) -> Any:
        made = request.param(quotas.slot(client), quotas.secret, Limits(**limits))
        return made, quotas

    return account


def numbers(count: int) -> list[int]:
    chance = random.Random(7)
    return [chance.randrange(10**10, 10**11) for _ in range(count)]


class TestRequests:
    def test_a_second_of_them_may_come_at_once_and_then_one_by_one(self, make: Make) -> None:
        account, _ = make(requests_per_second=10)
        answers = [account.request(SECOND_NS, DAY) for _ in range(11)]
        assert answers == [None] * 10 + ["requests"]
        assert account.request(SECOND_NS + SECOND_NS // 10, DAY) is None
        assert account.request(SECOND_NS + SECOND_NS // 10, DAY) == "requests"

    def test_what_was_not_used_is_not_saved_up(self, make: Make) -> None:
        account, _ = make(requests_per_second=10)
        account.request(SECOND_NS, DAY)
        assert [account.request(9 * SECOND_NS, DAY) for _ in range(11)] == [None] * 10 + ["requests"]

    def test_no_limit_is_none(self, make: Make) -> None:
        account, quotas = make()
        assert {account.request(1, DAY) for _ in range(1000)} == {None}
        assert [one.requests for one in quotas.usage()] == [1000]


class TestPersons:
    @pytest.mark.parametrize("limit", [50, 3000, 40_000])
    def test_are_counted_once_each_and_about_right(self, make: Make, limit: int) -> None:
        account, quotas = make(persons_per_day=limit)
        account.request(0, DAY)
        asked = 0
        for nin in numbers(limit * 2):
            account.person(nin, unknown=False)
            account.person(nin, unknown=False)
            asked += 1
            if asked % max(1, limit // 100) == 0 and account.request(asked, DAY) is not None:
                break
        assert abs(asked - limit) <= limit * 0.06 + 1
        (usage,) = quotas.usage()
        assert usage.numbers == 2 * asked
        assert list(quotas.usage(DAY)) == [usage]
        (tomorrow,) = quotas.usage(DAY + 1)  # before the first request of that day
        assert (tomorrow.requests, tomorrow.numbers, tomorrow.persons) == (usage.requests, 0, 0)
        assert usage.refused["persons"] == 1

    def test_another_day_begins_anew(self, make: Make) -> None:
        account, quotas = make(persons_per_day=5)
        account.request(0, DAY)
        for nin in numbers(10):
            account.person(nin, unknown=True)
        assert account.request(0, DAY) == "persons"
        assert account.request(0, DAY + 1) is None
        (usage,) = quotas.usage()
        assert (usage.numbers, usage.unknown, usage.persons) == (0, 0, 0)

    def test_the_twins_estimate_the_same(self) -> None:
        told = []
        for kind in (lookup.access.quota.Account, lookup._fast.quota.Account):
            quotas = Quotas()
            account = kind(quotas.slot("a"), b"k" * 32, Limits(persons_per_day=10**9))
            account.request(0, DAY)
            for nin in numbers(20_000):
                account.person(nin, unknown=False)
            told.append(next(quotas.usage()))
        assert told[0] == told[1]
        assert abs(told[0].persons - 20_000) < 1000


class TestUnknown:
    def test_a_share_of_them_says_that_somebody_is_guessing(self, make: Make) -> None:
        account, _ = make(unknown_share=0.5)
        account.request(0, DAY)
        for i in range(ENOUGH_NUMBERS - 1):
            account.person(i, unknown=True)
        assert account.request(0, DAY) is None  # too few to tell
        account.person(1, unknown=True)
        assert account.request(0, DAY) == "unknown"
        for i in range(ENOUGH_NUMBERS):
            account.person(i, unknown=False)
        assert account.request(0, DAY) is None


class TestSlots:
    def test_a_client_has_one_and_another_client_another(self, make: Make) -> None:
        one, quotas = make("one")
        other, again = make("other")[0], make("one")[0]
        for account in (one, other, again, again):
            account.request(0, DAY)
        assert {usage.client: usage.requests for usage in quotas.usage()} == {"one": 3, "other": 1}

    def test_a_long_name_has_one_too(self) -> None:
        quotas = Quotas()
        quotas.slot("n" * 200)[20] = 7
        assert quotas.slot("n" * 200)[20] == 7
        assert quotas.slot("n" * 201)[20] == 0

    def test_more_clients_than_slots_are_refused(self) -> None:
        quotas = Quotas()
        for i in range(SLOTS):
            quotas.slot(f"client {i}")
        quotas.slot("client 0")
        with pytest.raises(QuotasFull):
            quotas.slot("one more")


def _count(quotas: Quotas, allowed: Any, begin: Any) -> None:
    account = lookup._fast.quota.Account(
        quotas.slot("shared"), quotas.secret, Limits(requests_per_second=5000, persons_per_day=10**9)
    )
    begin.wait()
    let = sum(account.request(SECOND_NS, DAY) is None for _ in range(20_000))
    for nin in numbers(5000):
        account.person(nin, unknown=False)
    with allowed.get_lock():
        allowed.value += let


def test_processes_share_one_allowance() -> None:
    """The same moment for all: 5000 may pass, however many ask; and each person is one person."""
    context = multiprocessing.get_context("fork")
    quotas = Quotas()
    lookup._fast.quota.Account(quotas.slot("shared"), quotas.secret, Limits()).request(0, DAY)
    allowed, begin = context.Value("q", 0), context.Event()
    processes = [context.Process(target=_count, args=(quotas, allowed, begin)) for _ in range(4)]
    for process in processes:
        process.start()
    begin.set()
    for process in processes:
        process.join()
    assert allowed.value == 5000
    (usage,) = quotas.usage()
    assert (usage.requests, usage.numbers) == (80_001, 20_000)
    assert abs(usage.persons - 5000) < 300


def test_the_twins_have_the_same_slots() -> None:
    assert lookup._fast.quota.LAYOUT == lookup.access.quota.LAYOUT
