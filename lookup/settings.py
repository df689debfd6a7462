"""The settings of the lookup service: what they are, their defaults and what they do.

How they are read (file, environment, flags) is register/settings.py.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

TABLE = "lookup"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about the service that can be set. Sizes are in bytes, times in the unit that the name ends in."""

    data_dir: Annotated[Path, Meta(description="folder with CURRENT and gen/, where the loader publishes")] = Path(
        "data"
    )
    run_dir: Annotated[
        Path | None, Meta(description="folder of the workers' run files; unless given, run/ in data_dir")
    ] = None
    host: Annotated[str, Meta(description="address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="TCP port to listen on; 0 takes a free one")] = 8080
    uds: Annotated[Path | None, Meta(description="unix socket to listen on instead of host and port")] = None
    admin: Annotated[
        str | None, Meta(description="HOST:PORT of a second listener, where /metrics and /v1/status need no credential")
    ] = None
    clients_file: Annotated[
        Path | None, Meta(description="the clients that are registered; unless given, access/clients.json in data_dir")
    ] = None
    trusted_proxies: Annotated[
        str,
        Meta(
            description="networks of the proxies that may assert a client's certificate, with commas between; `unix` is"
            " whoever reaches our unix socket"
        ),
    ] = ""
    proxy_certificate_header: Annotated[
        Literal["Client-Cert", "X-SSL-Client-Cert"], Meta(description="the header in which they do, and must overwrite")
    ] = "Client-Cert"
    tls_certificate: Annotated[
        Path | None, Meta(description="PEM file of the certificate, and those that lead to it; with it, TLS is spoken")
    ] = None
    tls_key: Annotated[Path | None, Meta(description="PEM file of its key, without a password, mode 0640 at most")] = (
        None
    )
    tls_client_ca: Annotated[
        Path | None, Meta(description="PEM file of authorities; where given, clients are asked for a certificate")
    ] = None
    workers: Annotated[int, Meta(ge=0, le=256, description="worker processes; 0 is one for each processor")] = 0
    clock_offset: Annotated[
        float, Meta(ge=-4e9, le=4e9, description="seconds added to the clock, for tests (loopback only)")
    ] = 0.0
    core_dumps: Annotated[
        bool, Meta(description="let the system dump, and a debugger read, a process's memory, which holds national ids")
    ] = False
    allow_plain: Annotated[bool, Meta(description="serve even though the compiled core is not built: slow")] = False
    strict_nin: Annotated[bool, Meta(description="refuse national ids that only the rule of 2032 admits")] = False
    withhold_protected: Annotated[bool, Meta(description="answer `withheld` for persons with a protected address")] = (
        False
    )
    stale_warn_hours: Annotated[
        float, Meta(ge=0, description="age of the register at which answers say FLR-Stale: true; 0 never")
    ] = 26.0
    stale_refuse_hours: Annotated[
        float, Meta(ge=0, description="age of the register at which it is not answered from; 0 never")
    ] = 0.0
    stream_seconds: Annotated[float, Meta(gt=0, description="longest time one streamed answer may take")] = 60.0
    max_body_bytes: Annotated[int, Meta(ge=256, description="largest request body")] = 4096
    max_batch_body_bytes: Annotated[int, Meta(ge=4096, description="largest request body of a batch")] = 65536
    max_soap_body_bytes: Annotated[int, Meta(ge=4096, description="largest request body of a SOAP operation")] = 1 << 18
    max_buffered_bytes: Annotated[
        int, Meta(ge=1 << 20, description="how much of requests not yet whole a worker keeps, over all connections")
    ] = 1 << 26
    hot_path: Annotated[
        bool, Meta(description="answer the usual requests in the compiled HTTP path; off, the ordinary one has all")
    ] = True
    max_head_bytes: Annotated[int, Meta(ge=1024, description="largest head of a request")] = 16384
    max_connections: Annotated[int, Meta(ge=1, description="most connections that a worker has open at a time")] = 20000
    max_connections_per_address: Annotated[
        int, Meta(ge=1, description="most of them from one address; a unix socket has none")
    ] = 1024
    head_seconds: Annotated[
        float, Meta(gt=0, description="longest time from a request's first octet to its blank line")
    ] = 10.0
    body_seconds: Annotated[float, Meta(gt=0, description="longest time for its body")] = 20.0
    write_seconds: Annotated[
        float, Meta(gt=0, description="longest time that a client may take nothing of its answers")
    ] = 30.0
    drain_seconds: Annotated[
        float, Meta(ge=0, description="how long a service that stops still accepts and serves, as not ready")
    ] = 10.0
    hung_seconds: Annotated[float, Meta(ge=2, description="silence after which a worker is replaced")] = 30.0
    keep_alive_seconds: Annotated[int, Meta(ge=1, description="how long an idle connection is kept")] = 75
    stop_seconds: Annotated[
        int, Meta(ge=1, description="how long requests in flight may take when the service stops")
    ] = 10
    issuers_file: Annotated[
        Path | None, Meta(description="whose access tokens are taken (docs/security.md); unless given, nobody's")
    ] = None
    public_urls: Annotated[
        str, Meta(description="the URLs that callers know the service by, with spaces between; DPoP proofs name them")
    ] = ""
    dpop_memory_bytes: Annotated[
        int, Meta(ge=1 << 16, le=1 << 29, description="memory for used DPoP proofs, for all workers together")
    ] = 1 << 25
    nav_certificate: Annotated[
        Path | None,
        Meta(description="PEM file of the certificate that lists for NAV are signed with, and those that lead to it"),
    ] = None
    nav_key: Annotated[
        Path | None, Meta(description="PEM file of its key (RSA), without a password, mode 0640 at most")
    ] = None

    page_issuer: Annotated[
        str | None,
        Meta(description="name of the issuer by which clinicians sign in to the web page; unless given, there is none"),
    ] = None
    page_url: Annotated[
        str, Meta(description="where browsers have the page: scheme, host and port; http on a loopback address alone")
    ] = ""
    page_client_id: Annotated[str, Meta(description="the client id that the issuer has given the page")] = ""
    page_key_file: Annotated[
        Path | None, Meta(description="the page's private key (JWK); unless given, access/page-key.json in data_dir")
    ] = None
    page_scope: Annotated[
        str, Meta(description="what the page asks the issuer for, with spaces between: who signs in, and what it opens")
    ] = (
        "openid profile helseid://scopes/identity/pid helseid://scopes/identity/security_level"
        " helseid://scopes/hpr/hpr_number nhn:flr/lookup"
    )
    page_idle_minutes: Annotated[
        float, Meta(gt=0, le=480, description="how long whoever has signed in may do nothing before signing in again")
    ] = 30.0
    page_session_minutes: Annotated[
        float, Meta(gt=0, le=1440, description="how long a sign-in lasts, however much is asked")
    ] = 480.0

    audit_dir: Annotated[Path | None, Meta(description="folder of the audit; unless given, audit/ in data_dir")] = None
    audit_spool_dir: Annotated[
        Path | None,
        Meta(description="second place of the audit, for when the first one takes nothing; best another volume"),
    ] = None
    audit_key_file: Annotated[
        Path | None, Meta(description="the audit's secrets; unless given, access/audit-keys.json in data_dir")
    ] = None
    audit_sync: Annotated[
        Literal["interval", "durable"],
        Meta(description="`durable`: no answer before its record is on the disk; `interval`: see audit_sync_seconds"),
    ] = "interval"
    audit_sync_seconds: Annotated[
        float, Meta(gt=0, description="how often records are synced: what a power cut can lose")
    ] = 1.0
    audit_segment_bytes: Annotated[
        int, Meta(ge=1 << 16, le=1 << 30, description="size of one file of the audit, allocated before it is needed")
    ] = 1 << 26
    audit_days: Annotated[
        int, Meta(ge=0, description="how long the audit is kept, for `audit prune`; 0 is for ever")
    ] = 3650

    @property
    def audit_folder(self) -> Path:
        """Where the audit is."""
        return self.audit_dir or self.data_dir / "audit"

    @property
    def audit_keys(self) -> Path:
        """Where the audit's secrets are."""
        return self.audit_key_file or self.data_dir / "access" / "audit-keys.json"

    @property
    def run_folder(self) -> Path:
        """Where the run files are."""
        return self.run_dir or self.data_dir / "run"

    @property
    def clients_path(self) -> Path:
        """Where the registered clients are."""
        return self.clients_file or self.data_dir / "access" / "clients.json"

    @property
    def page_key_path(self) -> Path:
        """Where the page's private key is."""
        return self.page_key_file or self.data_dir / "access" / "page-key.json"

    @property
    def worker_count(self) -> int:
        """How many workers there are to be."""
        return self.workers or len(os.sched_getaffinity(0))
