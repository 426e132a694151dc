"""The least that answers: Starlette, msgspec, onnxruntime. No key, no check of a value, no log."""

from __future__ import annotations

import sys

import msgspec
import numpy as np
import onnxruntime as ort
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

GRAPH, PORT = sys.argv[1], int(sys.argv[2])
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(GRAPH, options, providers=["CPUExecutionProvider"])


class Asked(msgspec.Struct):
    """What is sent."""

    values: list[list[float]]


decoder = msgspec.json.Decoder(Asked)


async def infer(request: Request) -> Response:
    asked = decoder.decode(await request.body())
    (probability,) = session.run(["probability"], {"values": np.array(asked.values, dtype=np.float32)})
    return Response(msgspec.json.encode({"probability": probability.tolist()}), media_type="application/json")


app = Starlette(routes=[Route("/infer", infer, methods=["POST"])])

if __name__ == "__main__":
    uvicorn.run(app, port=PORT, loop="uvloop", http="httptools", access_log=False, log_level="warning")
