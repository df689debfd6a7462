"""Access tokens that are in order are taken, with what they say; tests/access/test_invalid_tokens.py has the others."""

from pathlib import Path
from typing import Any

import pytest

from bench.issuer import CHILD_UNIT, DROP, PARENT_UNIT, LocalIssuer
from lookup.access.caller import Limits
from lookup.access.issuers import Issuer
from lookup.access.roles import Role
from lookup.access.token import AGAIN_SECONDS, HPR, PARENT, SKEW_SECONDS
from lookup.access.token import IDENTITY as PID
from tests.access.tokens import KEY, NOW, bearer, issuer_of, verified, why


@pytest.fixture(scope="module")
def local() -> LocalIssuer:
    return LocalIssuer()


@pytest.fixture(scope="module")
def issuer(local: LocalIssuer, tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return issuer_of(local, tmp_path_factory.mktemp("helseid"))


class TestTaken:
    def test_a_bearer_token_says_who_it_is(self, local: LocalIssuer, issuer: Issuer) -> None:
        claims = {PID: "01810012345", HPR: "7654321", "scope": ["openid", "nhn:flr/lookup", "nhn:flr/patientlist"]}
        caller = verified(issuer, bearer(local.mint(at=NOW, **claims)))
        assert caller.client == "local:6f1f5d6e-3b0c-4a51-9c1c-2f6b6e6f0f11"
        assert (caller.kind, caller.key, caller.protected) == ("bearer", None, True)
        assert caller.roles == {Role.LOOKUP, Role.ALL_PATIENTS}
        assert (caller.organization, caller.unit) == (PARENT_UNIT, CHILD_UNIT)
        assert (caller.pid, caller.hpr_number) == ("01810012345", 7654321)
        assert "0181" not in repr(caller)

    def test_a_bound_token_says_by_which_key(self, local: LocalIssuer, issuer: Issuer) -> None:
        caller = verified(issuer, b"DPoP " + local.mint(at=NOW, jkt=KEY))
        assert (caller.kind, caller.key) == ("dpop", KEY)

    @pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256", "ES256"])
    def test_by_every_kind_of_algorithm(self, tmp_path: Path, algorithm: str) -> None:
        local = LocalIssuer(algorithm=algorithm)
        assert verified(issuer_of(local, tmp_path), bearer(local.mint(at=NOW))).roles == {Role.LOOKUP}

    @pytest.mark.parametrize("scheme", [b"Bearer ", b"bearer ", b"BEARER  "])
    def test_however_the_scheme_is_written(self, local: LocalIssuer, issuer: Issuer, scheme: bytes) -> None:
        assert why(issuer, scheme + local.mint(at=NOW)) is None

    @pytest.mark.parametrize("kind", ["at+jwt", "AT+JWT", "application/at+jwt", "JWT"])
    def test_of_every_type_that_helseid_has(self, local: LocalIssuer, issuer: Issuer, kind: str) -> None:
        assert why(issuer, bearer(local.mint(at=NOW, header_typ=kind))) is None

    @pytest.mark.parametrize(
        ("changes", "roles"),
        [
            ({"scope": "nhn:flr/read openid"}, {Role.READ}),
            ({"scope": ["nhn:flr/read", "nhn:flr/lookup"]}, {Role.READ, Role.LOOKUP}),
            ({"scope": "nhn:flr/export"}, {Role.EXPORT}),
            ({"scope": "nhn:flr/reading NHN:FLR/READ nhn:hpr/read"}, set()),
            ({"scope": []}, set()),
        ],
    )
    def test_with_what_the_scopes_open(
        self, local: LocalIssuer, issuer: Issuer, changes: dict[str, Any], roles: set[Role]
    ) -> None:
        assert verified(issuer, bearer(local.mint(at=NOW, **changes))).roles == roles

    def test_for_a_while_and_never_beyond_its_end(self, local: LocalIssuer, issuer: Issuer) -> None:
        assert verified(issuer, bearer(local.mint(at=NOW))).expires == NOW + AGAIN_SECONDS
        short = verified(issuer, bearer(local.mint(at=NOW, exp=int(NOW) + 60)))
        assert short.expires == int(NOW) + 60 + SKEW_SECONDS

    @pytest.mark.parametrize("changes", [{"nbf": int(NOW) + 29, "iat": int(NOW) + 29}, {"exp": int(NOW) - 29}])
    def test_with_a_clock_that_is_a_little_off(
        self, local: LocalIssuer, issuer: Issuer, changes: dict[str, Any]
    ) -> None:
        caller = verified(issuer, bearer(local.mint(at=NOW, **changes)))
        assert caller.expires > NOW

    def test_of_nobody_in_particular(self, local: LocalIssuer, issuer: Issuer) -> None:
        """What a client of its own accord does not have is left out, or empty."""
        caller = verified(issuer, bearer(local.mint(at=NOW, **{PID: "", HPR: DROP, PARENT: DROP})))
        assert (caller.pid, caller.hpr_number, caller.organization) == (None, None, None)

    def test_maskinportens(self, tmp_path: Path) -> None:
        local = LocalIssuer("maskinporten", "https://maskinporten.example/")
        issuer = issuer_of(local, tmp_path, audience=("https://flr.example", "unspecified"), audience_required=False)
        for changes in ({"aud": "unspecified"}, {"aud": DROP}, {"aud": ["https://flr.example"], "header_typ": DROP}):
            caller = verified(issuer, bearer(local.mint(at=NOW, **changes)))
            assert (caller.kind, caller.roles, caller.protected) == ("maskinporten", {Role.EXPORT}, False)
            assert caller.organization == PARENT_UNIT
        assert why(issuer, bearer(local.mint(at=NOW))) == "claims"

    def test_with_the_limits_and_rights_of_its_issuer(self, local: LocalIssuer, tmp_path: Path) -> None:
        issuer = issuer_of(local, tmp_path, limits=Limits(requests_per_second=7), protected=False)
        caller = verified(issuer, bearer(local.mint(at=NOW)))
        assert (caller.limits.requests_per_second, caller.protected) == (7, False)

    def test_for_several_audiences_where_the_operator_says_so(self, local: LocalIssuer, tmp_path: Path) -> None:
        issuer = issuer_of(local, tmp_path, sole_audience=False)
        assert why(issuer, bearer(local.mint(at=NOW, aud=["nhn:hpr", "nhn:flr"]))) is None
        assert why(issuer, bearer(local.mint(at=NOW, aud=["nhn:hpr", "nhn:grunndata"]))) == "claims"
