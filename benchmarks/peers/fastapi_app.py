"""FastAPI as its documentation writes it: a pydantic model, an endpoint, uvicorn with uvloop and httptools."""

from __future__ import annotations

import sys

import numpy as np
import onnxruntime as ort
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

GRAPH, PORT = sys.argv[1], int(sys.argv[2])
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(GRAPH, options, providers=["CPUExecutionProvider"])
app = FastAPI()


class Asked(BaseModel):
    """What is sent."""

    values: list[list[float]]


class Given(BaseModel):
    """What comes back."""

    probability: list[list[float]]


@app.post("/infer")
async def infer(asked: Asked) -> Given:
    (probability,) = session.run(["probability"], {"values": np.array(asked.values, dtype=np.float32)})
    return Given(probability=probability.tolist())


if __name__ == "__main__":
    uvicorn.run(app, port=PORT, loop="uvloop", http="httptools", access_log=False, log_level="warning")
