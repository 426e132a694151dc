"""BentoML: one service, one worker. Started by `bentoml serve`; GRAPH is in the environment."""

import os

import bentoml
import numpy as np
import onnxruntime as ort


@bentoml.service(workers=1)
class Peer:
    """The graph as a BentoML service."""

    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(os.environ["GRAPH"], options, providers=["CPUExecutionProvider"])

    @bentoml.api
    def infer(self, values: list[list[float]]) -> dict[str, list[list[float]]]:
        """Run the graph."""
        (probability,) = self.session.run(["probability"], {"values": np.array(values, dtype=np.float32)})
        return {"probability": probability.tolist()}
