"""The page without a browser: what forms are taken, what is answered to them, and how long a sign-in lasts."""

import re
from typing import Any

import pytest

from lookup.metrics import exposition
from lookup.page import render
from lookup.page.states import PROBLEMS
from tests.access.registered import client, put
from tests.lookup import village
from tests.page.conftest import URL, Visitor

OTHERS = {"Sec-Fetch-Site": "cross-site", "Origin": "https://another.example"}
HEADINGS = {
    village.LISTED: "Per Lie",
    village.OLD_NUMBER: "Per Lie",
    village.ON_VACANT: "Liste uten fastlege",
    village.ON_DOUBLE: "Liste uten fastlege",
    village.NOBODY: "Ingen fastlege",
    village.UNKNOWN: "Ukjent nummer",
}


def heading(shown: Any) -> str:
    found = re.search(r"<h2[^>]*>(.*?)</h2>", shown.text)
    assert found is not None, shown.text
    return found[1]


@pytest.mark.parametrize("nin", HEADINGS)
def test_each_state_is_told_in_its_own_words(visitor: Visitor, nin: str) -> None:
    visitor.sign_in()
    shown = visitor.ask(nin)
    assert (shown.status_code, heading(shown)) == (200, HEADINGS[nin])
    assert nin not in shown.text
    assert f"{nin[:6]} {nin[6:]}" in shown.text
    assert 'value=""' in shown.text  # the next number is typed anew


def test_no_state_is_worded_as_another(visitor: Visitor) -> None:
    visitor.sign_in()
    texts = [visitor.ask(nin).text.partition("<form class")[0] for nin in (village.NOBODY, village.UNKNOWN)]
    assert "aldri sett" not in texts[0]
    assert "Ingen fastlege" not in texts[1]
    assert len({told.heading for told in PROBLEMS.values()}) == len(PROBLEMS) - 1  # two cannot be answered now


class TestWithheld:
    @pytest.fixture
    def given(self) -> dict[str, Any]:
        return {"withhold_protected": True}

    def test_a_protected_person_is_neither_told_nor_denied(self, visitor: Visitor) -> None:
        visitor.sign_in()
        shown = visitor.ask(village.PROTECTED)
        assert heading(shown) == "Skjermet"
        assert not {"Per Lie", "Storgata", "22 00 00 00"} & {*re.findall("Per Lie|Storgata|22 00 00 00", shown.text)}


@pytest.mark.parametrize(
    "typed",
    [
        village.LISTED,
        f" {village.LISTED[:6]} {village.LISTED[6:]} ",
        "\u00a0".join(village.LISTED),
        f"{village.LISTED[:6]}-{village.LISTED[6:]}",
    ],
)
def test_what_people_put_between_digits_does_no_harm(visitor: Visitor, typed: str) -> None:
    visitor.sign_in()
    assert heading(visitor.ask(typed)) == "Per Lie"


@pytest.mark.parametrize("typed", ["1", village.LISTED[:-1] + "x", "１" * 11, "<script>", village.LISTED * 2])
def test_what_is_no_number_is_shown_again_as_it_was_typed(visitor: Visitor, typed: str) -> None:
    visitor.sign_in()
    shown = visitor.ask(typed)
    assert (shown.status_code, "Ugyldig nummer" in shown.text, "<script>" in shown.text) == (400, True, False)
    assert 'aria-invalid="true"' in shown.text


def test_number_and_reason_must_be_given_and_the_reason_be_one_of_ours(visitor: Visitor) -> None:
    visitor.sign_in()
    for nin, reason, count in (
        ("", "treatment", 1),
        (village.LISTED, "", 1),
        (village.LISTED, "curiosity", 1),
        ("", "", 2),
    ):
        shown = visitor.ask(nin, reason)
        assert shown.status_code == 400
        assert len(re.findall(r'<p class="error"', shown.text)) == count
        assert "Per Lie" not in shown.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        OTHERS,
        {"Sec-Fetch-Site": "cross-site", "Origin": URL},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://another.example"},
        {"Origin": "null"},
        {"Origin": "https://another.example"},
    ],
)
def test_a_form_that_does_not_come_from_here_asks_nothing(visitor: Visitor, headers: dict[str, str]) -> None:
    visitor.sign_in()
    told = {"skjema": visitor.token(), "nummer": village.LISTED, "grunn": "treatment"}
    shown = visitor.post("/oppslag", headers=headers, **told)
    assert (shown.status_code, "Skjemaet kom ikke herfra" in shown.text, "Per Lie" in shown.text) == (403, True, False)
    assert visitor.post("/oppslag/logg-ut", headers=headers, **told).status_code == 403
    assert "Logg ut" in visitor.get("/oppslag").text


@pytest.mark.parametrize("headers", [{"Origin": URL}, {"Sec-Fetch-Site": "same-origin", "Origin": "null"}])
def test_one_sign_that_a_form_comes_from_here_is_enough(visitor: Visitor, headers: dict[str, str]) -> None:
    visitor.sign_in()
    told = {"skjema": visitor.token(), "nummer": village.LISTED, "grunn": "treatment"}
    assert heading(visitor.post("/oppslag", headers=headers, **told)) == "Per Lie"


def test_a_form_must_be_of_this_session(visitor: Visitor) -> None:
    visitor.sign_in()
    old = visitor.token()
    visitor.sign_in(2)
    assert visitor.token() != old
    for skjema in ("", old, visitor.token()[:-1]):
        shown = visitor.post("/oppslag", skjema=skjema, nummer=village.LISTED, grunn="treatment")
        assert (shown.status_code, "Per Lie</h2>" in shown.text) == (403, False)


def test_a_form_that_is_none_is_refused(visitor: Visitor) -> None:
    visitor.sign_in()
    twice = f"skjema={visitor.token()}&skjema=x&nummer={village.LISTED}&grunn=treatment"
    kind = {"Content-Type": "application/x-www-form-urlencoded", **visitor.headers}
    for body, fields, status in (
        (twice, kind, 400),
        ("\xe6".encode("latin-1"), kind, 400),
        ("{}", {**kind, "Content-Type": "application/json"}, 415),
        ("x=" + "y" * 5000, kind, 413),
    ):
        shown = visitor.client.post("/oppslag", content=body, headers=fields)
        assert (shown.status_code, shown.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert heading(shown) == "Skjemaet kunne ikke leses"
        assert village.LISTED not in shown.text
    shown = visitor.client.post(f"/oppslag?nummer={village.LISTED}", content=twice, headers=kind)
    assert (shown.status_code, village.LISTED in shown.text) == (400, False)
    assert visitor.client.put("/oppslag").status_code == 405


def test_a_session_ends_when_it_is_not_used_and_at_the_end_of_a_shift(visitor: Visitor) -> None:
    clock = visitor.state.clock
    visitor.sign_in()
    form = visitor.token()
    clock.seconds += 29 * 60  # type: ignore[attr-defined]
    assert heading(visitor.ask(village.LISTED)) == "Per Lie"
    clock.seconds += 31 * 60  # type: ignore[attr-defined]
    late = visitor.post("/oppslag", skjema=form, nummer=village.LISTED, grunn="treatment")
    assert (late.status_code, heading(late)) == (403, "Du er logget ut")
    assert "Logg inn med HelseID" in visitor.get("/oppslag").text
    visitor.sign_in()
    for _ in range(16):
        clock.seconds += 29 * 60  # type: ignore[attr-defined]
        assert "Logg ut" in visitor.get("/oppslag").text
    clock.seconds += 29 * 60  # type: ignore[attr-defined]
    assert "Logg inn med HelseID" in visitor.get("/oppslag").text


def test_a_cookie_that_is_not_ours_is_none(visitor: Visitor) -> None:
    visitor.sign_in()
    jar = visitor.client.cookies
    session, changed = jar["flr-session"], {}
    visitor.go_to_issuer()
    for name, value in {
        "another octet": session[:30] + ("A" if session[30] != "A" else "B") + session[31:],
        "cut": session[:-4],
        "a sign-in": jar["flr-sign-in"],
        "nothing": "",
        "no base64url": "!" * 60,
        "far too long": session * 20,
    }.items():
        jar.clear()
        jar["flr-session"] = value
        changed[name] = "Logg inn med HelseID" in visitor.get("/oppslag").text
    assert changed == dict.fromkeys(changed, True)
    jar.clear()
    twice = {"Cookie": f"flr-session={session}; flr-session={session}"}
    assert "Logg inn med HelseID" in visitor.client.get("/oppslag", headers=twice).text


def test_a_client_that_is_disabled_asks_no_more_whoever_has_signed_in(visitor: Visitor) -> None:
    visitor.sign_in()
    form = visitor.token()
    assert visitor.state.page is not None
    path = visitor.state.settings.clients_path
    path.parent.mkdir(mode=0o750)
    token = visitor.state.settings.page_client_id
    put(path, client("page", roles=frozenset(), salt=None, passwords=(), token_client=token, disabled=True))
    visitor.state.page.credentials.refresh()
    shown = visitor.post("/oppslag", skjema=form, nummer=village.LISTED, grunn="treatment")
    assert (shown.status_code, heading(shown)) == (403, "Ingen tilgang")
    assert "flr-session" not in visitor.client.cookies


def test_what_cannot_be_answered_now_is_never_no_gp(visitor: Visitor) -> None:
    visitor.sign_in()
    generation, visitor.state.current.generation = visitor.state.current.generation, None
    shown = visitor.ask(village.LISTED)
    assert (shown.status_code, heading(shown)) == (503, "Kan ikke svare nå")
    assert "sier ingenting om personen har fastlege" in shown.text
    assert f'value="{village.LISTED}"' in shown.text  # to be asked again
    assert "checked" in shown.text
    visitor.state.current.generation = generation
    assert heading(visitor.ask(village.LISTED)) == "Per Lie"


def test_an_old_register_is_told_of(visitor: Visitor) -> None:
    visitor.sign_in()
    assert "eldre enn" not in visitor.get("/oppslag").text
    visitor.state.clock.seconds += 18 * 3600  # type: ignore[attr-defined]
    visitor.sign_in()
    assert "eldre enn de pleier" in visitor.get("/oppslag").text


def test_every_page_says_what_browsers_may_not(visitor: Visitor) -> None:
    shown = [visitor.get("/oppslag"), visitor.get("/oppslag/logg-inn"), visitor.get("/oppslag/tilbake?code=x")]
    visitor.sign_in()
    shown += [visitor.get("/oppslag"), visitor.ask(village.LISTED), visitor.ask("1")]
    for page in shown:
        assert page.headers["content-security-policy"] == render.POLICY
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert not re.search(r"<script|<style|\son\w+=|\sstyle=|https?://(?!127)", page.text)
    assert "script" not in render.POLICY
    style = visitor.get("/oppslag/stil.css")
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert not re.search(r"url\(|@import", style.text)
    assert visitor.get("/oppslag/ikon.svg").headers["content-type"] == "image/svg+xml"


def test_requests_are_counted_by_their_addresses(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.ask(village.LISTED)
    text = exposition(visitor.state.counters, 0.0, 0.0, ()).decode()
    assert 'flr_requests_total{route="/oppslag",status="200"}' in text
    assert 'flr_requests_total{route="/oppslag/tilbake",status="other"} 1.0' in text
    assert village.LISTED not in text
