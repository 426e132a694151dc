"""One of the two tasks, in the current folder."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from .inspection import every_node
from .numbering import numbered
from .session import opened
from .signature import the_inputs, the_output, the_signature
from .unusable import Unusable, first_line

OPSET = 18


def main(task: str) -> None:
    """Do one of the two tasks in the current folder."""
    asked = json.loads(Path("asked.json").read_text())
    try:
        meta = _meta_graph(Path("model/saved_model.pb").read_bytes())
        name, signature = the_signature(meta)
        inputs = the_inputs(signature, asked)
        output = the_output(signature, asked["output"])
        with opened(meta, inputs, signature.outputs[output].name) as session:
            if task == "predict":
                rows = np.load("rows.npy", allow_pickle=False)
                np.save("outputs.npy", session.run("y:0", {"x:0": rows}), allow_pickle=False)
            else:
                Path("model.onnx").write_bytes(_converted(session))
                width = sum(len(one.columns) for one in inputs)
                columns = session.run("y:0", {"x:0": np.zeros((2, width), dtype=np.float32)}).shape[1]
                told = _facts(meta, name, signature, output) | {"width": width, "columns": columns}
                Path("facts.json").write_text(json.dumps(told))
    except Unusable as error:
        Path("refused.json").write_text(json.dumps(error.args))


def _meta_graph(content: bytes) -> Any:
    """The graph that is meant for serving, with its signatures."""
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        model = saved_model_pb2.SavedModel.FromString(content)
    except Exception:  # protobuf's own, a class of google.protobuf
        raise Unusable("its saved_model.pb cannot be read", "Copy the folder again, or save the model again") from None
    for meta in model.meta_graphs:
        if "serve" in meta.meta_info_def.tags:
            return meta
    raise Unusable("holds no graph for serving: none has the tag 'serve'", "Save it with model.export(...) of Keras")


def _converted(session: Any) -> bytes:
    """From ``x`` to ``y`` as ONNX, with the variables' values in it."""
    import tensorflow as tf
    import tf2onnx
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_from_session_graph

    with session.graph.as_default():
        for one in [one for one in session.graph.get_operations() if one.type == "VarHandleOp"]:
            tf.raw_ops.ReadVariableOp(  # by this name its value is asked for
                resource=one.outputs[0], dtype=one.get_attr("dtype"), name=f"{one.name}/Read/ReadVariableOp"
            )
    try:
        graph = convert_variables_to_constants_from_session_graph(session, session.graph.as_graph_def(), ["y"])
        for node in every_node(graph):  # without variables no call has a state, and only such calls are taken apart
            node.op = "PartitionedCall" if node.op == "StatefulPartitionedCall" else node.op
        with tf.Graph().as_default():
            model, _ = tf2onnx.convert.from_graph_def(
                graph, name="saved model", input_names=["x:0"], output_names=["y:0"], opset=OPSET
            )
    except Exception as error:  # tf2onnx raises whatever its conversions raise
        raise Unusable(
            f"tf2onnx cannot convert it: {first_line(error)}", "Export it to ONNX where it was trained"
        ) from error
    return bytes(numbered(model).SerializeToString())


def _facts(meta: Any, name: str, signature: Any, output: str) -> dict[str, Any]:
    return {
        "tensorflow": meta.meta_info_def.tensorflow_version,
        "signature": name,
        "inputs": sorted(signature.inputs),
        "output": output,
        "versions": {one: version(one) for one in ("tensorflow-cpu", "tf2onnx")},
    }


if __name__ == "__main__":
    main(sys.argv[1])
