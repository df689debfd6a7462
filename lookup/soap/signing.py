"""What lists for NAV are signed with, and sealed for: our key, and the certificate that a caller gives.

A signature is XMLDSig, enveloped, RSA with SHA-256 over Canonical XML 1.0, with our certificate and those that lead to
it. What is sealed is CMS EnvelopedData: AES-256-CBC, its key encrypted to the certificate's RSA key. Whether a caller's
certificate leads to somebody is not looked at: who may ask is settled by the caller's credential.
"""

import importlib.util
from datetime import UTC, datetime
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options

from lookup.settings import Settings
from lookup.soap.texts import CERTIFICATE_EXPIRED, CERTIFICATE_KEY, invalid, refused
from lookup.tls import WrongCertificate, check_mode

LIBRARY = "signxml"  # the extra `nav`
RSA_BITS = range(2048, 8192 + 1)
PEM = b"-----BEGIN"
_log = structlog.get_logger()


class Signer:
    """Signs documents. `expires`: until when, in seconds since 1970-01-01T00:00:00Z."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Reads both. Raises WrongCertificate."""
        self._chain = _chain(certificate)
        self._key = _key(key)
        if self._chain[0].public_key() != self._key.public_key():
            raise WrongCertificate(f"nav_key: {key}: not the key of the first certificate in {certificate}")
        self.expires = int(self._chain[0].not_valid_after_utc.timestamp())

    def __repr__(self) -> str:
        return f"<Signer {self._chain[0].serial_number:x}>"

    def sign(self, document: bytes) -> bytes:
        """The document with a signature as the last element within its root; takes some time for a long one."""
        from lxml import etree  # noqa: PLC0415 -- only those who sign need it, and have it
        from signxml.algorithms import CanonicalizationMethod  # noqa: PLC0415
        from signxml.signer import XMLSigner  # noqa: PLC0415

        root = etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True))
        signer = XMLSigner(c14n_algorithm=CanonicalizationMethod.CANONICAL_XML_1_0)
        signed = signer.sign(root, key=self._key, cert=self._chain)
        return bytes(etree.tostring(signed, xml_declaration=True, encoding="utf-8"))


def signer_of(settings: Settings) -> Signer | None:
    """What the settings say to sign with; None, and why in the log, where that cannot be. Raises WrongCertificate."""
    certificate, key = settings.nav_certificate, settings.nav_key
    if certificate is key is None:
        _log.info("encrypted lists for NAV are not answered", why="nav_certificate and nav_key are not set")
        return None
    if certificate is None or key is None:
        raise WrongCertificate("nav_certificate and nav_key go together: one of them is not given")
    signer = Signer(certificate, key)
    if importlib.util.find_spec(LIBRARY) is None:
        _log.warning("encrypted lists for NAV are not answered", why="the extra `nav` is not installed")
        return None
    _log.info("encrypted lists for NAV are signed", until=datetime.fromtimestamp(signer.expires, UTC).isoformat())
    return signer


def recipient(octets: object, now: int, parameter: str) -> x509.Certificate:
    """The certificate to seal for, DER or PEM, which must be in force `now` (epoch seconds). Raises GenericFault."""
    if not isinstance(octets, bytes):
        raise invalid(parameter)
    try:
        load = x509.load_pem_x509_certificate if octets.lstrip().startswith(PEM) else x509.load_der_x509_certificate
        certificate = load(octets)
        key = certificate.public_key()
        begins, ends = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise invalid(parameter) from None
    if not isinstance(key, RSAPublicKey) or key.key_size not in RSA_BITS:
        raise refused(CERTIFICATE_KEY)
    if not begins <= now < ends:
        raise refused(CERTIFICATE_EXPIRED)
    try:
        sealed(b"", certificate)
    except ValueError:  # numbers that are no key, whatever their size
        raise refused(CERTIFICATE_KEY) from None
    return certificate


def sealed(octets: bytes, certificate: x509.Certificate) -> bytes:
    """These octets, for whoever has the certificate's key alone: DER."""
    builder = PKCS7EnvelopeBuilder().set_data(octets).add_recipient(certificate)
    return builder.set_content_encryption_algorithm(AES256).encrypt(Encoding.DER, [PKCS7Options.Binary])


def _chain(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise WrongCertificate(f"nav_certificate: {path}: {error.strerror}") from None
    except ValueError:
        raise WrongCertificate(f"nav_certificate: {path}: no well-formed certificate, in PEM") from None


def _key(path: Path) -> RSAPrivateKey:
    check_mode("nav_key", path)
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise WrongCertificate(f"nav_key: {path}: {error.strerror}") from None
    except (ValueError, TypeError):  # TypeError: it has a password
        raise WrongCertificate(f"nav_key: {path}: not a key in PEM, without a password") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size not in RSA_BITS:
        raise WrongCertificate(f"nav_key: {path}: not an RSA key of {RSA_BITS[0]} to {RSA_BITS[-1]} bits")
    return key
