"""How what is signed is written (RFC 7515): base64url without padding, and signatures as two numbers side by side.

The plain twin of lookup._fast.encodings, and its specification, made of what the libraries have. Compiled because both
together were a third of what a proof's check costs beside the signature check in it (bench/dpop.py).
"""

from binascii import a2b_base64

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

MAX_HALF = 66  # octets: the longest curve's
_STANDARD = bytes.maketrans(b"-_+/=", b"+/***")  # what is not base64url becomes what is not base64
_PADDING = (b"", b"***", b"==", b"=")


def decoded(text: bytes) -> bytes:
    """The octets that base64url stands for. Raises ValueError where there is anything else in it."""
    return a2b_base64(text.translate(_STANDARD) + _PADDING[len(text) % 4], strict_mode=True)


def der(signature: bytes) -> bytes:
    """A signature of two numbers side by side (of 1 to MAX_HALF octets each), as OpenSSL takes it."""
    half = len(signature) // 2
    if len(signature) % 2 or not 0 < half <= MAX_HALF:
        raise ValueError("no two numbers")
    return encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))
