"""The identifiers: the vectors that the sources give, and what the control digits promise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.ids import (
    MASKED,
    Kind,
    Rule,
    Series,
    control_digits,
    format_national_id,
    is_her_id,
    is_hpr_number,
    is_national_id,
    is_organization_number,
    kind,
    mask,
    parse_national_id,
    residues,
    series,
)

NINE = st.text("0123456789", min_size=9, max_size=9)
# number, control residues, checked by hand against the published weights; some are of synthetic series
VECTORS = {
    "02013299997": (0, 0),
    "02013299903": (2, 0),
    "30108299920": (0, 0),
    "30108299939": (1, 0),
    "41814061033": (0, 0),
    "41810021827": (0, 0),
    "70019950032": (0, 0),
}
TODAY = [number for number, of in VECTORS.items() if of == (0, 0)]
FROM_2032_ONLY = [number for number, of in VECTORS.items() if of != (0, 0)]


@st.composite
def numbers(draw: st.DrawFn, rule: Rule = Rule.TODAY) -> str:
    choice = draw(st.integers(0, len(rule.value) - 1))
    nine = draw(NINE.filter(lambda digits: control_digits(digits, rule, choice) is not None))
    return f"{nine}{control_digits(nine, rule, choice)}"


@pytest.mark.parametrize(("number", "expected"), VECTORS.items())
def test_residues_are_those_of_the_sources(number: str, expected: tuple[int, int]) -> None:
    assert residues(number) == expected


@pytest.mark.parametrize("number", TODAY)
def test_a_number_of_today_is_valid_under_both_rules(number: str) -> None:
    assert is_national_id(number, Rule.TODAY)
    assert is_national_id(number, Rule.FROM_2032)
    assert is_national_id(number)


@pytest.mark.parametrize("number", FROM_2032_ONLY)
def test_a_number_from_2032_is_valid_under_that_rule_only(number: str) -> None:
    assert not is_national_id(number, Rule.TODAY)
    assert is_national_id(number, Rule.FROM_2032)


@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize(
    "text",
    [
        "12345678999",  # KS's fixture: fails modulo 11
        "",
        "0201329999",
        "020132999970",
        " 02013299997",
        "02013299997\n",
        "020132 99997",
        "-2013299997",
        "0201329999a",
        "０２０１３２９９９９７",  # full-width digits
        "٠٢٠١٣٢٩٩٩٩٧",  # Arabic-Indic digits
        "0201329999²",
        "0201329999\ud800",
    ],
)
def test_anything_else_is_refused(text: str, rule: Rule) -> None:
    assert not is_national_id(text, rule)
    assert parse_national_id(text, rule) is None


@pytest.mark.parametrize("number", VECTORS)
def test_parse_and_format_are_inverse(number: str) -> None:
    parsed = parse_national_id(number)
    assert parsed == int(number)
    assert format_national_id(parsed) == number


def test_a_leading_zero_is_kept() -> None:
    assert format_national_id(2013299997) == "02013299997"


@given(number=numbers())
def test_control_digits_of_today_make_valid_numbers(number: str) -> None:
    assert residues(number) == (0, 0)
    assert is_national_id(number, Rule.TODAY)


@given(nine=NINE, choice=st.integers(0, 3))
def test_control_digits_from_2032_make_valid_numbers_of_the_residue_chosen(nine: str, choice: int) -> None:
    control = control_digits(nine, Rule.FROM_2032, choice)
    if control is not None:
        assert residues(nine + control) == (choice, 0)
        assert is_national_id(nine + control, Rule.FROM_2032)
        assert is_national_id(nine + control, Rule.TODAY) == (choice == 0)


@given(nine=NINE)
def test_control_digits_find_every_valid_number_there_is(nine: str) -> None:
    valid = {f"{nine}{k:02d}" for k in range(100) if is_national_id(f"{nine}{k:02d}", Rule.FROM_2032)}
    made = {control_digits(nine, Rule.FROM_2032, choice) for choice in range(4)} - {None}
    assert valid == {f"{nine}{control}" for control in made}


def test_a_rule_has_no_more_choices_than_residues() -> None:
    assert control_digits("020132999", Rule.TODAY, 1) is None
    assert control_digits("020132999", Rule.FROM_2032, 4) is None


@pytest.mark.parametrize("rule", Rule)
@given(data=st.data())
def test_one_wrong_digit_is_always_found(rule: Rule, data: st.DataObject) -> None:
    """All weights of the second control digit differ from 0 modulo 11, so this holds under either rule."""
    number = data.draw(numbers(rule))
    place = data.draw(st.integers(0, 10))
    wrong = data.draw(st.sampled_from("0123456789").filter(lambda digit: digit != number[place]))
    assert not is_national_id(number[:place] + wrong + number[place + 1 :], rule)


@pytest.mark.parametrize("rule", Rule)
@given(data=st.data())
def test_two_neighbouring_digits_swapped_are_always_found(rule: Rule, data: st.DataObject) -> None:
    """Neighbouring weights of the second control digit differ modulo 11, so this holds under either rule."""
    number = data.draw(numbers(rule))
    place = data.draw(st.integers(0, 9))
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert is_national_id(swapped, rule) == (swapped == number)


@pytest.mark.parametrize(
    ("nine", "of_kind", "of_series"),
    [
        ("020132999", Kind.FNR, Series.REAL),
        ("311299000", Kind.FNR, Series.REAL),
        ("418140610", Kind.DNR, Series.SKATTEETATEN),
        ("700199500", Kind.DNR, Series.REAL),
        ("710199500", Kind.DNR, Series.REAL),
        ("812345678", Kind.FHN, Series.REAL),
        ("981299999", Kind.FHN, Series.REAL),
        ("018190000", Kind.FNR, Series.SKATTEETATEN),
        ("019290000", Kind.FNR, Series.SKATTEETATEN),
        ("016690000", Kind.FNR, Series.NHN),
        ("017790000", Kind.FNR, Series.NHN),
        ("416690000", Kind.DNR, Series.NHN),
        ("014190000", Kind.FNR, Series.NAV),
        ("015290000", Kind.FNR, Series.NAV),
        ("011290000", Kind.FNR, Series.REAL),
    ],
)
def test_kind_and_series_are_read_from_two_digits(nine: str, of_kind: Kind, of_series: Series) -> None:
    number = next(f"{nine}{c}" for choice in range(4) if (c := control_digits(nine, Rule.FROM_2032, choice)))
    assert (kind(number), series(number)) == (of_kind, of_series)
    assert is_national_id(number)


@pytest.mark.parametrize("number", ["02013299997", "12345678999"])
@pytest.mark.parametrize("form", ["{0}{1}", "{0} {1}", "{0}-{1}", "{0}.{1}", "nin={0}{1},", '"{0}{1}"', "x{0}{1}y"])
def test_mask_hides_everything_like_a_number(number: str, form: str) -> None:
    masked = mask(f"before {form.format(number[:6], number[6:])} after")
    assert MASKED in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert number[:6] not in masked
    assert number[6:] not in masked


def test_mask_leaves_other_numbers() -> None:
    text = "2026-11-23T10:00:00.123456 serial 123 org 999999999 size 123456789012 contract 1234567890"
    assert mask(text) == text


def test_mask_hides_each_of_several() -> None:
    assert mask("02013299997, 020132 99903") == f"{MASKED}, {MASKED}"


@pytest.mark.parametrize("number", [974760673, 993467049, 123456785])
def test_an_organisation_number_has_a_control_digit(number: int) -> None:
    assert is_organization_number(number)
    wrong = [number + d for d in range(-(number % 10), 10 - number % 10) if d]
    assert not any(is_organization_number(other) for other in wrong)


def test_an_organisation_number_of_remainder_one_does_not_exist() -> None:
    eight = next(n for n in range(10_000_000, 10_001_000) if _sum(n) % 11 == 1)
    assert not any(is_organization_number(eight * 10 + digit) for digit in range(10))
    nought = next(n for n in range(10_000_000, 10_001_000) if _sum(n) % 11 == 0)
    assert [digit for digit in range(10) if is_organization_number(nought * 10 + digit)] == [0]


def _sum(eight: int) -> int:
    return sum(int(c) * w for c, w in zip(str(eight), (3, 2, 7, 6, 5, 4, 3, 2), strict=True))


@pytest.mark.parametrize("number", [-1, -999999999, -(2**31 - 1)])
def test_a_historical_office_has_a_negative_number_without_control(number: int) -> None:
    assert is_organization_number(number)


@pytest.mark.parametrize("number", [0, 1, 99999999, 1234567890, -(2**31)])
def test_other_integers_are_no_organisation_numbers(number: int) -> None:
    assert not is_organization_number(number)


def test_her_id_and_hpr_number_are_ranges() -> None:
    assert [is_her_id(n) for n in (-1, 0, 1, 2**31 - 1, 2**31)] == [False, False, True, True, False]
    assert [is_hpr_number(n) for n in (-1, 0, 1, 999_999_999, 10**9)] == [False, False, True, True, False]
