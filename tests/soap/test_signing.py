"""What lists for NAV are signed with, as the service finds it when it starts: fit, not there, or unfit, and said."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from lookup.settings import Settings
from lookup.soap import signing
from lookup.soap.signing import Signer, signer_of
from lookup.tls import WrongCertificate
from tests.lookup.authority import Authority, Files
from tests.service import ROOT


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def files(authority: Authority) -> Files:
    return authority.issue("register", with_rsa=True)


def settings_of(files: Files) -> Settings:
    return Settings(nav_certificate=files.certificate, nav_key=files.key)


def test_it_is_said_until_when(files: Files) -> None:
    with capture_logs() as lines:
        signer = signer_of(settings_of(files))
    assert isinstance(signer, Signer)
    assert [line["event"] for line in lines] == ["encrypted lists for NAV are signed"]
    assert f"{files.serial:x}" in repr(signer)


@pytest.mark.parametrize("has_keys", [True, False])
def test_it_is_said_why_not(files: Files, monkeypatch: pytest.MonkeyPatch, has_keys: bool) -> None:
    monkeypatch.setattr(signing, "LIBRARY", "no_such_library_of_ours")
    with capture_logs() as lines:
        assert signer_of(settings_of(files) if has_keys else Settings()) is None
    (line,) = lines
    assert line["event"] == "encrypted lists for NAV are not answered"
    assert ("extra `nav`" in line["why"]) == has_keys


def certificate_is_gone(files: Files) -> None:
    files.certificate.unlink()


def no_certificate(files: Files) -> None:
    files.certificate.write_bytes(files.key.read_bytes())


def key_is_gone(files: Files) -> None:
    files.key.unlink()


def no_key(files: Files) -> None:
    files.key.write_bytes(files.certificate.read_bytes())


def for_others_to_read(files: Files) -> None:
    files.key.chmod(0o644)


def another_key(files: Files) -> None:
    files.key.write_bytes(Authority(files.key.parent).issue("another", with_rsa=True).key.read_bytes())


def not_rsa(files: Files) -> None:
    files.key.write_bytes(Authority(files.key.parent).issue("another").key.read_bytes())


def has_a_password(files: Files) -> None:
    files.key.write_bytes(Authority(files.key.parent).issue("another", password=b"secret").key.read_bytes())


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (certificate_is_gone, "nav_certificate: .*No such file"),
        (no_certificate, "nav_certificate: .*no well-formed certificate"),
        (key_is_gone, "nav_key: .*No such file"),
        (no_key, "nav_key: .*not a key in PEM"),
        (for_others_to_read, "nav_key: .*mode 0644"),
        (another_key, "nav_key: .*not the key of"),
        (not_rsa, "nav_key: .*not an RSA key"),
        (has_a_password, "nav_key: .*without a password"),
    ],
)
def test_what_is_wrong_is_told(files: Files, harm: Callable[[Files], None], why: str) -> None:
    harm(files)
    with pytest.raises(WrongCertificate, match=why):
        signer_of(settings_of(files))


def test_one_without_the_other(files: Files) -> None:
    for settings in (Settings(nav_certificate=files.certificate), Settings(nav_key=files.key)):
        with pytest.raises(WrongCertificate, match="go together"):
            signer_of(settings)


def test_the_command_does_not_start_with_what_is_unfit(files: Files, tmp_path: Path) -> None:
    for_others_to_read(files)
    command = [sys.executable, "-m", "lookup", "serve", "--data-dir", str(tmp_path), "--port", "0"]
    environment = {"FLR_NAV_CERTIFICATE": str(files.certificate), "FLR_NAV_KEY": str(files.key)}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "nav_key" in done.stderr, "mode 0644" in done.stderr) == (78, True, True)
