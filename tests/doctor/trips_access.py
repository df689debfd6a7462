"""Ways to break an installation: who may ask, what they are shown, and the record of it."""

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lookup.audit.record import HEAD_BYTES as FIRST_RECORD
from lookup.audit.segment import segments
from lookup.doctor.finding import WARNING, WRONG
from tests.access import registered
from tests.doctor.house import House
from tests.doctor.trips import trips
from tests.lookup.authority import Authority


@trips(WARNING, "clients", "nobody may ask")
def no_clients(house: House, _tmp: Path) -> None:
    house.register(registered.client(disabled=True))


@trips(WRONG, "clients", "mode 0644")
def clients_that_others_may_read(house: House, _tmp: Path) -> None:
    house.register(registered.client()).chmod(0o644)


@trips(WRONG, "clients", "clients.json:1: ")
def unfit_clients(house: House, _tmp: Path) -> None:
    house.register(registered.client()).write_text("{")


ISSUER = """[[issuer]]
name = "somebody"
kind = "helseid"
issuer = "https://issuer.example"
jwks_file = "keys.json"
dpop = "{}"
"""


@trips(WRONG, "issuers", "its keys cannot be had at")
def no_keys(house: House, tmp: Path) -> None:
    house.settings["issuers_file"] = tmp / "issuers.toml"
    (tmp / "issuers.toml").write_text(ISSUER.format("optional"))


@trips(WRONG, "issuers", "its keys cannot be had at http://127.0.0.1:")
def keys_that_cannot_be_fetched(house: House, tmp: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    house.deep = True
    house.settings["issuers_file"] = tmp / "issuers.toml"
    told = ISSUER.format("optional").replace('jwks_file = "keys.json"', f'jwks_url = "http://127.0.0.1:{port}/"')
    (tmp / "issuers.toml").write_text(told)


@trips(WRONG, "issuers", "without public_urls none is taken")
def proofs_of_nowhere(house: House, tmp: Path) -> None:
    house.settings["issuers_file"] = tmp / "issuers.toml"
    told = ISSUER.format("required").replace('jwks_file = "keys.json"', 'jwks_url = "https://issuer.example/"')
    (tmp / "issuers.toml").write_text(told)


@trips(WRONG, "issuers", "must hold issuers")
def unfit_issuers(house: House, tmp: Path) -> None:
    house.settings["issuers_file"] = tmp / "issuers.toml"
    (tmp / "issuers.toml").write_text("")


@trips(WRONG, "issuers", "public_urls: 'flr.example' must be")
def a_url_that_is_none(house: House, _tmp: Path) -> None:
    house.settings["public_urls"] = "flr.example"


@trips(WRONG, "proxies", "that is everybody")
def everybody_believed(house: House, _tmp: Path) -> None:
    house.settings["trusted_proxies"] = "0.0.0.0/0"


@trips(WARNING, "tls", "passwords can be read")
def passwords_on_the_network(house: House, _tmp: Path) -> None:
    house.settings["host"] = "0.0.0.0"  # noqa: S104


@trips(WRONG, "tls", "go together")
def a_certificate_without_its_key(house: House, tmp: Path) -> None:
    house.settings["tls_certificate"] = Authority(tmp).issue("service").certificate


def certificate(house: House, tmp: Path, days: float) -> None:
    """A certificate that is valid for so many days yet."""
    key, name = Ed25519PrivateKey.generate(), x509.Name([])
    end = datetime.now(UTC) + timedelta(days=days)
    made = x509.CertificateBuilder(name, name, key.public_key(), 7)
    made = made.not_valid_before(end - timedelta(days=90)).not_valid_after(end)
    files = tmp / "service.pem", tmp / "service.key"
    files[0].write_bytes(made.sign(key, None).public_bytes(Encoding.PEM))
    files[1].touch(0o600)
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    house.settings |= {"tls_certificate": files[0], "tls_key": files[1]}


@trips(WARNING, "tls", "the certificate ends")
def a_certificate_that_ends_soon(house: House, tmp: Path) -> None:
    certificate(house, tmp, 3)


@trips(WRONG, "tls", "the certificate ended")
def a_certificate_that_has_ended(house: House, tmp: Path) -> None:
    certificate(house, tmp, -1)


# -- the audit


@trips(WRONG, "audit", "nothing is told of persons")
def an_audit_without_room(house: House, _tmp: Path) -> None:
    house.settings["audit_spool_dir"] = Path("/proc/spool")  # of a filesystem in which there is never any


@trips(WRONG, "audit", "cannot be written to")
def an_audit_that_cannot_be_written(house: House, tmp: Path) -> None:
    (tmp / "file").touch(0o600)
    house.settings["audit_spool_dir"] = tmp / "file" / "spool"


@trips(WRONG, "audit keys", "without it nobody finds who looked at a person")
def keys_that_are_gone(house: House, _tmp: Path) -> None:
    house.made().audit_keys.unlink()


@trips(WRONG, "audit keys", "others than its owner may read it")
def keys_that_others_may_read(house: House, _tmp: Path) -> None:
    house.made().audit_keys.chmod(0o640)


def newest(house: House) -> Path:
    return segments(house.made().audit_folder / "w0")[-1]


@trips(WRONG, "audit seals", "w0/0000000001.seg: octet")
def an_audit_that_was_changed(house: House, _tmp: Path) -> None:
    data = bytearray(newest(house).read_bytes())
    data[FIRST_RECORD + 12] ^= 1
    newest(house).write_bytes(data)


@trips(WARNING, "audit seals", "nothing was sealed behind it")
def an_audit_that_is_torn(house: House, _tmp: Path) -> None:
    data = bytearray(newest(house).read_bytes())
    data[-1] ^= 1
    newest(house).write_bytes(data)


@trips(WRONG, "audit seals", "it is no segment of an audit")
def a_segment_that_is_none(house: House, _tmp: Path) -> None:
    house.deep = True
    newest(house).write_bytes(b"x" * 4096)
