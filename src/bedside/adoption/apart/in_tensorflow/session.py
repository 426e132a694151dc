"""The inspected part of a SavedModel, opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .inspection import VARIABLES, inspected, node_of
from .signature import Input
from .unusable import Unusable, first_line


@contextmanager
def opened(meta: Any, inputs: list[Input], output: str) -> Iterator[Any]:
    """A session with the inspected part of the graph, ``x`` [patient, column] to ``y``; its variables are filled."""
    import tensorflow as tf

    kept, restore = inspected(meta, output, {one.tensor for one in inputs})
    used = {node_of(name) for node in kept.node for name in node.input}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [None, sum(len(one.columns) for one in inputs)], name="x")
        given = {one.tensor: _taken(x, one) for one in inputs if node_of(one.tensor) in used}
        if restore:
            given[meta.saver_def.filename_tensor_name] = tf.constant(str(VARIABLES.absolute()))
        try:
            wanted = [output, *([restore] if restore else [])]
            found = tf.import_graph_def(kept, input_map=given, return_elements=wanted, name="model")
            tf.reshape(tf.cast(found[0], tf.float32), [tf.shape(x)[0], -1], name="y")
            session.run(found[1:])
        except (ValueError, tf.errors.OpError) as error:
            raise Unusable(f"TensorFlow cannot open it: {first_line(error)}", "Export it to ONNX there") from error
        yield session


def _taken(x: Any, one: Input) -> Any:
    import tensorflow as tf

    columns = tf.cast(tf.gather(x, one.columns, axis=1), one.kind)
    return tf.reshape(columns, [-1]) if one.dimensions == 1 else columns
