"""The issuers file: what it says is what is believed, and whatever is wrong with it is told with its place."""

import json
from pathlib import Path
from typing import Any

import pytest

from lookup.access.caller import Limits
from lookup.access.issuers import ALGORITHMS, IssuersError, fetchable, read_issuers
from lookup.access.roles import Role

SMALLEST: dict[str, Any] = {
    "name": "helseid",
    "kind": "helseid",
    "issuer": "https://helseid-sts.example",
    "jwks_url": "https://helseid-sts.example/jwks",
}
WHOLE = """
[[issuer]]
name = "helseid-test"
kind = "helseid"
issuer = "https://helseid-sts.example"
jwks_url = "https://helseid-sts.example/.well-known/openid-configuration/jwks"
algorithms = ["PS256", "ES256"]
dpop = "required"
protected = false

[issuer.scopes]
"nhn:flr/all" = "FlrReadExtended"

[issuer.limits]
requests_per_second = 50

[[issuer]]
name = "maskinporten"
kind = "maskinporten"
issuer = "https://maskinporten.example/"
jwks_file = "maskinporten.json"
audience = ["https://flr.example", "unspecified"]
audience_required = false
"""


def test_all_that_it_can_say(tmp_path: Path) -> None:
    (tmp_path / "issuers.toml").write_text(WHOLE)
    helseid, maskinporten = read_issuers(tmp_path / "issuers.toml")
    assert helseid.algorithms == ("PS256", "ES256")
    assert (helseid.dpop, helseid.sees_protected, helseid.limits) == ("required", False, Limits(requests_per_second=50))
    assert helseid.roles == {"nhn:flr/all": Role.EXTENDED}
    assert maskinporten.audience == ("https://flr.example", "unspecified")
    assert maskinporten.jwks_file == str(tmp_path / "maskinporten.json")
    assert maskinporten.roles == {"nhn:flr/export": Role.EXPORT}
    assert (maskinporten.sees_protected, maskinporten.dpop) == (False, "optional")


def test_what_it_need_not_say(tmp_path: Path) -> None:
    (tmp_path / "issuers.json").write_text(json.dumps({"issuer": [SMALLEST]}))
    (issuer,) = read_issuers(tmp_path / "issuers.json")
    assert (issuer.audience, issuer.audience_required, issuer.sole_audience) == (("nhn:flr",), True, True)
    assert issuer.algorithms == ALGORITHMS
    assert not any(name.startswith(("HS", "none")) for name in ALGORITHMS)
    assert issuer.sees_protected
    assert issuer.roles == {
        "nhn:flr/lookup": Role.LOOKUP,
        "nhn:flr/read": Role.READ,
        "nhn:flr/patientlist": Role.ALL_PATIENTS,
        "nhn:flr/export": Role.EXPORT,
    }


WRONG: list[tuple[str, object, str]] = [
    ("unknown member", {"jwks_uri": "https://a.example"}, r"issuer 1 \(helseid\): .*unknown field `jwks_uri`"),
    ("name with capitals", {"name": "HelseID"}, r"issuer 1 \(HelseID\): .*`\$.name`"),
    ("unknown kind", {"kind": "entra"}, r"Invalid enum value 'entra' - at `\$.kind`"),
    ("no keys", {"jwks_url": None}, "jwks_url or jwks_file: one of them"),
    ("keys twice", {"jwks_file": "a.json"}, "jwks_url or jwks_file: one of them"),
    ("keys over http", {"jwks_url": "http://helseid.example/jwks"}, "jwks_url: must be an https URL"),
    ("keys in a file URL", {"jwks_url": "file:///etc/jwks"}, "jwks_url: must be an https URL"),
    ("algorithm none", {"algorithms": ["none"]}, "algorithms: 'none' is none of RS256"),
    ("algorithm HS256", {"algorithms": ["RS256", "HS256"]}, "algorithms: 'HS256' is none of"),
    ("no algorithm", {"algorithms": []}, r"length >= 1 - at `\$.algorithms`"),
    ("audience as text", {"audience": "nhn:flr"}, r"`\$.audience`"),
    ("no audience", {"audience": []}, r"length >= 1 - at `\$.audience`"),
    ("unknown role", {"scopes": {"a": "FlrEverything"}}, "'FlrEverything'"),
    ("no scope", {"scopes": {}}, "scopes: at least one"),
    ("unknown limit", {"limits": {"requests": 5}}, "unknown field `requests`"),
    ("type with capitals", {"types": ["JWT"]}, "types: 'JWT' must be in small letters"),
    ("dpop as a truth", {"dpop": True}, r"`\$.dpop`"),
    ("empty issuer", {"issuer": ""}, r"`\$.issuer`"),
]


@pytest.mark.parametrize(("changes", "told"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    file = tmp_path / "issuers.json"
    file.write_text(json.dumps({"issuer": [{**SMALLEST, **changes}]}))
    with pytest.raises(IssuersError, match=told) as raised:
        read_issuers(file)
    assert str(raised.value).startswith(f"{file}: issuer 1")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.toml", "[[issuer]]\nname = helseid", "line 2"),
        ("a.toml", "\xff", "invalid start byte|codec"),
        ("a.json", '{"issuer": [', "truncated"),
        ("a.toml", "", "must hold issuers"),
        ("a.toml", "[issuer]\nname = 'a'", "must hold issuers"),
        ("a.json", "[]", "must hold issuers"),
        ("a.json", '{"issuer": []}', "must hold issuers"),
        ("a.toml", 'audience = "a"\n[[issuer]]\nname = "a"', "must hold issuers"),
        ("a.json", '{"issuer": [7]}', "issuer 1: Expected `object`"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(IssuersError, match=told):
        read_issuers(tmp_path / name)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(IssuersError, match="cannot be read: No such file"):
        read_issuers(tmp_path / "issuers.toml")


@pytest.mark.parametrize("member", ["name", "issuer"])
def test_two_that_are_the_same(tmp_path: Path, member: str) -> None:
    other = {**SMALLEST, "name": "other", "issuer": "https://other.example", member: SMALLEST[member]}
    (tmp_path / "a.json").write_text(json.dumps({"issuer": [SMALLEST, other]}))
    with pytest.raises(IssuersError, match=f"issuer 2: {member} .* of another issuer"):
        read_issuers(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://a.example/jwks?v=1", True),
        ("http://127.0.0.1:8080/jwks", True),
        ("http://[::1]/jwks", True),
        ("http://localhost/jwks", True),
        ("http://127.0.0.1.evil.example/jwks", False),
        ("http://127.0.0.1@evil.example/jwks", False),
        ("https://somebody@a.example/jwks", False),
        ("https:///jwks", False),
        ("https://a.example:port/jwks", False),
        ("https://a.example/j\nwks", False),
        ("ftp://a.example/jwks", False),
        ("", False),
    ],
)
def test_where_keys_may_be_fetched(url: str, may: bool) -> None:
    assert fetchable(url) is may
