"""The command `flr-lookup clients`: what it registers, what it prints, and how it ends."""

import asyncio
import base64
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from lookup.__main__ import main
from lookup.access import clients as command
from lookup.access.basic import Hashing, verify
from lookup.access.caller import Caller, Limits, Refused
from lookup.access.client import Client
from lookup.access.clientsfile import read_clients
from lookup.access.registry import Registry
from lookup.access.roles import Role
from tests.access.registered import NOW, ORGANIZATION, OTHER_ORGANIZATION, certificate

ROOT = Path(__file__).resolve().parents[2]
ADD = ("add", "--org", str(ORGANIZATION), "--role", "FlrRead")


class Command:
    """Runs the command on a data folder of its own, in this process."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.path, self._capsys = folder, folder / "access" / "clients.json", capsys

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """What it prints, or with another exit code what it complains of."""
        ended = main(["clients", arguments[0], "--data-dir", str(self.folder), *arguments[1:]])
        printed = self._capsys.readouterr()
        assert ended == code, printed.err
        assert not (printed.out if code else printed.err)
        return (printed.err if code else printed.out).removesuffix("\n")

    def client(self, name: str = f"OrgUsr{ORGANIZATION}") -> Client:
        return read_clients(self.path)[name]

    def ask(self, name: str, password: str, now: datetime) -> Caller:
        credential = b"Basic " + base64.b64encode(f"{name}:{password}".encode())
        hashing = Hashing()
        try:
            return asyncio.run(verify(credential, Registry(self.path), now.timestamp(), hashing))
        finally:
            hashing.close()


@pytest.fixture
def clients(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setattr(command, "datetime", Noon)
    monkeypatch.setattr("lookup.__main__.logging.configure", lambda: None)  # it is for the whole process, and stays
    for name in [name for name in os.environ if name.startswith("FLR_")]:
        monkeypatch.delenv(name)
    return Command(tmp_path, capsys)


class Noon(datetime):
    """A clock that stands."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return NOW


def in_file(tmp_path: Path, subject: str = "clinic", encoding: Encoding = Encoding.PEM, ends_days: int = 30) -> str:
    path = tmp_path / f"{subject}-{ends_days}.{'pem' if encoding is Encoding.PEM else 'der'}"
    path.write_bytes(certificate(subject, -40, ends_days).public_bytes(encoding))
    return str(path)


class TestAdd:
    def test_prints_a_password_alone_that_lets_the_client_in(self, clients: Command) -> None:
        password = clients(*ADD)
        assert re.fullmatch(r"[a-km-zA-HJ-NP-Z2-9]{28}", password)
        caller = clients.ask(f"OrgUsr{ORGANIZATION}", password, NOW)
        assert (caller.roles, caller.protected, caller.limits) == (frozenset({Role.READ}), False, Limits())
        assert password not in clients.path.read_text()

    def test_takes_everything_that_a_client_is(self, clients: Command, tmp_path: Path) -> None:
        printed = clients(
            *("add", "clinic", "--org", str(ORGANIZATION), "--unit", str(OTHER_ORGANIZATION), "--json"),
            *("--role", "FlrRead", "--role", "FlrReadAllPatients", "--protected", "--password"),
            *("--requests-per-second", "50", "--persons-per-day", "20000", "--unknown-share", "0.25"),
            *("--certificate", in_file(tmp_path), "--token-client", "t-1"),
        )
        said = json.loads(printed)
        made = clients.client("clinic")
        assert said.keys() == {"name", "password"}
        assert clients.ask("clinic", said["password"], NOW) == made.caller("basic", None)
        assert (made.organization, made.unit, made.protected, made.created) == (
            ORGANIZATION,
            OTHER_ORGANIZATION,
            True,
            NOW,
        )
        assert made.roles == {Role.READ, Role.ALL_PATIENTS}
        assert made.limits == Limits(requests_per_second=50, persons_per_day=20000, unknown_share=0.25)
        assert (made.token_client, len(made.certificates), len(made.passwords)) == ("t-1", 1, 1)

    @pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
    def test_a_certificate_takes_the_place_of_the_password(
        self, clients: Command, tmp_path: Path, encoding: Encoding
    ) -> None:
        assert clients(*ADD, "--certificate", in_file(tmp_path, encoding=encoding)) == ""
        (shown,) = clients.client().certificates
        assert shown.until == NOW + timedelta(days=30)
        assert clients.client().passwords == ()

    def test_so_do_tokens_which_bring_their_roles(self, clients: Command) -> None:
        assert clients("add", "--org", str(ORGANIZATION), "--token-client", "t-1", "--json") == (
            f'{{"name":"OrgUsr{ORGANIZATION}"}}'
        )
        assert (clients.client().token_client, clients.client().roles) == ("t-1", frozenset())
        assert "tokens bring their own" in clients(*ADD, "other", "--token-client", "t-2", code=64)

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (("add", "--org", "999999998", "--role", "FlrRead"), "not an organisation number"),
            ((*ADD, "--unit", "1"), "unit: not an organisation number"),
            (("add", "--org", str(ORGANIZATION)), "roles: who has a password"),
            ((*ADD, "two words"), "name: 1 to 64 of letters"),
            ((*ADD, "--persons-per-day", "-1"), "limits: none is below 0"),
            ((*ADD, "--unknown-share", "2"), "unknown_share is from 0 to 1"),
            (("disable", "nobody"), "there is no client of that name"),
            (("rotate", "nobody"), "there is no client of that name"),
            (("remove", "nobody"), "there is no client of that name"),
        ],
    )
    def test_wrong_use_is_64_and_registers_nobody(self, clients: Command, arguments: tuple[str, ...], why: str) -> None:
        assert why in clients(*arguments, code=64)
        assert not clients.path.exists()

    def test_names_certificates_and_client_ids_are_of_one_client(self, clients: Command, tmp_path: Path) -> None:
        shown = ("--certificate", in_file(tmp_path))
        clients(*ADD, *shown, "--token-client", "t-1", "--password")
        before = clients.path.read_bytes()
        assert f"there is a client OrgUsr{ORGANIZATION} already" in clients(*ADD, code=64)
        assert f"is OrgUsr{ORGANIZATION}'s already" in clients(*ADD, "other", *shown, code=64)
        assert f"is OrgUsr{ORGANIZATION}'s already" in clients(
            *ADD, "other", "--token-client", "t-1", "--password", code=64
        )
        assert clients.path.read_bytes() == before

    def test_a_bad_certificate_is_65_and_none_is_74(self, clients: Command, tmp_path: Path) -> None:
        (tmp_path / "note").write_text("hello")
        (tmp_path / "chain").write_bytes(
            b"".join(certificate(one).public_bytes(Encoding.PEM) for one in ("clinic", "authority"))
        )
        expired = in_file(tmp_path, ends_days=0)
        for name, code, why in (
            (str(tmp_path / "note"), 65, "not a certificate"),
            (str(tmp_path / "chain"), 65, "more than one certificate"),
            (expired, 65, "has expired"),
            (str(tmp_path / "nothing"), 74, "No such file"),
        ):
            assert why in clients(*ADD, "--certificate", name, code=code)
        assert not clients.path.exists()


class TestRotate:
    def test_both_passwords_are_taken_until_the_grace_is_over(self, clients: Command) -> None:
        old = clients(*ADD)
        new = clients("rotate", f"OrgUsr{ORGANIZATION}", "--grace", "2")
        over = NOW + timedelta(hours=2)
        name = f"OrgUsr{ORGANIZATION}"
        assert clients.ask(name, new, over).expires > over.timestamp()
        assert clients.ask(name, old, over - timedelta(seconds=1)).expires == over.timestamp()
        with pytest.raises(Refused, match="password-expired"):
            clients.ask(name, old, over)

    def test_without_grace_the_old_one_ends_at_once(self, clients: Command) -> None:
        old = clients("add", "clinic", "--org", str(ORGANIZATION), "--role", "FlrRead")
        said = json.loads(clients("rotate", "clinic", "--grace", "0", "--json"))
        with pytest.raises(Refused, match="wrong-password"):
            clients.ask("clinic", old, NOW)
        assert clients.ask("clinic", said["password"], NOW).client == said["name"] == "clinic"

    def test_of_two_passwords_somebody_has_to_say_which_is_in_use(self, clients: Command) -> None:
        old, lost = clients(*ADD, "clinic"), clients("rotate", "clinic")
        before = clients.path.read_bytes()
        assert "has two passwords yet, the older one until 2026-11-27 12:00Z" in clients("rotate", "clinic", code=64)
        assert clients.path.read_bytes() == before
        new = clients("rotate", "clinic", "--unused")
        for password in (old, new):
            assert clients.ask("clinic", password, NOW)
        with pytest.raises(Refused):
            clients.ask("clinic", lost, NOW)
        last = clients("rotate", "clinic", "--grace", "0")
        assert clients.ask("clinic", last, NOW)
        assert len(clients.client("clinic").passwords) == 1

    def test_once_the_grace_is_over_there_is_room_again(
        self, clients: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clients(*ADD, "clinic")
        second = clients("rotate", "clinic")
        monkeypatch.setattr(Noon, "now", classmethod(lambda cls, tz=None: NOW + timedelta(hours=25)))
        third = clients("rotate", "clinic")
        for password in (second, third):
            assert clients.ask("clinic", password, NOW + timedelta(hours=48))

    def test_a_certificate_is_replaced_by_another(self, clients: Command, tmp_path: Path) -> None:
        clients(*ADD, "clinic", "--certificate", in_file(tmp_path, ends_days=1))
        assert clients("rotate", "clinic", "--grace", "72", "--certificate", in_file(tmp_path)) == ""
        assert [one.until for one in clients.client("clinic").certificates] == [
            NOW + timedelta(days=30),
            NOW + timedelta(days=1),  # its own end
        ]
        clients("rotate", "clinic", "--grace", "1", "--certificate", in_file(tmp_path))  # the same again
        assert [one.until for one in clients.client("clinic").certificates] == [
            NOW + timedelta(days=30),
            NOW + timedelta(hours=1),
        ]
        clients("rotate", "clinic", "--grace", "0", "--certificate", in_file(tmp_path))
        assert len(clients.client("clinic").certificates) == 1

    def test_what_a_client_does_not_have_is_not_replaced(self, clients: Command, tmp_path: Path) -> None:
        clients(*ADD, "clinic")
        clients(*ADD, "certified", "--certificate", in_file(tmp_path))
        assert "has no password" in clients("rotate", "certified", code=64)
        assert "has no certificate" in clients("rotate", "clinic", "--certificate", in_file(tmp_path, "new"), code=64)
        for hours in ("-1", "nan", "1e9"):
            assert "--grace is from 0" in clients("rotate", "clinic", "--grace", hours, code=64)


class TestChange:
    def test_what_is_given_is_changed_and_the_rest_stays(self, clients: Command) -> None:
        password = clients(*ADD, "clinic", "--persons-per-day", "9", "--unknown-share", "0.5")
        before = clients.client("clinic")
        clients("change", "clinic", "--role", "FlrLookup", "--role", "FlrOperator", "--protected")
        clients("change", "clinic", "--persons-per-day", "0", "--unit", str(OTHER_ORGANIZATION))
        assert clients.client("clinic") == msgspec.structs.replace(
            before,
            roles=frozenset({Role.LOOKUP, Role.OPERATOR}),
            protected=True,
            unit=OTHER_ORGANIZATION,
            limits=Limits(unknown_share=0.5),
        )
        clients("change", "clinic", "--no-protected")
        assert not clients.client("clinic").protected
        assert clients.ask("clinic", password, NOW).roles == {Role.LOOKUP, Role.OPERATOR}

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            ((), "what is to be changed"),
            (("--role", "FlrRead"), "what is to be changed"),
            (("--unit", "1"), "unit: not an organisation number"),
            (("--requests-per-second", "-1"), "limits: none is below 0"),
        ],
    )
    def test_wrong_use_changes_nothing(self, clients: Command, arguments: tuple[str, ...], why: str) -> None:
        clients(*ADD, "clinic")
        before = clients.path.read_bytes()
        assert why in clients("change", "clinic", *arguments, code=64)
        assert "there is no client" in clients("change", "nobody", *arguments, code=64)
        assert clients.path.read_bytes() == before


class TestOthers:
    def test_disabled_enabled_and_removed(self, clients: Command) -> None:
        password = clients(*ADD, "clinic")
        clients(*ADD, "other")
        clients("disable", "clinic")
        clients("disable", "clinic")
        with pytest.raises(Refused, match="disabled"):
            clients.ask("clinic", password, NOW)
        assert clients("enable", "clinic", "--json") == '{"name":"clinic"}'
        assert clients.ask("clinic", password, NOW)
        clients("remove", "clinic")
        assert list(read_clients(clients.path)) == ["other"]

    def test_the_list_shows_everything_but_hashes(self, clients: Command, tmp_path: Path) -> None:
        assert json.loads(clients("list", "--json")) == {"clients": []}
        password = clients(
            *ADD, "clinic", "--protected", "--persons-per-day", "9", "--certificate", in_file(tmp_path), "--password"
        )
        newer = clients("rotate", "clinic")
        clients(*ADD, "other", "--token-client", "t-1", "--password")
        clients("disable", "other")
        table, listed = clients("list"), clients("list", "--json")
        first, second = table.splitlines()[1:]
        assert re.sub("  +", "|", first.strip()) == (
            f"clinic|{ORGANIZATION}|FlrRead|password, password until 2026-11-27 12:00Z, "
            "certificate until 2026-12-26 12:00Z|yes|persons_per_day 9"
        )
        assert re.sub("  +", "|", second.strip()) == f"other|{ORGANIZATION}|FlrRead|password, tokens of t-1|disabled"
        one, other = json.loads(listed)["clients"]
        assert one["passwords"] == [{"until": None}, {"until": "2026-11-27T12:00:00Z"}]
        assert (other["disabled"], other["token_client"]) == (True, "t-1")
        salt, hashes = clients.client("clinic").salt, [each.scrypt for each in clients.client("clinic").passwords]
        assert salt is not None
        for secret in (password, newer, *(base64.b64encode(each).decode() for each in (salt, *hashes))):
            assert secret not in table + listed

    def test_an_unfit_file_is_78_and_says_what_to_do(self, clients: Command) -> None:
        clients(*ADD)
        clients.path.chmod(0o644)
        for verb in (("list",), (*ADD, "other"), ("disable", "other")):
            assert f"chmod 0640 {clients.path}" in clients(*verb, code=78)
        clients.path.chmod(0o640)
        clients.path.write_text(clients.path.read_text().replace("FlrRead", "FlrReed"))
        assert f"{clients.path}:2: Invalid enum value 'FlrReed'" in clients("list", code=78)

    def test_a_misspelt_data_folder_is_78(self, clients: Command) -> None:
        assert "there is no folder" in clients(*ADD, "--data-dir", str(clients.folder / "dta"), code=78)


def test_wrong_arguments_are_64_and_the_setting_names_the_file(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "lookup", "clients", *arguments],
            cwd=ROOT,
            env={**os.environ, "FLR_CLIENTS_FILE": str(tmp_path / "who.json")},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert run("dance").returncode == 64
    done = run(*ADD)
    assert (done.returncode, len(done.stdout), done.stderr) == (0, 29, "")
    assert list(read_clients(tmp_path / "who.json")) == [f"OrgUsr{ORGANIZATION}"]
    made = read_clients(tmp_path / "who.json")[f"OrgUsr{ORGANIZATION}"].created
    assert abs(made - datetime.now(UTC)) < timedelta(hours=1)
