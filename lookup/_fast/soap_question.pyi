from lookup.index import Buffer
from lookup.soap_question import SoapQuestion

def read_soap_question(version: str, action: bytes, body: Buffer) -> SoapQuestion | None: ...
