"""Drives NVIDIA's client against a running server; runs in .venv-triton, which has no bedside. Prints one JSON object.

drive.py HOST:PORT KEY PATIENTS     PATIENTS: {"names", "categories", "values"} as JSON
"""

import json
import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

MODEL = "breast-fna"
url, key, given = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
values = np.array(given["values"], dtype=np.float64)
client = triton.InferenceServerClient(url)


def auth():
    # The client writes into the headers that it is given: each call gets its own.
    return {"Authorization": f"Bearer {key}"}


def infer(inputs, **options):
    return client.infer(MODEL, inputs, headers=auth(), **options)


def together(datatype="FP64", binary=True):
    kind = {"FP64": np.float64, "FP32": np.float32}[datatype]
    tensor = triton.InferInput("values", list(values.shape), datatype)
    tensor.set_data_from_numpy(values.astype(kind), binary_data=binary)
    return [tensor]


def one_by_one(binary=True, standing=False):
    made = []
    for position, name in enumerate(given["names"]):
        column = values[:, position]
        texts = given["categories"].get(name)
        if texts:
            column = np.array([texts[int(code)] for code in column], dtype=np.object_)
        if standing:
            column = column[:, None]
        tensor = triton.InferInput(name, list(column.shape), "BYTES" if texts else "FP64")
        tensor.set_data_from_numpy(column, binary_data=binary)
        made.append(tensor)
    return made


def probability(result):
    return result.as_numpy("probability").tolist()


def refused(call):
    try:
        call()
    except InferenceServerException as error:
        return [error.status(), error.message()]
    return None


wanted = [
    triton.InferRequestedOutput(name, binary_data=binary) for name, binary in (("reasons", True), ("alert", False))
]
everything = infer(together(), request_id="42")
strange = values.copy()
strange[0, 1] = np.nan
unknown = triton.InferInput("values", list(strange.shape), "FP64")
unknown.set_data_from_numpy(strange)
outside = values.copy()
outside[-1, 0] = 1e6
implausible = triton.InferInput("values", list(outside.shape), "FP64")
implausible.set_data_from_numpy(outside)
wrong = triton.InferInput("values", [1, 2], "FP64")
wrong.set_data_from_numpy(np.zeros((1, 2)))
some = infer(one_by_one(), outputs=wanted)

found = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "model ready": client.is_model_ready(MODEL, headers=auth()),
    "version ready": client.is_model_ready(MODEL, "1.0.0", headers=auth()),
    "no version": client.is_model_ready(MODEL, "9.0.0", headers=auth()),
    "server": client.get_server_metadata(headers=auth()),
    "model": client.get_model_metadata(MODEL, headers=auth()),
    "version": client.get_model_metadata(MODEL, "1.0.0", headers=auth()),
    "reply": everything.get_response(),
    "abstained": everything.as_numpy("abstained").tolist(),
    "sets": everything.as_numpy("prediction_set").tolist(),
    "probability": {
        "binary": probability(everything),
        "FP32": probability(infer(together("FP32"))),
        "JSON": probability(infer(together(binary=False))),
        "one by one": probability(infer(one_by_one())),
        "one by one, JSON": probability(infer(one_by_one(binary=False))),
        "one by one, [n, 1]": probability(infer(one_by_one(standing=True))),
        "version": probability(infer(together(), model_version="1.0.0")),
        "gzip": probability(infer(together(), request_compression_algorithm="gzip")),
        "deflate": probability(infer(one_by_one(), request_compression_algorithm="deflate")),
        "answer packed": probability(infer(together(), response_compression_algorithm="gzip")),
        "later": probability(client.async_infer(MODEL, together(), headers=auth()).get_result()),
        "unknown": probability(infer([unknown])),
    },
    "some": [output["name"] for output in some.get_response()["outputs"]],
    "reasons": [text.decode() for text in some.as_numpy("reasons")],
    "alert": some.as_numpy("alert").tolist(),
    "refused": {
        "value": refused(lambda: infer([implausible])),
        "shape": refused(lambda: infer([wrong])),
        "version": refused(lambda: infer(together(), model_version="9.0.0")),
        "key": refused(lambda: client.infer(MODEL, together(), headers={"Authorization": "Bearer bk_no"})),
        "config": refused(lambda: client.get_model_config(MODEL, headers=auth())),
        "sessions": refused(lambda: client.get_server_metadata()),
    },
}
print(json.dumps(found))
