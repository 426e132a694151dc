"""Writes SavedModels with TensorFlow, good ones and bad ones; runs in TensorFlow's environment, which has no bedside.

    python write.py FOLDER

Each model is a folder in FOLDER. Those that would write a file are first opened by TensorFlow itself, to see that they
do; FOLDER/wrote.json says which did, and what they wrote is deleted again.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

WEIGHTS = np.array([[0.06], [0.01], [0.8]], dtype=np.float32)
INTERCEPT = np.array([-0.06 * 60 - 0.01 * 210], dtype=np.float32)
folder = Path(sys.argv[1])
rng = np.random.default_rng(7)
keras.utils.set_random_seed(7)


def matrix(*shape: int | None, kind: tf.DType = tf.float32, name: str = "x") -> tf.TensorSpec:
    return tf.TensorSpec(shape, kind, name=name)


def save(name: str, function, *specs: tf.TensorSpec, **variables) -> Path:
    """A tf.Module around one function."""
    module = tf.Module()
    for key, value in variables.items():
        setattr(module, key, value)
    module.call = tf.function(function, input_signature=list(specs))
    tf.saved_model.save(module, str(folder / name), signatures={"serving_default": module.call})
    return folder / name


def changed(name: str, source: Path, change) -> Path:
    """A copy of a model whose protobuf was changed by hand."""
    shutil.copytree(source, folder / name)
    path = folder / name / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    change(model.meta_graphs[0])
    path.write_bytes(model.SerializeToString())
    return folder / name


def patients(rows: int) -> np.ndarray:
    columns = [rng.uniform(20, 100, rows), rng.uniform(60, 600, rows), rng.normal(0, 1, rows)]
    return np.stack(columns, axis=1).astype(np.float32)


# Good ones.
x = patients(2000)
ill = (rng.uniform(size=2000) < 1 / (1 + np.exp(-(x @ WEIGHTS + INTERCEPT)[:, 0]))).astype(np.int64)
scale = keras.layers.Normalization()
scale.adapt(x)
trained = keras.Sequential(
    [
        keras.Input((3,), name="patient"),
        scale,
        keras.layers.Dense(16, "relu"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(2, "softmax"),
    ]
)
trained.compile("adam", "sparse_categorical_crossentropy")
trained.fit(x, ill, epochs=3, verbose=0)
trained.export(folder / "trained", verbose=False)
rows = patients(50)
np.savez(folder / "trained.npz", rows=rows, found=trained.predict(rows, verbose=0))

taken = {name: keras.Input((1,), name=name) for name in ("age", "chol", "marker")}
taken["sex"] = keras.Input((1,), name="sex", dtype="int64")
joined = keras.layers.Concatenate()([taken["age"], taken["chol"], taken["marker"]])
sex = keras.layers.Embedding(3, 1, embeddings_initializer=keras.initializers.Constant([[9.0], [0.5], [-0.5]]))
linear = keras.layers.Dense(
    1, "linear", True, keras.initializers.Constant(WEIGHTS), keras.initializers.Constant(INTERCEPT)
)
risk = linear(joined) + keras.layers.Flatten()(sex(taken["sex"]))
linear.set_weights([WEIGHTS, INTERCEPT])
outputs = {"risk": keras.layers.Activation("sigmoid")(risk), "inside": joined}
keras.Model(taken, outputs).export(folder / "named", verbose=False)

weights, bias = tf.Variable(WEIGHTS, name="alike"), tf.Variable(INTERCEPT, name="alike")
truth = save("truth", lambda x: tf.sigmoid(x @ weights + bias)[:, 0], matrix(None, 3), w=weights, b=bias)
with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    v1 = tf.compat.v1
    x1 = v1.placeholder(tf.float64, [None, 3], name="x")
    w = v1.get_variable("w", initializer=WEIGHTS.astype(np.float64), use_resource=False)
    b = v1.get_variable("b", initializer=INTERCEPT.astype(np.float64), use_resource=True)
    y1 = tf.sigmoid(x1 @ w + b)
    session.run(v1.global_variables_initializer())
    v1.saved_model.simple_save(session, str(folder / "classic"), {"x": x1}, {"y": y1})


# Bad ones that would do something. Each has a marker of its own.
def marker(name: str) -> Path:
    return folder / f"{name}.marker"


def text(node, value: str) -> None:
    node.op = "Const"
    node.attr["dtype"].type = tf.string.as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))


def waits_for_a_file(meta, node: str, file: Path) -> None:
    """Make a node wait until a file was written."""
    text(meta.graph_def.node.add(name="evil/file"), str(file))
    text(meta.graph_def.node.add(name="evil/text"), "ran")
    meta.graph_def.node.add(name="evil", op="WriteFile", input=["evil/file", "evil/text"])
    next(one for one in meta.graph_def.node if one.name == node).input.append("^evil")


def inner_nodes(meta):
    return [(function, node) for function in meta.graph_def.library.function for node in function.node_def]


def restores_elsewhere(meta) -> None:
    for function, node in inner_nodes(meta):
        if node.op == "RestoreV2":
            text(function.node_def.add(name="elsewhere"), str(folder / "named" / "variables" / "variables"))
            node.input[0] = "elsewhere:output:0"


def with_secret_sauce(meta) -> None:
    for _, node in inner_nodes(meta):
        node.op = "SecretSauce" if node.op == "Sigmoid" else node.op


def writes(x):
    with tf.control_dependencies([tf.raw_ops.WriteFile(filename=str(marker("writes")), contents="ran")]):
        return tf.sigmoid(x @ WEIGHTS + INTERCEPT)


def by_python(x):
    return tf.ensure_shape(tf.py_function(lambda a: a[:, :1], [x], tf.float32), [None, 1])


def from_a_file(x):
    return tf.sigmoid(x @ WEIGHTS) + tf.strings.to_number(tf.io.read_file("/etc/hostname"))


save("writes", writes, matrix(None, 3))
save("by-python", by_python, matrix(None, 3))
save("from-a-file", from_a_file, matrix(None, 3))
changed("on-loading", truth, lambda meta: waits_for_a_file(meta, "NoOp", marker("on-loading")))
changed(
    "on-restoring",
    truth,
    lambda meta: waits_for_a_file(meta, meta.saver_def.restore_op_name, marker("on-restoring")),
)
changed("elsewhere", truth, restores_elsewhere)
changed("sauce", truth, with_secret_sauce)

tf.saved_model.load(folder / "writes").signatures["serving_default"](tf.zeros((1, 3)))
for name in ("on-loading", "on-restoring"):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.saved_model.load(session, ["serve"], str(folder / name))
wrote = sorted(one.stem for one in folder.glob("*.marker") if one.read_text() == "ran")
(folder / "wrote.json").write_text(json.dumps(wrote))
for name in wrote:
    marker(name).unlink()


# Those that cannot be used.
def sigmoid(x):
    return tf.sigmoid(tf.reshape(tf.cast(x, tf.float32), [-1, 3]) @ WEIGHTS)


changed("no-signature", truth, lambda meta: meta.signature_def.pop("serving_default"))
save("one-at-a-time", sigmoid, matrix(1, 3))
save("images", sigmoid, matrix(None, 28, 28, 3))
save("any-shape", sigmoid, tf.TensorSpec(None, tf.float32, name="x"))
save("whole-numbers", sigmoid, matrix(None, 3, kind=tf.int32))
save("texts", lambda x: tf.sigmoid(tf.strings.to_number(x)), matrix(None, 3, kind=tf.string))
save("several", lambda x: {"risk": sigmoid(x), "other": 1 - sigmoid(x)}, matrix(None, 3))
save("sum", lambda x: tf.reduce_sum(sigmoid(x)), matrix(None, 3))
save("random", lambda x: sigmoid(x) * tf.random.uniform([]), matrix(None, 3))
save("loop", lambda x: tf.while_loop(lambda a: tf.reduce_sum(a) < 9, lambda a: [a + 1], [x])[0], matrix(None, 3))
save("by-halves", lambda a, b: sigmoid(tf.concat([a, b], 1)), matrix(None, 2, name="a"), matrix(None, 1, name="b"))
save(
    "two-of-age",
    lambda age, chol, marker: sigmoid(tf.concat([age[:, :1], chol, marker], 1)),
    matrix(None, 2, name="age"),
    matrix(None, 1, name="chol"),
    matrix(None, 1, name="marker"),
)
save(
    "whole-age",
    lambda age, chol, marker: sigmoid(tf.concat([tf.cast(age, tf.float32), chol, marker], 1)),
    matrix(None, 1, name="age", kind=tf.int64),
    matrix(None, 1, name="chol"),
    matrix(None, 1, name="marker"),
)
two = tf.Module()
two.call = tf.function(sigmoid, input_signature=[matrix(None, 3)])
tf.saved_model.save(two, str(folder / "two-signatures"), signatures={"first": two.call, "second": two.call})
changed("untagged", truth, lambda meta: meta.meta_info_def.ClearField("tags"))
shutil.copytree(truth, folder / "torn")
(folder / "torn" / "saved_model.pb").write_bytes(b"\x08\x07 nothing")
shutil.copytree(truth, folder / "empty")
shutil.rmtree(folder / "empty" / "variables")
