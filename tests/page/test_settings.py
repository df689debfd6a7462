"""The page's settings and key: what a service does not start with, and the command that makes the key."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from joserfc import jwk

from bench.issuer import LocalIssuer
from bench.issuer import settings as issuers_file
from lookup.access.credentials import Credentials
from lookup.page.desk import Page, PageUnfit
from lookup.page.keyfile import PageKey, PageKeyUnfit, make
from lookup.page.reasons import REASONS
from lookup.rest import examples
from lookup.settings import Settings
from tests.service import PATIENCE_SECONDS, ROOT

JWKS = "http://127.0.0.1:1/jwks"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "issuers.toml").write_text(issuers_file(LocalIssuer(algorithm="ES256"), JWKS))
    make(tmp_path / "key.json")
    return Settings(
        data_dir=tmp_path,
        issuers_file=tmp_path / "issuers.toml",
        page_issuer="local",
        page_url="https://flr.example",
        page_client_id="page",
        page_key_file=tmp_path / "key.json",
    )


def test_the_settings_of_a_page(settings: Settings) -> None:
    page = Page(settings, Credentials(settings))
    assert (page.sessions.name, page.sign_ins.name) == ("__Host-flr-session", "__Host-flr-sign-in")
    assert page.sessions.gone.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0")


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"page_issuer": "another"}, "page_issuer"),
        ({"page_client_id": ""}, "page_client_id"),
        ({"page_url": ""}, "page_url"),
        ({"page_url": "http://flr.example"}, "page_url"),
        ({"page_url": "https://flr.example/path"}, "page_url"),
        ({"page_url": "https://user@flr.example"}, "page_url"),
        ({"issuers_file": None}, "page_issuer"),
    ],
)
def test_a_page_that_cannot_be(settings: Settings, changes: dict[str, Any], names: str) -> None:
    changed = msgspec.structs.replace(settings, **changes)
    with pytest.raises(PageUnfit, match=names):
        Page(changed, Credentials(changed))


def test_an_issuer_of_another_kind_signs_nobody_in(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "issuers.toml").write_text(issuers_file(LocalIssuer("maskinporten", algorithm="ES256"), JWKS))
    with pytest.raises(PageUnfit, match="page_issuer"):
        Page(settings, Credentials(settings))


class TestKey:
    def test_it_is_for_its_owner_alone_and_is_never_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "access" / "key.json"
        make(path)
        first = path.read_bytes()
        make(path)
        assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (first, 0o600)
        assert [one.name for one in path.parent.iterdir()] == ["key.json"]
        key = PageKey(path)
        assert "d" not in key.public()
        assert repr(key) == "<PageKey>"

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{}",
            b"[]",
            b'{"kty": "EC"}',
            json.dumps(jwk.ECKey.generate_key("P-256").as_dict(private=False)).encode(),
            json.dumps(jwk.OctKey.generate_key(256).as_dict(private=True)).encode(),
        ],
        ids=["nothing", "no key", "a list", "half a key", "a public key", "a shared secret"],
    )
    def test_what_is_no_private_key_is_refused(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "key.json"
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(PageKeyUnfit, match="not a private key"):
            PageKey(path)

    def test_one_that_others_may_read_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "key.json"
        make(path)
        path.chmod(0o644)
        with pytest.raises(PageKeyUnfit, match="mode 0644"):
            PageKey(path)
        with pytest.raises(PageKeyUnfit, match="page-key"):
            PageKey(tmp_path / "none.json")

    def test_nodes_with_the_same_file_seal_alike_and_others_do_not(self, tmp_path: Path) -> None:
        make(tmp_path / "one.json")
        make(tmp_path / "other.json")
        keys = [PageKey(tmp_path / name).session_key for name in ("one.json", "one.json", "other.json")]
        assert keys[0] == keys[1] != keys[2]
        rsa = tmp_path / "rsa.json"
        rsa.write_text(json.dumps(jwk.RSAKey.generate_key(2048).as_dict(private=True)))
        rsa.chmod(0o600)
        assert len(PageKey(rsa).session_key) == 32
        assert PageKey(rsa).assertion("page", "https://issuer.example", 0).count(".") == 2


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lookup", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_the_command_prints_the_public_key_of_what_it_has_made(tmp_path: Path) -> None:
    done = command("page-key", "--data-dir", str(tmp_path))
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    path = tmp_path / "access" / "page-key.json"
    assert shown == PageKey(path).public()
    assert json.loads(command("page-key", "--data-dir", str(tmp_path)).stdout) == shown
    path.chmod(0o644)
    assert command("page-key", "--data-dir", str(tmp_path)).returncode == 78


def test_a_service_does_not_start_with_a_page_that_cannot_be(tmp_path: Path) -> None:
    done = command("serve", "--data-dir", str(tmp_path), "--port", "0", FLR_PAGE_ISSUER="local")
    assert (done.returncode, "page_issuer" in done.stderr) == (78, True)


def test_the_documentation_has_the_reasons_and_numbers_that_the_demo_answers() -> None:
    text = (ROOT / "docs" / "page.md").read_text()
    assert [word for word, told in REASONS.items() if f"| `{word}` | {told} |" not in text] == []
    shown = (examples.NIN, examples.VACANT_NIN, examples.NONE_NIN, examples.WITHHELD_NIN, examples.UNKNOWN_NIN)
    assert [nin for nin in shown if f"| {nin} |" not in text] == []
