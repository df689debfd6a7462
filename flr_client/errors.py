"""What can come of a question instead of an answer: one tree of errors, and the table from the register's words to it.

No error holds what was asked for: neither a national id nor a name is in a message, and no error of the HTTP library,
which keeps the request, hangs on one of ours.
"""

from typing import ClassVar


class FlrError(Exception):
    """Anything that is no answer. `detail` is what the register says of it, for whoever develops the caller."""

    word: ClassVar[str] = ""
    says: ClassVar[str] = ""

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(f"{self.says}: {detail}" if detail else self.says)
        self.detail = detail


class InvalidRequest(FlrError):
    """The question is not of its shape: a mistake in the caller, or in this library."""

    word, says = "invalid-request", "the question is not of its shape"


class InvalidNin(FlrError):
    """What was given as a national id is none."""

    word, says = "invalid-nin", "not a valid national id"


class Unauthenticated(FlrError):
    """The register does not know who asks."""

    word, says = "unauthenticated", "who asks is not known"


class TokenRefused(Unauthenticated):
    """The issuer has given no token. `detail` is OAuth's error code."""

    word, says = "token-refused", "the issuer gives no token"


class Forbidden(FlrError):
    """Not for this client: its roles do not open it, or the person is protected. Which of the two is not told."""

    word, says = "forbidden", "not for this client"


class NotKnown(FlrError):
    """What was asked about is not in the register. That is an answer: asking again brings no other."""

    word, says = "not-found", "no such resource"


class UnknownPerson(NotKnown):
    """A number that the register has never seen."""

    word, says = "unknown-person", "the register has never seen this number"


class UnknownContract(NotKnown):
    """No such contract."""

    word, says = "unknown-contract", "no such contract"


class UnknownHerId(NotKnown):
    """No such HER-ID."""

    word, says = "unknown-her-id", "no such HER-ID"


class UnknownGp(NotKnown):
    """No doctor with this HPR number."""

    word, says = "unknown-gp", "no such doctor"


class UnknownOffice(NotKnown):
    """No office with this organisation number."""

    word, says = "unknown-office", "no such office"


class Resync(FlrError):
    """The change feed cannot be gone on with: take everything anew, then follow from `position`."""

    word, says = "resync", "start again from a fresh export"

    def __init__(self, detail: str | None = None, *, position: str) -> None:
        super().__init__(detail)
        self.position = position


class CannotSay(FlrError):
    """No answer now; there may be one later. Never to be taken for "no GP".

    `retry_after` is after how many seconds the register wants to be asked again, where it has said so.
    """

    says = "the register cannot answer now"

    def __init__(self, detail: str | None = None, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Quota(CannotSay):
    """The client has asked as much as it may, for now or for today."""

    word, says = "quota", "too many requests"


class Unready(CannotSay):
    """No register in service, or one that is too old, or not yet as new as a position."""

    word = "unready"


class AuditUnavailable(CannotSay):
    """Who asks cannot be recorded, so nothing is told of persons."""

    word, says = "audit-unavailable", "the answer could not be recorded, so it is not given"


class NotServedHere(CannotSay):
    """This node lacks what the question needs; another may have it."""

    word, says = "not-served-here", "not served by this node"


class Unavailable(CannotSay):
    """Nothing that is an answer of the register: no connection, no answer in time, half an answer, a fault."""

    word, says = "internal", "the register gave no answer"


_REFUSALS: tuple[type[FlrError], ...] = (
    *(InvalidRequest, InvalidNin, Unauthenticated, Forbidden, NotKnown),
    *(UnknownPerson, UnknownContract, UnknownHerId, UnknownGp, UnknownOffice),
)
_LATER: tuple[type[CannotSay], ...] = (Quota, Unready, AuditUnavailable, NotServedHere, Unavailable)
_MALFORMED = ("method-not-allowed", "too-large", "unsupported-media-type")
_REFUSAL_BY_WORD = {kind.word: kind for kind in _REFUSALS} | dict.fromkeys(_MALFORMED, InvalidRequest)
_LATER_BY_WORD = {kind.word: kind for kind in _LATER}
_BY_STATUS: dict[int, str] = {401: "unauthenticated", 403: "forbidden", 429: "quota"}


def of_word(word: str, detail: str | None, position: str | None, retry_after: float | None) -> FlrError:
    """The error for a problem of the register; a word that is not known here is Unavailable."""
    if word == Resync.word and position is not None:
        return Resync(detail, position=position)
    if word in _REFUSAL_BY_WORD:
        return _REFUSAL_BY_WORD[word](detail)
    return _LATER_BY_WORD.get(word, Unavailable)(detail, retry_after=retry_after)


def of_status(status: int, retry_after: float | None) -> FlrError:
    """The error for an answer that is no problem of the register's: something in between has given it.

    A 404 of that sort says nothing about any person.
    """
    return of_word(_BY_STATUS.get(status, Unavailable.word), f"HTTP status {status}", None, retry_after)
