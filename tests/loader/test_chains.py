"""Of which chains of changed numbers an event may have moved the end."""

from hypothesis import given
from hypothesis import strategies as st

from loader.chains import behind


def test_all_that_leads_through_what_was_touched() -> None:
    news = {1: 2, 2: 3, 4: 3, 5: 6, 7: 5}
    assert behind(news, [3]) == {1, 2, 3, 4}
    assert behind(news, [5]) == {5, 7}
    assert behind(news, [9]) == {9}
    assert behind(news, []) == set()


def test_a_circle_has_an_end() -> None:
    assert behind({1: 2, 2: 1, 3: 1}, [2]) == {1, 2, 3}


numbers = st.integers(0, 12)


@given(st.dictionaries(numbers, numbers), st.sets(numbers))
def test_whatever_is_not_among_them_leads_where_it_did(news: dict[int, int], touched: set[int]) -> None:
    found = behind(news, touched)
    assert touched <= found
    for old in news:
        way, at = {old}, old
        while at in news and news[at] not in way:
            at = news[at]
            way.add(at)
        assert (old in found) == bool(way & touched)
