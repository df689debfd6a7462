"""Sign-in: what the issuer is asked and told, and every way in which it is not to be believed."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwk

from bench.issuer import DROP
from bench.provider import CLIENT_ID
from lookup.access.roles import Role
from tests import tiny
from tests.page import stage
from tests.page.conftest import Visitor, path_of

LEVEL, PID = "helseid://claims/identity/security_level", "helseid://claims/identity/pid"
HPR = "helseid://claims/hpr/hpr_number"


def test_who_has_signed_in_is_known_by_both_tokens(visitor: Visitor) -> None:
    assert "Logg inn med HelseID" in visitor.get("/oppslag").text
    back = visitor.sign_in()
    assert (back.status_code, path_of(back)) == (303, "/oppslag")
    assert "Kari Lie" in visitor.get("/oppslag").text
    assert visitor.provider.troubles == []
    assert visitor.state.page is not None
    fields = [(b"cookie", f"flr-session={visitor.client.cookies['flr-session']}".encode())]
    session = visitor.state.page.sessions.read(fields)
    assert session is not None
    caller = session.caller
    assert (caller.client, caller.kind) == (f"local:{CLIENT_ID}", "page")
    assert (caller.roles, caller.protected) == ({Role.LOOKUP}, True)
    assert (caller.pid, caller.hpr_number, caller.key) == (stage.CLINICIAN.pid, 7000001, None)
    assert repr(session) == "<Session>"


def test_the_issuer_is_asked_in_a_request_that_no_browser_sees(visitor: Visitor) -> None:
    sent = visitor.get("/oppslag/logg-inn")
    query = parse_qs(urlsplit(sent.headers["location"]).query)
    assert set(query) == {"client_id", "request_uri"}
    cookie = sent.headers["set-cookie"]
    assert "HttpOnly; SameSite=Lax" in cookie
    assert "no-store" in sent.headers["cache-control"]


def test_whoever_has_signed_out_can_be_asked_anew_who_they_are(visitor: Visitor) -> None:
    visitor.sign_in()
    out = visitor.post("/oppslag/logg-ut", skjema=visitor.token())
    assert "Du er logget ut" in out.text
    assert f"{visitor.provider.url}/endsession?client_id={CLIENT_ID}" in out.text
    assert "/oppslag/logg-inn?ny" in out.text
    assert "Logg inn med HelseID" in visitor.get("/oppslag").text
    assert visitor.provider.prompts == [None]
    visitor.go_to_issuer("?ny")
    assert visitor.provider.prompts == [None, "login"]


@pytest.mark.parametrize(
    ("where", "changes", "why"),
    [
        ("id_token", {"nonce": "another"}, "nonce"),
        ("id_token", {"nonce": DROP}, "nonce"),
        ("id_token", {"aud": "another"}, "id-token"),
        ("id_token", {"aud": DROP}, "id-token"),
        ("id_token", {"aud": [CLIENT_ID, "another"]}, "audience"),
        ("id_token", {"azp": "another"}, "audience"),
        ("id_token", {"exp": 1}, "id-token"),
        ("id_token", {"iss": "https://another.example"}, "issuer"),
        ("id_token", {"sign_with": jwk.ECKey.generate_key("P-256")}, "signature"),
        ("id_token", {"header_alg": "none"}, "algorithm"),
        ("id_token", {"header_typ": "at+jwt"}, "type"),
        ("id_token", {LEVEL: "3"}, "security-level"),
        ("id_token", {LEVEL: DROP}, "security-level"),
        ("id_token", {PID: DROP, HPR: DROP}, "nobody"),
        ("id_token", {PID: tiny.number(63)}, "another-person"),
        ("access_token", {HPR: "7000003"}, "another-person"),
        ("access_token", {"aud": "another"}, "claims"),
        ("access_token", {"client_id": "another"}, "issuer"),
        ("access_token", {"exp": 1}, "expired"),
        ("access_token", {"cnf": {"jkt": "k" * 43}}, "binding"),
        ("access_token", {"sign_with": jwk.ECKey.generate_key("P-256")}, "signature"),
    ],
)
def test_tokens_that_are_not_taken(visitor: Visitor, where: str, changes: dict[str, Any], why: str) -> None:
    told = []
    assert visitor.state.gate is not None
    visitor.state.gate.on_refused = lambda: told.append(True)
    visitor.state.gate.failures.tell = lambda refused, kind, now: told.append((refused.why, kind))  # type: ignore[method-assign]
    if "cnf" in changes:
        changes = {**changes, "jkt": changes["cnf"]["jkt"]}
    getattr(visitor.provider, where).update(changes)
    back = visitor.sign_in()
    assert (back.status_code, told) == (403, [True, (why, "page")])
    assert "Innloggingen ble ikke godtatt" in back.text
    assert "flr-session" not in visitor.client.cookies


def test_a_browser_that_did_not_begin_the_sign_in_does_not_end_it(visitor: Visitor) -> None:
    shown = visitor.go_to_issuer()
    assert visitor.come_back(shown, state="another").status_code == 403
    shown = visitor.go_to_issuer()
    visitor.client.cookies.clear()
    assert visitor.come_back(shown).status_code == 403
    shown = visitor.go_to_issuer()
    visitor.client.cookies["flr-sign-in"] = visitor.client.cookies["flr-sign-in"][:-2] + "AA"
    assert visitor.come_back(shown).status_code == 403
    assert visitor.provider.troubles == []  # no code was shown to the issuer
    shown = visitor.go_to_issuer()
    assert visitor.come_back(shown, iss="https://another.example").status_code == 403


def test_a_sign_in_is_not_gone_on_with_after_ten_minutes(visitor: Visitor) -> None:
    shown = visitor.go_to_issuer()
    visitor.state.clock.seconds += 601  # type: ignore[attr-defined]
    assert visitor.come_back(shown).status_code == 403


def test_a_code_is_good_once(visitor: Visitor) -> None:
    shown = visitor.go_to_issuer()
    cookie = visitor.client.cookies["flr-sign-in"]
    back = visitor.come_back(shown)
    assert back.status_code == 303
    visitor.client.cookies.clear()
    visitor.client.cookies["flr-sign-in"] = cookie
    again = visitor.get(str(back.request.url))
    assert (again.status_code, visitor.provider.troubles) == (403, ["invalid_grant"])


def test_who_cancels_is_told_so_and_is_not_signed_in(visitor: Visitor) -> None:
    shown = visitor.go_to_issuer()
    sent = visitor.client.get("/oppslag")
    assert sent.status_code == 200
    cancelled = visitor.cancel(shown)
    assert "Innloggingen ble avbrutt" in cancelled.text
    assert "flr-session" not in visitor.client.cookies


def test_whom_the_token_opens_nothing_to_is_told_at_once(visitor: Visitor) -> None:
    back = visitor.sign_in(person=1)
    assert back.status_code == 403
    assert "Ingen tilgang" in back.text
    assert "flr-session" not in visitor.client.cookies


def test_an_issuer_that_does_not_answer_is_not_a_wrong_password(visitor: Visitor) -> None:
    visitor.provider.out_of_order = True
    shown = visitor.get("/oppslag/logg-inn")
    assert (shown.status_code, "HelseID svarer ikke nå" in shown.text) == (503, True)
    visitor.provider.out_of_order = False
    page = visitor.go_to_issuer()
    chosen = visitor.choose(page)
    visitor.provider.out_of_order = True
    assert visitor.get(chosen).status_code == 503
    assert visitor.get("/oppslag").status_code == 200


def test_what_an_issuer_says_of_another_is_not_used(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ({"issuer": "https://another.example"}, {"token_endpoint": "http://another.example/token"}):
        told = visitor.provider.metadata() | wrong
        monkeypatch.setattr(visitor.provider, "metadata", lambda told=told: told)
        assert visitor.get("/oppslag/logg-inn").status_code == 503
        monkeypatch.undo()
    assert visitor.get("/oppslag/logg-inn").status_code == 303
