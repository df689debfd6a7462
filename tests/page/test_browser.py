"""The page in a real browser, over TLS, with two workers behind it: what a clinician sees, does, and leaves behind."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, expect

from tests.lookup import village
from tests.page import stage
from tests.page.browser import PATIENCE_MS, WCAG, Clinician, chromium
from tests.page.stage import Stage, staged

STATES = {
    village.LISTED: ("Per Lie", "assigned"),
    village.ON_VACANT: ("Liste uten fastlege", "vacant"),
    village.NOBODY: ("Ingen fastlege", "none"),
    village.UNKNOWN: ("Ukjent nummer", "unknown"),
    village.PROTECTED: ("Per Lie", "assigned"),
}
RULES = {
    "desk": WCAG,
    "phone": ["target-size", "meta-viewport", "scrollable-region-focusable"],
    "dark": ["color-contrast"],
}
SCREENS: dict[str, dict[str, Any]] = {
    "desk": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 320, "height": 640}, "is_mobile": True, "has_touch": True},
    "dark": {"viewport": {"width": 1024, "height": 768}, "color_scheme": "dark"},
}
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("page")) as stage:
        yield stage


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def clinician(here: Stage, browser: Browser) -> Iterator[Clinician]:
    with Clinician(browser, here.url, **SCREENS["desk"]) as clinician:
        yield clinician


@pytest.mark.parametrize("screen", SCREENS)
def test_every_state_is_readable_by_everybody_on_every_screen(here: Stage, browser: Browser, screen: str) -> None:
    found: dict[str, list[str]] = {}

    def look(what: str) -> None:
        found[what] = clinician.faults(RULES[screen]) + (["too wide"] if clinician.is_too_wide() else [])

    with Clinician(browser, here.url, **SCREENS[screen]) as clinician:
        clinician.page.goto(f"{here.url}/oppslag")
        look("welcome")
        clinician.sign_in()
        clinician.page.get_by_text("Hjelp", exact=True).click()
        look("form")
        for nin, (heading, _) in STATES.items():
            assert clinician.ask(nin) == heading
            look(heading)
        assert clinician.ask("12345678901", None) == "Det er to ting som må rettes"
        look("wrong")
        clinician.press("button", "Logg ut")
        look("signed out")
        clinician.sign_in("Nils Uten Tilgang")
        look("not admitted")
        assert all(faults == [] for faults in found.values()), found
        assert not any("Content Security Policy" in said for said in clinician.said), clinician.said
        assert {url.split("/oppslag")[0] for url in clinician.asked if not url.startswith(here.provider.url)} == {
            here.url
        }


def test_an_answer_tells_who_it_is_and_how_to_reach_them(clinician: Clinician) -> None:
    clinician.sign_in()
    clinician.ask(village.LISTED)
    answer = clinician.page.locator("section.answer")
    expect(answer).to_have_class(re.compile("assigned"))
    expect(answer.get_by_role("link", name="Ring 22 00 00 00")).to_have_attribute("href", "tel:22000000")
    for told in (
        *(
            "Storgata legesenter",
            "Storgata 1, 0155 Oslo",
            "Postboks 12",
            "4000002",
            "siden 1.\N{NO-BREAK SPACE}januar 2022",
        ),
        *("Ola Lie", "til og med 30.\N{NO-BREAK SPACE}november 2026", "Kari Lie", "Øyeblikkelig hjelp"),
        f"{village.LISTED[:6]} {village.LISTED[6:]}",
    ):
        expect(answer).to_contain_text(told)
    assert clinician.page.title() == "Svar – Pasientens fastlege"


def test_with_the_keyboard_alone(clinician: Clinician) -> None:
    """Sign in, ask, read, correct, ask again: no pointer."""
    page, keyboard = clinician.page, clinician.page.keyboard
    page.goto(f"{clinician.url}/oppslag")
    until_on(clinician, "Logg inn med HelseID")
    clinician.enter()
    until_on(clinician, "Kari Lie")
    clinician.enter()
    assert clinician.focused() == "nummer"
    keyboard.type(village.LISTED[:6] + " " + village.LISTED[6:])
    clinician.enter()
    expect(page.get_by_role("alert")).to_contain_text("Velg hvorfor du slår opp")
    assert clinician.focused() == "grunn"
    expect(page.get_by_label("Fødselsnummer")).not_to_have_value("")
    keyboard.press("ArrowDown")
    clinician.enter()
    expect(page.locator("section.answer")).to_contain_text("Undersøkelse eller behandling")
    assert clinician.focused() == "svar"
    keyboard.press("Tab")
    assert page.evaluate("document.activeElement.href") == "tel:22000000"
    keyboard.press("Tab")
    assert clinician.focused() == "nummer"
    keyboard.type("1")
    keyboard.press("Tab")
    keyboard.press("Space")
    clinician.enter()
    expect(page.get_by_role("alert")).to_contain_text("Ugyldig nummer")
    assert clinician.focused() == "nummer"


def until_on(clinician: Clinician, text: str) -> None:
    """Tab on to what has this text."""
    for _ in range(10):
        clinician.page.keyboard.press("Tab")
        if clinician.page.evaluate("document.activeElement.innerText") == text:
            return
    raise AssertionError(f"nobody comes to {text!r} by Tab")


def test_a_number_is_in_no_address_history_or_store_of_the_browser(clinician: Clinician) -> None:
    clinician.sign_in()
    for nin in STATES:
        clinician.ask(nin)
        assert clinician.page.url == f"{clinician.url}/oppslag"
    numbers = [
        nin for nin in (*STATES, stage.CLINICIAN.pid) for nin in (nin, f"{nin[:6]} {nin[6:]}", f"{nin[:6]}+{nin[6:]}")
    ]
    session = clinician.context.new_cdp_session(clinician.page)
    history = session.send("Page.getNavigationHistory")["entries"]
    kept = (
        str(history) + str(clinician.context.cookies()) + str(clinician.context.storage_state()) + str(clinician.asked)
    )
    assert [nin for nin in numbers if nin in kept] == []
    assert clinician.page.evaluate("localStorage.length + sessionStorage.length") == 0
    clinician.page.goto(f"{clinician.url}/oppslag")
    expect(clinician.page.get_by_label("Fødselsnummer")).to_have_value("")


def test_the_session_is_a_cookie_that_no_script_and_no_other_site_has(here: Stage, clinician: Clinician) -> None:
    clinician.sign_in()
    (cookie,) = [one for one in clinician.context.cookies() if one["name"] != "x"]
    assert (cookie["name"], cookie["path"]) == ("__Host-flr-session", "/")
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["expires"]) == (True, True, "Lax", -1)
    assert clinician.page.evaluate("document.cookie") == ""
    clinician.press("button", "Logg ut")
    assert clinician.context.cookies() == []
    expect(clinician.page.get_by_role("link", name="Logg ut av HelseID")).to_have_attribute(
        "href", re.compile(re.escape(f"{here.provider.url}/endsession"))
    )


def test_a_form_of_another_site_asks_nothing(here: Stage, clinician: Clinician) -> None:
    clinician.sign_in()
    form = clinician.page.locator("input[name=skjema]").first.get_attribute("value")
    before = {one["record"] for one in here.audit()}
    # The issuer's page plays the other site: same host, another port, and it even knows what our forms hold.
    clinician.page.goto(f"{here.provider.url}/endsession")
    clinician.page.set_content(
        f'<form method="post" action="{here.url}/oppslag"><input name="skjema" value="{form}">'
        f'<input name="nummer" value="{village.LISTED}"><input name="grunn" value="treatment"><button>x</button></form>'
    )
    clinician.press("button", "x")
    expect(clinician.page.get_by_role("alert")).to_contain_text("Skjemaet kom ikke herfra")
    after = [one for one in here.audit() if one["record"] not in before]
    assert [(one["operation"], one["subjects"]) for one in after] == [("pageLookup", [])]
    assert after[0]["outcome"] in {"forbidden", "unauthenticated"}


def test_who_was_away_too_long_signs_in_again_and_nothing_was_asked(here: Stage, clinician: Clinician) -> None:
    clinician.sign_in()
    clinician.context.clear_cookies()
    assert clinician.ask(village.LISTED) == "Skjemaet kom ikke herfra"
    clinician.press("link", "Logg inn med HelseID")
    expect(clinician.page.get_by_role("button", name="Kari Lie")).to_be_visible()


def test_every_question_is_in_the_audit_with_who_asked_and_why(here: Stage, clinician: Clinician) -> None:
    clinician.sign_in("Per Lie")
    clinician.ask(village.ON_DOUBLE, "Epikrise, svar eller annen melding til fastlegen")
    reference = clinician.page.locator(".reference .digits").inner_text()
    (seen,) = here.looked_at(village.ON_DOUBLE)
    assert (seen["operation"], seen["outcome"], seen["hpr_number"]) == ("pageLookup", "vacant", 7000002)
    assert (seen["event_id"], seen["person_behind"]) == (f"page:message:{reference}", "known")
    (record,) = [one for one in here.audit() if one["event_id"] == seen["event_id"]]
    who = record["who"]
    assert (who["kind"], who["organization"], who["unit"]) == ("page", 310000000, 310000019)
    assert re.fullmatch("[0-9a-f]{32}", who["pid"])
    assert stage.OTHER.pid not in str(record)


def test_who_refreshes_an_answer_asks_again(here: Stage, clinician: Clinician) -> None:
    clinician.sign_in()
    before = len(here.looked_at(village.EARLY))
    clinician.ask(village.EARLY)
    clinician.page.reload()
    expect(clinician.page.locator("section.answer")).to_contain_text("Oppslag på")
    assert len(here.looked_at(village.EARLY)) == before + 2


def test_nobody_comes_back_to_an_answer_after_the_sign_out(clinician: Clinician) -> None:
    clinician.sign_in()
    assert clinician.ask(village.LISTED) == "Per Lie"
    clinician.press("button", "Logg ut")
    with suppress(Error):  # the browser has nothing to show
        clinician.page.go_back()
    clinician.page.wait_for_load_state()
    expect(clinician.page.locator("section.answer")).to_have_count(0)
    expect(clinician.page.get_by_text("Du er logget ut")).to_have_count(0)  # nor is it still where it was


def test_every_worker_knows_a_session(here: Stage, browser: Browser) -> None:
    """Each question on a connection of its own, until both workers have answered some."""
    with Clinician(browser, here.url) as clinician:
        clinician.sign_in()
        form = clinician.page.locator("input[name=skjema]").first.get_attribute("value")
        told = {"skjema": form or "", "nummer": village.MOVING, "grunn": "coordination"}
        fields = {"Sec-Fetch-Site": "same-origin", "Connection": "close"}
        for _ in range(20):
            for _ in range(10):
                answer = clinician.context.request.post(f"{here.url}/oppslag", form=told, headers=fields)
                assert (answer.status, "Ingen fastlege" in answer.text()) == (200, True)
            workers = {one["record"].split("/")[0] for one in here.looked_at(village.MOVING)}
            if len(workers) == 2:
                return
        raise AssertionError(f"only {workers} have answered")


def test_it_can_be_printed_without_the_form(clinician: Clinician) -> None:
    clinician.sign_in()
    clinician.ask(village.LISTED)
    clinician.page.emulate_media(media="print")
    expect(clinician.page.locator("section.answer")).to_be_visible()
    for gone in (".ask", ".help", ".signed-in button"):
        expect(clinician.page.locator(gone)).to_be_hidden()


def test_nothing_of_it_is_in_the_log(here: Stage) -> None:
    said = "".join(here.service.lines)
    assert not any(nin in said for nin in (*STATES, stage.CLINICIAN.pid, stage.OTHER.pid))
    assert "internal error" not in said
