"""One request to the page: who it is, whether the form is ours, what is asked, and what is shown of it."""

import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar.response.base import ASGIResponse

from lookup import shapes
from lookup.access.caller import Refused
from lookup.access.gate import BY_NAME, Gate
from lookup.answers import INVALID, UNKNOWN, WITHHELD
from lookup.exchange import exchange_of, is_older
from lookup.page import render
from lookup.page.addresses import HOME, SIGN_IN
from lookup.page.desk import Page
from lookup.page.reasons import REASONS, event
from lookup.page.session import RENEW_SECONDS, Session
from lookup.page.states import problem, told
from lookup.page.wording import moment, national_id, typed
from lookup.problems import PROBLEMS, InvalidRequest, Problem
from lookup.resident import reply
from lookup.rest.asking import AnyRequest, check_head, parse_nin
from lookup.rest.guard import admit, record_refusal
from register.localtime import OSLO, from_micros

ASKING = BY_NAME["pageLookup"]
FORBIDDEN, WRONG = 403, 400
_FORM = re.compile(r'application/x-www-form-urlencoded(?: *; *charset="?utf-8"?)?', re.IGNORECASE)
_MAX_FIELDS = 10
_NO_NUMBER = "Skriv inn et fødselsnummer, D-nummer eller FH-nummer."
_INVALID = "Ugyldig nummer. Se etter tastefeil."
_NO_REASON = "Velg hvorfor du slår opp."
_decoder = msgspec.json.Decoder(shapes.LookupAnswer)


class Visit:
    """A request, and the session that it belongs to, if any."""

    def __init__(self, request: AnyRequest) -> None:
        self.exchange = exchange_of(request.scope)
        state = self.exchange.state
        assert state.page is not None
        assert state.gate is not None
        self.request = request
        self.page: Page = state.page
        self.gate: Gate = state.gate
        self.now = state.clock.epoch_ns() / 1e9
        self.fields = request.scope["headers"]
        shown = self.page.sessions.read(self.fields)
        self.was_there = shown is not None
        self.session = self.page.in_force(shown, self.now)

    # -- who

    def admit(self, session: Session) -> None:
        """Whoever has signed in asks, as the client is registered now. Raises Refused where it is disabled."""
        self.exchange.operation = ASKING.name
        self.exchange.ticket = self.gate.ticket(b"", self.page.credentials.registered(session.caller))

    def refuse(self, outcome: str) -> None:
        """Record a refusal."""
        self.exchange.operation = ASKING.name
        record_refusal(self.exchange, ASKING, outcome)

    def is_ours(self, body: bytes) -> bool:
        """Whether a form comes from a page of this session."""
        told = {name: value for name, value in self.fields if name in (b"sec-fetch-site", b"origin")}
        site, origin = told.get(b"sec-fetch-site"), told.get(b"origin")
        here = self.page.url.encode()
        if (site != b"same-origin" and origin != here) or site not in (None, b"same-origin"):
            return False
        if self.session is None or origin not in (None, b"null", here):
            return False
        return hmac.compare_digest(self._read(body).get("skjema", "").encode(), self.session.form.encode())

    def _read(self, body: bytes) -> dict[str, str]:
        check_head(self.request, body, self.exchange.state.settings.max_body_bytes, _FORM)
        try:
            fields = parse_qsl(
                body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS
            )
        except ValueError:
            raise InvalidRequest("the body is no form") from None
        if len(dict(fields)) != len(fields):
            raise InvalidRequest("a field comes twice")
        return dict(fields)

    # -- what

    def look_up(self, body: bytes) -> ASGIResponse:
        """The answer to the form."""
        if self.session is None:
            self.refuse("unauthenticated")
            return self.notice("ended" if self.was_there else "forged", FORBIDDEN)
        if not self.is_ours(body):
            self.refuse("forbidden")
            return self.notice("forged", FORBIDDEN)
        try:
            self.admit(self.session)
        except Refused as refused:
            self.gate.tell(refused, "page")
            self.refuse("unauthenticated")
            return self.notice("forbidden", FORBIDDEN, [self.page.sessions.gone])
        fields = self._read(body)
        nummer, grunn = fields.get("nummer", "").strip()[:30], fields.get("grunn", "")
        asked: dict[str, Any] = {"nummer": nummer, "grunn": grunn, "nummer_vist": national_id(typed(nummer))}
        try:
            admit(self.exchange, ASKING)
            errors, nin = self._check(nummer, grunn)
            if errors:
                return self.form(WRONG, errors=errors, **asked)
            return self._answer(nin, asked)
        except Problem as refusal:
            status = PROBLEMS[refusal.word][0]
            return self.form(status, told=problem(refusal.word), reference="", **asked)

    def _check(self, nummer: str, grunn: str) -> tuple[dict[str, str], int]:
        """(what is wrong, by field; the number)"""
        errors = {}
        nin = parse_nin(self.exchange, typed(nummer))
        if not nummer:
            errors["nummer"] = _NO_NUMBER
        elif nin < 0:
            errors["nummer"] = _INVALID
            self.exchange.state.counters.count_lookup(INVALID)
        if grunn not in REASONS:
            errors["grunn"] = _NO_REASON
        return errors, nin

    def _answer(self, nin: int, asked: dict[str, Any]) -> ASGIResponse:
        exchange = self.exchange
        exchange.event = event(asked["grunn"])
        found = reply(exchange.take(), nin, exchange.now, exchange.withhold)
        status = UNKNOWN if found is None else found.status
        exchange.disclose(nin, status, protected=found is not None and found.protected)
        answer = None if found is None or status == WITHHELD else _decoder.decode(found.body)
        return self.form(
            told=told(status, answer),
            answer=answer,
            reference=exchange.event.decode().rpartition(":")[2],
            asked_at=moment(_present(from_micros(exchange.now))),
            grunn_vist=asked["grunn"],
            **{**asked, "nummer": "", "grunn": ""},
        )

    # -- what is shown

    def form(self, status: int = 200, **context: Any) -> ASGIResponse:
        """The form, with an answer over it or with what is wrong in it."""
        assert self.session is not None
        cookies = []
        if self.now - self.session.used > RENEW_SECONDS:
            cookies = [self.page.sessions.made(msgspec.structs.replace(self.session, used=self.now))]
        usual = {"session": self.session, "nummer": "", "grunn": "", **self._age()}
        return render.page("lookup.html", status, usual | context, cookies)

    def _age(self) -> dict[str, Any]:
        state = self.exchange.state
        generation = state.current.generation
        if generation is None:
            return {"as_of": "", "stale": False}
        as_of = datetime.fromisoformat(generation.manifest.as_of).astimezone(OSLO)
        return {"as_of": moment(as_of), "stale": is_older(state, generation, state.settings.stale_warn_hours)}

    def welcome(self) -> ASGIResponse:
        """The way to sign in."""
        return render.page("welcome.html", 200, {"session": None})

    def notice(self, word: str, status: int, cookies: Sequence[str] = ()) -> ASGIResponse:
        """What has gone wrong, by its word, and the way back."""
        session = self.session
        links = [("Tilbake", HOME)] if session else [("Logg inn med HelseID", SIGN_IN)]
        return render.page("notice.html", status, {"told": problem(word), "links": links, "session": session}, cookies)


def _present(time: datetime | None) -> datetime:
    assert time is not None
    return time
