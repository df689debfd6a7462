"""A small town in service, and clients of its SOAP face as consumers have them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lookup.soap.operations import AT, EXPORT, PARTIES, READ, SOAP11, Service
from tests.oracle import Register
from tests.served import Served, load, run
from tests.service import Service as Process
from tests.soap import hamlet
from tests.soap.clients import MEDIA, Ask, Clients, Schemas, request, schemas
from tests.soap.hamlet_served import HamletServed, serving

PERSONS = 500


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a feed and the data folder that it was loaded into."""
    folder = tmp_path_factory.mktemp("town")
    run("bench.population", "--persons", str(PERSONS), "--out", str(folder / "feed"), "--seed", "7")
    load(folder / "feed", folder / "data")
    return folder


@pytest.fixture(scope="session")
def register(town: Path) -> Register:
    """What the oracle makes of the same feed."""
    return Register(town / "feed")


@pytest.fixture(scope="session")
def service(town: Path) -> Iterator[Process]:
    """The town in service, to anybody, with the compiled HTTP path in front."""
    with Process(town / "data", workers=1) as process:
        process.wait("serving")
        yield process


@pytest.fixture(scope="session")
def soap_served(town: Path, register: Register, service: Process) -> Served:
    return Served(register, town / "data", service)


@pytest.fixture(scope="session")
def clients(service: Process, tmp_path_factory: pytest.TempPathFactory) -> Clients:
    """zeep's clients of it: `clients(READ, SOAP12).GetGPContract(gpContractId=1)`."""
    return Clients(tmp_path_factory.mktemp("wsdl"), f"http://127.0.0.1:{service.address['port']}")


@pytest.fixture(scope="session")
def validate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Schemas]:
    """Service name -> what its answers are held against: `validate[READ.name].check(octets)`."""
    folder = tmp_path_factory.mktemp("schemas")
    return {one.name: schemas(one, folder) for one in (READ, EXPORT, PARTIES)}


@pytest.fixture(scope="session")
def ask(service: Process) -> Ask:
    """`ask(READ, "GetGPContract", SOAP11, "<gpContractId>1</gpContractId>")` -> (status, headers, octets)."""

    def asked(
        of: Service, operation: str, version: str = SOAP11, inside: str = "", headers: str = "", **fields: str
    ) -> tuple[int, dict[str, str], bytes]:
        (path,) = [path for path, one in AT.items() if one is of and one.paths[path] == version]
        return post(service, path, request(of, operation, version, inside, headers), MEDIA[version], **fields)

    return asked


def post(
    service: Process, path: str, body: bytes, content_type: str, **fields: str
) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body) of one POST on a connection of its own."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", service.address["port"], timeout=60)
    try:
        connection.request("POST", path, body, {"Content-Type": content_type} | fields)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


@pytest.fixture(scope="session")
def hamlet_served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HamletServed]:
    """Every kind of patient, in a service that knows its clients."""
    with serving(tmp_path_factory.mktemp("hamlet")) as served:
        yield served


@pytest.fixture(scope="session")
def hamlet_generation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its generation, for a service without a process of its own."""
    folder = tmp_path_factory.mktemp("hamlet")
    load(hamlet.feed(folder / "feed"), folder / "data")
    (generation,) = (folder / "data" / "gen").iterdir()
    return generation
