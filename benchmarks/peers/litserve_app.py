"""LitServe: one API server process, one worker. It reads annotations, so they are no strings here."""

import sys
from typing import Any

import litserve
import numpy as np
import onnxruntime as ort

GRAPH, PORT = sys.argv[1], int(sys.argv[2])


class Api(litserve.LitAPI):
    """The graph behind LitServe's queue."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        """Open the graph in the worker."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(GRAPH, options, providers=["CPUExecutionProvider"])

    def decode_request(self, request) -> np.ndarray:
        """JSON to array."""
        return np.array(request["values"], dtype=np.float32)

    def predict(self, x) -> np.ndarray:
        """Run the graph."""
        return self.session.run(["probability"], {"values": x})[0]

    def encode_response(self, output) -> dict[str, Any]:
        """Array to JSON."""
        return {"probability": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Api(api_path="/infer"), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=PORT, num_api_servers=1, log_level="warning", generate_client_file=False)
