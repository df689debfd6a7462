"""The lookup as one would write it today: Litestar on uvicorn, answers ready in LMDB, one get for each question.

Run as `uvicorn bench.peers.litestar_app:app --loop uvloop --http httptools`; FLR_PEER_LMDB names the LMDB file.
"""

import os

import lmdb
import msgspec
from litestar import Litestar, MediaType, Response, post
from litestar.exceptions import NotFoundException

environment = lmdb.open(os.environ["FLR_PEER_LMDB"], subdir=False, readonly=True, lock=False)


class Question(msgspec.Struct):
    """Whom it is about."""

    nin: str


@post("/v1/gp-lookup", status_code=200, sync_to_thread=False)
def gp_lookup(data: Question) -> Response[bytes]:
    """The answer, as it was put there."""
    with environment.begin() as transaction:
        answer = transaction.get(data.nin.encode())
    if answer is None:
        raise NotFoundException
    return Response(answer, media_type=MediaType.JSON)


app = Litestar([gp_lookup], openapi_config=None)
