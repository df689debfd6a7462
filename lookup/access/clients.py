"""The command `flr-lookup clients`: who may ask is registered, listed, disabled, and given new credentials.

A password is made here, shown once on standard output, and kept as its hash alone. What has been done is in the file
when the command ends, and in force in every worker seconds later.
"""

import argparse
import os
import secrets
import string
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from lookup.access.basic import scrypt
from lookup.access.caller import Limits
from lookup.access.client import SALT_BYTES, Certificate, Client, Password
from lookup.access.clientsfile import ClientsError, edit, read_clients
from lookup.access.listing import ends, print_table, told
from lookup.access.roles import Role
from lookup.settings import Settings

PASSWORD_CHARACTERS = 28  # of 57: 163 bits
ALPHABET = "".join(one for one in string.ascii_letters + string.digits if one not in "0O1lI")  # is read aloud, too
MAX_GRACE_HOURS = 24.0 * 366


class WrongUse(ClientsError):
    """The command was given wrongly, or names a client that is not there."""

    exit_code = 64


class BadCertificate(ClientsError):
    """The file does not hold a certificate that is in force."""

    exit_code = 65


def run(settings: Settings, arguments: argparse.Namespace) -> None:
    """Do what the arguments say. Raises ClientsError, whose `exit_code` ends the command, or OSError."""
    now = datetime.now(UTC).replace(microsecond=0)
    path = settings.clients_path
    if arguments.verb == "add":
        add(path, arguments, now)
    elif arguments.verb == "list":
        clients = list(read_clients(path).values()) if path.exists() else []
        if arguments.json:
            sys.stdout.write(msgspec.json.encode({"clients": [told(client) for client in clients]}).decode() + "\n")
        else:
            print_table(clients, now)
    elif arguments.verb == "rotate":
        rotate(path, arguments, now)
    elif arguments.verb == "change":
        change(path, arguments)
    else:
        switch(path, arguments)


def add(path: Path, arguments: argparse.Namespace, now: datetime) -> None:
    """`add [NAME] --org N --role ROLE`."""
    name = arguments.name or f"OrgUsr{arguments.org}"
    certificates = () if arguments.certificate is None else (read_certificate(arguments.certificate, now),)
    wants_password = arguments.password or not (certificates or arguments.token_client)
    password, salt = make_password() if wants_password else "", os.urandom(SALT_BYTES)
    try:
        client = Client(
            name=name,
            organization=arguments.org,
            created=now,
            salt=salt if password else None,
            passwords=(Password(scrypt=scrypt(password.encode(), salt)),) if password else (),
            certificates=certificates,
            token_client=arguments.token_client,
            **_given(arguments, Limits()),
        )
    except ValueError as error:
        raise WrongUse(str(error)) from None
    with edit(path) as clients:
        if name in clients:
            raise WrongUse(f"there is a client {name} already")
        _refuse_taken(clients, client)
        clients[name] = client
    _tell(name, password, as_json=arguments.json)


def change(path: Path, arguments: argparse.Namespace) -> None:
    """`change NAME`: other rights and limits; what is not given stays. Roles that are given are all that there are."""
    with edit(path) as clients:
        client = _named(clients, arguments.name)
        try:
            changed = msgspec.structs.replace(client, **_given(arguments, client.limits))
        except ValueError as error:
            raise WrongUse(str(error)) from None
        if changed == client:
            raise WrongUse("what is to be changed? see flr-lookup clients change --help")
        clients[client.name] = changed
    _tell(client.name, "", as_json=arguments.json)


def _given(arguments: argparse.Namespace, limits: Limits) -> dict[str, Any]:
    """The rights that the arguments give, as members of a client; `limits` are those of before."""
    members: dict[str, Any] = {}
    if arguments.unit is not None:
        members["unit"] = arguments.unit
    if arguments.role is not None:
        members["roles"] = frozenset(map(Role, arguments.role))
    if arguments.protected is not None:
        members["protected"] = arguments.protected
    given = {name: getattr(arguments, name) for name in Limits.__struct_fields__}
    members["limits"] = msgspec.structs.replace(
        limits, **{name: value for name, value in given.items() if value is not None}
    )
    return members


def rotate(path: Path, arguments: argparse.Namespace, now: datetime) -> None:
    """`rotate NAME`: a new password or certificate; the one before it is taken until the grace is over."""
    if not 0 <= arguments.grace <= MAX_GRACE_HOURS:
        raise WrongUse(f"--grace is from 0 to {MAX_GRACE_HOURS:g} hours")
    until = now + timedelta(hours=arguments.grace)
    fresh = None if arguments.certificate is None else read_certificate(arguments.certificate, now)
    password = make_password()
    with edit(path) as clients:
        client = _named(clients, arguments.name)
        if fresh is not None:
            if not client.certificates:
                raise WrongUse(f"{client.name} has no certificate to be replaced")
            older = [
                msgspec.structs.replace(one, until=min(one.until, until))
                for one in client.certificates
                if one.sha256 != fresh.sha256
            ]
            kept = tuple(one for one in older if one.until > now)
            changed = msgspec.structs.replace(client, certificates=(fresh, *kept))
            _refuse_taken({name: one for name, one in clients.items() if name != client.name}, changed)
        else:
            changed = _with_password(client, password, until, now, unused=arguments.unused)
        clients[client.name] = changed
    _tell(client.name, "" if fresh else password, as_json=arguments.json)


def _with_password(client: Client, password: str, until: datetime, now: datetime, *, unused: bool) -> Client:
    """The password before this one is taken until then. Of two before it, somebody has to say which one is in use."""
    if not client.passwords or client.salt is None:
        raise WrongUse(f"{client.name} has no password to be replaced")
    newest, *older = client.passwords
    in_grace = [one for one in older if one.until is not None and one.until > now]
    if unused:
        kept = in_grace
    elif until <= now:
        kept = []
    elif in_grace:
        raise WrongUse(
            f"{client.name} has two passwords yet, the older one {ends(in_grace[0].until, now)}: say --unused if the"
            " newest is not in use, or --grace 0 to end both"
        )
    else:
        kept = [msgspec.structs.replace(newest, until=until)]
    new = Password(scrypt=scrypt(password.encode(), client.salt))  # the same salt: one hash is looked for in both
    return msgspec.structs.replace(client, passwords=(new, *kept))


def switch(path: Path, arguments: argparse.Namespace) -> None:
    """`disable NAME`, `enable NAME`, `remove NAME`. What is so already is no error."""
    with edit(path) as clients:
        client = _named(clients, arguments.name)
        if arguments.verb == "remove":
            del clients[client.name]
        else:
            clients[client.name] = msgspec.structs.replace(client, disabled=arguments.verb == "disable")
    _tell(client.name, "", as_json=arguments.json)


def _named(clients: dict[str, Client], name: str) -> Client:
    client = clients.get(name)
    if client is None:
        raise WrongUse("there is no client of that name: flr-lookup clients list")
    return client


def _refuse_taken(clients: dict[str, Client], newest: Client) -> None:
    mine = {one.sha256 for one in newest.certificates}
    for other in clients.values():
        if not mine.isdisjoint(one.sha256 for one in other.certificates):
            raise WrongUse(f"the certificate is {other.name}'s already")
        if newest.token_client is not None and newest.token_client == other.token_client:
            raise WrongUse(f"the client id of the tokens is {other.name}'s already")


def make_password() -> str:
    """A password that nobody guesses, of characters that need no escaping anywhere."""
    return "".join(secrets.choice(ALPHABET) for _ in range(PASSWORD_CHARACTERS))


def read_certificate(path: Path, now: datetime) -> Certificate:
    """The one certificate in a file, PEM or DER. Raises BadCertificate and OSError."""
    from cryptography import x509  # noqa: PLC0415 -- the other verbs can do without
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    data = path.read_bytes()
    try:
        if data.lstrip().startswith(b"-----BEGIN"):
            certificate, *others = x509.load_pem_x509_certificates(data)
        else:
            certificate, others = x509.load_der_x509_certificate(data), []
    except ValueError:
        raise BadCertificate(f"{path}: not a certificate in PEM or DER") from None
    if others:
        raise BadCertificate(f"{path}: more than one certificate: give the client's own alone, without its chain")
    if certificate.not_valid_after_utc <= now:
        raise BadCertificate(f"{path}: the certificate has expired")
    der = certificate.public_bytes(Encoding.DER)
    return Certificate(sha256=sha256(der).hexdigest(), until=certificate.not_valid_after_utc)


def _tell(name: str, password: str, *, as_json: bool) -> None:
    """The password is alone on standard output, so that a script can take it from there."""
    if as_json:
        said = {"name": name, "password": password} if password else {"name": name}
        sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
    elif password:
        sys.stdout.write(password + "\n")
        if sys.stdout.isatty():
            sys.stderr.write(f"This is the password of {name}. It is not shown again.\n")
    elif sys.stdout.isatty():
        sys.stdout.write(f"{name}: done\n")
