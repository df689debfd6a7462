"""Which content coding an answer has, of those that are ready, by what the caller accepts (RFC 9110, 12.5.3)."""

from collections.abc import Sequence

IDENTITY = "identity"
LEAST = 0.0005  # below every weight that may be given


def chosen(accept_encoding: str | None, ready: Sequence[str]) -> str:
    """The coding that is wanted most, the first of `ready` among equals. Whoever accepts none of them has it as it is:
    an answer that may be read is better than none.
    """
    if accept_encoding is None:
        return IDENTITY
    wanted = dict(map(_weighed, filter(str.strip, accept_encoding.split(","))))
    others = wanted.get("*")

    def weight(coding: str) -> float:
        given = wanted.get(coding, others)
        # who says nothing of it takes it, but rather what was named
        return given if given is not None else LEAST if coding == IDENTITY else 0.0

    best = max(ready, key=weight)
    return best if weight(best) > 0 else IDENTITY


def _weighed(part: str) -> tuple[str, float]:
    coding, _, parameter = part.partition(";")
    name, _, value = parameter.partition("=")
    try:
        weight = float(value) if name.strip().lower() == "q" else 1.0
    except ValueError:
        weight = 0.0  # what cannot be read is not wanted
    return coding.strip().lower(), weight
