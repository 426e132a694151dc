"""The Open Inference Protocol as a client sees it; binary tensors are packed here by hand, with struct alone."""

from __future__ import annotations

import gzip
import json
import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hospital as house
import pytest

from bedside.review import PAGES
from bedside.serving.oip.body import BODY_LIMIT

MODEL = "/v2/models/breast-fna"
INFER = f"{MODEL}/infer"
NAMES = [*house.NUMBERS, *house.CATEGORIES]


@pytest.fixture
def ward(tmp_path: Path, signed: tuple[Path, Path]) -> Iterator[Any]:
    opened = house.open_hospital(tmp_path, [signed], pages=PAGES, oip=True)
    yield opened
    opened.ledger.close()


@pytest.fixture
def client(ward: Any) -> Any:
    return ward.client("service")


def row(values: dict[str, Any]) -> list[Any]:
    """In the schema's order, a category as its position."""
    numbers = [values.get(name) for name in house.NUMBERS]
    texts = {name: house.CATEGORIES[name][1] for name in house.CATEGORIES}
    return numbers + [texts[name].index(values[name]) if name in values else None for name in texts]


def matrix(*patients: dict[str, Any], datatype: str = "FP64", **more: Any) -> dict[str, Any]:
    rows = [row(values) for values in patients]
    tensor = {"name": "values", "datatype": datatype, "shape": [len(rows), len(NAMES)], "data": rows}
    return {"inputs": [tensor], **more}


def columns(*patients: dict[str, Any]) -> list[dict[str, Any]]:
    """One JSON tensor a variable."""
    made = []
    for name in NAMES:
        kind = "FP64" if name in house.NUMBERS else "BYTES"
        data = [values[name] for values in patients]
        made.append({"name": name, "datatype": kind, "shape": [len(patients)], "data": data})
    return made


def outputs(reply: Any) -> dict[str, Any]:
    assert reply.status_code == 200, reply.text
    return {output["name"]: output for output in reply.json()["outputs"]}


def refused(reply: Any, status: int = 400) -> str:
    assert reply.status_code == status, reply.text
    assert list(reply.json()) == ["error"]
    assert reply.headers["content-type"] == "application/json"
    text = reply.json()["error"]
    assert isinstance(text, str)
    return text


def test_probabilities_are_those_of_the_graph(client: Any) -> None:
    patients = [house.PLAUSIBLE, house.HIGH, house.PLAUSIBLE | {"menopause": "pre", "age": 40.0}]
    found = outputs(client.post(INFER, json=matrix(*patients)))
    expected = [p for values in patients for p in (1 - house.probability(values), house.probability(values))]
    assert found["probability"]["data"] == pytest.approx(expected, abs=1e-6)
    assert (found["probability"]["datatype"], found["probability"]["shape"]) == ("FP64", [3, 2])
    assert found["abstained"] == {"name": "abstained", "datatype": "BOOL", "shape": [3], "data": [False] * 3}
    assert found["alert"]["data"] == [house.probability(values) >= 0.2 for values in patients]
    assert found["prediction_set"]["shape"] == [3, 2]
    assert found["reasons"] == {"name": "reasons", "datatype": "BYTES", "shape": [3], "data": ["", "", ""]}


def test_the_numbers_are_those_of_an_answer(ward: Any, client: Any) -> None:
    answer = ward.ask(values=house.HIGH)
    found = outputs(client.post(INFER, json=matrix(house.HIGH)))
    assert found["probability"]["data"] == list(answer["estimate"].values())
    assert found["alert"]["data"] == [answer["alert"]]
    chosen = [c for c, inside in zip(answer["estimate"], found["prediction_set"]["data"], strict=True) if inside]
    assert chosen == answer["prediction_set"]


def test_every_form_of_the_inputs_gives_the_same(client: Any) -> None:
    patients = [house.HIGH, house.PLAUSIBLE]
    expected = outputs(client.post(INFER, json=matrix(*patients)))["probability"]["data"]
    flat = matrix(*patients)
    flat["inputs"][0]["data"] = [cell for values in patients for cell in row(values)]
    standing = {
        "inputs": [tensor | {"shape": [2, 1], "data": [[x] for x in tensor["data"]]} for tensor in columns(*patients)]
    }
    texts = {
        "inputs": [
            tensor | {"datatype": "BYTES", "data": [str(x) for x in tensor["data"]]} for tensor in columns(*patients)
        ]
    }
    for form in (flat, {"inputs": columns(*patients)}, standing, texts, {"inputs": columns(*patients)[::-1]}):
        assert outputs(client.post(INFER, json=form))["probability"]["data"] == expected


def test_the_reply_says_what_answered_and_that_nobody_has_signed(ward: Any, client: Any) -> None:
    reply = client.post(INFER, json=matrix(house.HIGH, house.STRANGE, id="42")).json()
    model = ward.app.state.service.served.find("breast-fna").model
    assert (reply["id"], reply["model_name"], reply["model_version"]) == ("42", "breast-fna", "1.0.0")
    assert reply["parameters"] == {
        "status": "preliminary",
        "abstained": 1,
        "digest": model.digest,
        "target": "server-cpu",
        "processor": model.processor,
        "warnings": "Not approved for care.",
    }
    assert "id" not in client.post(INFER, json=matrix(house.HIGH)).json()


def test_a_row_that_abstains_has_no_number(client: Any) -> None:
    found = outputs(client.post(INFER, json=matrix(house.STRANGE, house.HIGH)))
    assert found["probability"]["data"][:2] == [None, None]
    assert found["probability"]["data"][2] is not None
    assert found["abstained"]["data"] == [True, False]
    assert found["reasons"]["data"] == ["unlike-training", ""]
    assert found["alert"]["data"] == [None, True]
    assert found["prediction_set"]["data"][:2] == [False, False]
    binary, rest = split(client.post(INFER, json=matrix(house.STRANGE, parameters={"binary_data_output": True})))
    assert [output["name"] for output in binary["outputs"]][:2] == ["probability", "abstained"]
    assert all(math.isnan(value) for value in struct.unpack("<2d", rest[:16]))
    assert rest[16:17] == b"\x01"


def test_unknown_is_null_and_an_input_that_is_left_out(client: Any) -> None:
    known = {name: value for name, value in house.HIGH.items() if name not in ("age", "side")}
    by_matrix = outputs(client.post(INFER, json=matrix(known)))["probability"]["data"]
    some = [tensor for tensor in columns(house.HIGH) if tensor["name"] not in ("age", "side")]
    assert outputs(client.post(INFER, json={"inputs": some}))["probability"]["data"] == by_matrix
    only = [tensor for tensor in columns(house.HIGH) if tensor["name"] in ("age", "side")]
    assert outputs(client.post(INFER, json={"inputs": only}))["reasons"]["data"] == ["too-much-missing"]


def split(reply: Any) -> tuple[dict[str, Any], bytes]:
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "application/octet-stream"
    length = int(reply.headers["inference-header-content-length"])
    return json.loads(reply.content[:length]), reply.content[length:]


def binary_request(request: dict[str, Any], *parts: bytes) -> dict[str, Any]:
    """Content and headers of a request with binary data."""
    head = json.dumps(request).encode()
    headers = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
    return {"content": head + b"".join(parts), "headers": headers}


def binary_tensor(name: str, datatype: str, shape: list[int], content: bytes) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": len(content)}}


def words(*texts: str) -> bytes:
    return b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in texts)


@pytest.mark.parametrize(("datatype", "code"), [("FP64", "d"), ("FP32", "f")])
def test_binary_in_and_binary_out(client: Any, datatype: str, code: str) -> None:
    patients = [house.HIGH, house.PLAUSIBLE]
    cells = [float(cell) for values in patients for cell in row(values)]
    content = struct.pack(f"<{len(cells)}{code}", *cells)
    request = {
        "inputs": [binary_tensor("values", datatype, [2, len(NAMES)], content)],
        "outputs": [
            {"name": "reasons", "parameters": {"binary_data": True}},
            {"name": "probability", "parameters": {"binary_data": True}},
            {"name": "abstained"},
        ],
    }
    head, rest = split(client.post(INFER, **binary_request(request, content)))
    assert [output["name"] for output in head["outputs"]] == ["reasons", "probability", "abstained"]
    assert [output.get("parameters") for output in head["outputs"]] == [
        {"binary_data_size": 8},
        {"binary_data_size": 32},
        None,
    ]
    assert rest[:8] == words("", "")
    expected = [p for values in patients for p in (1 - house.probability(values), house.probability(values))]
    assert struct.unpack("<4d", rest[8:]) == pytest.approx(expected, abs=1e-6)
    assert head["outputs"][2]["data"] == [False, False]


def test_every_numeric_datatype_is_read_in_its_own_size(client: Any) -> None:
    expected = outputs(client.post(INFER, json=matrix(house.HIGH | {"age": 61.0})))["probability"]["data"]
    codes = {
        "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q", "INT8": "b", "INT16": "h", "INT32": "i",
        "INT64": "q", "FP16": "e", "FP32": "f", "FP64": "d",
    }  # fmt: skip
    others = [tensor for tensor in columns(house.HIGH) if tensor["name"] != "age"]
    for datatype, code in codes.items():
        content = struct.pack(f"<{code}", 61)
        tensors = [*others, binary_tensor("age", datatype, [1], content)]
        reply = client.post(INFER, **binary_request({"inputs": tensors}, content))
        assert outputs(reply)["probability"]["data"] == expected, datatype
        listed = [*others, {"name": "age", "datatype": datatype, "shape": [1], "data": [61]}]
        assert outputs(client.post(INFER, json={"inputs": listed}))["probability"]["data"] == expected, datatype


def test_the_words_of_categories_come_as_bytes(client: Any) -> None:
    expected = outputs(client.post(INFER, json=matrix(house.HIGH, house.PLAUSIBLE)))["probability"]["data"]
    others = [tensor for tensor in columns(house.HIGH, house.PLAUSIBLE) if tensor["name"] != "menopause"]
    content = words("post", "post")
    request = {"inputs": [binary_tensor("menopause", "BYTES", [2, 1], content), *others]}
    assert outputs(client.post(INFER, **binary_request(request, content)))["probability"]["data"] == expected


@pytest.mark.parametrize(
    ("packing", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("GZIP", gzip.compress), ("identity", bytes)],
)
def test_packed_bodies_are_unpacked(client: Any, packing: str, pack: Any) -> None:
    body = json.dumps(matrix(house.HIGH)).encode()
    reply = client.post(INFER, content=pack(body), headers={"Content-Encoding": packing})
    assert outputs(reply)["probability"]["data"][1] == pytest.approx(house.probability(house.HIGH), abs=1e-6)


def test_a_bomb_is_not_unpacked(client: Any) -> None:
    bomb = zlib.compress(b" " * (BODY_LIMIT + 1))
    assert len(bomb) < 20_000
    assert "longer than" in refused(client.post(INFER, content=bomb, headers={"Content-Encoding": "deflate"}), 413)
    for broken in (b"no gzip", gzip.compress(b"{}")[:-3], gzip.compress(b"{}") + b"more"):
        assert "gzip" in refused(client.post(INFER, content=broken, headers={"Content-Encoding": "gzip"}))
    assert "neither" in refused(client.post(INFER, content=b"{}", headers={"Content-Encoding": "br"}), 415)


def test_a_body_that_is_too_long_is_refused_however_it_comes(client: Any) -> None:
    assert str(BODY_LIMIT) in refused(client.post(INFER, content=b" " * (BODY_LIMIT + 1)), 413)

    def pieces() -> Iterator[bytes]:
        for _ in range(17):
            yield b" " * 1024 * 1024

    assert str(BODY_LIMIT) in refused(client.post(INFER, content=pieces()), 413)


def test_many_rows_are_judged_in_a_thread_with_the_same_result(client: Any) -> None:
    patients = [house.PLAUSIBLE | {"age": 20.0 + number % 60} for number in range(2000)]
    found = outputs(client.post(INFER, json=matrix(*patients)))["probability"]["data"][1::2]
    assert found == pytest.approx([house.probability(values) for values in patients], abs=1e-6)


WRONG_TENSORS = [
    ({"name": "values", "datatype": "FP64", "shape": [1, 9], "data": [0.0] * 9}, r"\[n, 10\]"),
    ({"name": "values", "datatype": "FP64", "shape": [10], "data": [0.0] * 10}, r"\[n, 10\]"),
    ({"name": "values", "datatype": "FP64", "shape": [1, 10], "data": [0.0] * 9}, "9 elements"),
    ({"name": "values", "datatype": "FP64", "shape": [1, 10], "data": [[0.0] * 9]}, "row of 9"),
    ({"name": "values", "datatype": "FP64", "shape": [1, 10], "data": [[0.0] * 10] * 2}, "2 rows"),
    ({"name": "values", "datatype": "FP64", "shape": [1, 10], "data": [["1"] * 10]}, "not FP64"),
    ({"name": "values", "datatype": "FP64", "shape": [1, 10], "data": [True] * 10}, "not FP64"),
    ({"name": "values", "datatype": "FP64", "shape": [1, 10], "data": {}}, "not FP64"),
    ({"name": "values", "datatype": "INT32", "shape": [1, 10], "data": [1] * 10}, "FP32 or FP64"),
    ({"name": "values", "datatype": "BYTES", "shape": [1, 10], "data": ["1"] * 10}, "FP32 or FP64"),
    ({"name": "values", "datatype": "FP32", "shape": [1, 10], "data": [1e39] * 10}, "too large for FP32"),
    ({"name": "values", "datatype": "FP64", "shape": [0, 10], "data": []}, "no row"),
    ({"name": "values", "datatype": "FP64", "shape": [-1, 10], "data": []}, "shape"),
    ({"name": "values", "datatype": "FP128", "shape": [1, 10], "data": []}, "datatype"),
    ({"name": "values", "datatype": "FP64", "shape": [1, 10]}, "neither data"),
    ({"name": "age", "datatype": "FP64", "shape": [1, 2], "data": [1.0, 2.0]}, r"\[n, 1\]"),
    ({"name": "age", "datatype": "FP64", "shape": [], "data": [1.0]}, r"\[n, 1\]"),
    ({"name": "age", "datatype": "FP64", "shape": [0], "data": []}, "no row"),
    ({"name": "age", "datatype": "BOOL", "shape": [1], "data": [True]}, "BOOL"),
    ({"name": "age", "datatype": "INT64", "shape": [1], "data": [61.5]}, "not INT64"),
    ({"name": "age", "datatype": "UINT8", "shape": [1], "data": [300]}, "too large for UINT8"),
    ({"name": "menopause", "datatype": "INT64", "shape": [1], "data": [1]}, "as BYTES"),
    ({"name": "mean_radios", "datatype": "FP64", "shape": [1], "data": [1.0]}, "mean_radius"),
    ({"name": "age", "datatype": "FP64", "shape": [1], "parameters": {"shared_memory_region": "x"}}, "shared memory"),
    ({"name": "age", "datatype": "FP64", "shape": [1], "parameters": {"binary_data_size": 8}}, "beyond the binary"),
    ({"name": "age", "datatype": "FP64", "shape": [1], "parameters": {"binary_data_size": -8}}, "binary_data_size"),
]  # fmt: skip


@pytest.mark.parametrize(("tensor", "says"), WRONG_TENSORS, ids=[f"{i}" for i in range(len(WRONG_TENSORS))])
def test_a_tensor_of_another_shape_or_type_is_an_error(client: Any, tensor: dict[str, Any], says: str) -> None:
    import re

    assert re.search(says, refused(client.post(INFER, json={"inputs": [tensor]})))


@pytest.mark.parametrize(
    ("tensor", "content", "says"),
    [
        (("age", "FP64", [1]), b"1234567", "7 bytes"),
        (("age", "BOOL", [1]), b"\x02", "neither 0 nor 1"),
        (("menopause", "BYTES", [1]), b"\x04\x00\x00\x00pos", "not 1 BYTES"),
        (("menopause", "BYTES", [1]), b"\x04\x00\x00", "not 1 BYTES"),
        (("menopause", "BYTES", [2]), words("post"), "not 2 BYTES"),
        (("menopause", "BYTES", [1]), words("post", "pre"), "not 1 BYTES"),
        (("menopause", "BYTES", [1]), b"\x01\x00\x00\x00\xff", "not UTF-8"),
    ],
)
def test_binary_data_of_another_length_or_content_are_an_error(
    client: Any, tensor: tuple[str, str, list[int]], content: bytes, says: str
) -> None:
    request = {"inputs": [binary_tensor(*tensor, content)]}
    assert says in refused(client.post(INFER, **binary_request(request, content)))


def test_the_length_of_the_json_is_checked(client: Any) -> None:
    content = struct.pack("<d", 61)
    request = binary_request({"inputs": [binary_tensor("age", "FP64", [1], content)]}, content)
    for length, says in (("x", "not a number"), ("999999", "yet the body has"), ("-1", "not a number"), ("3", "JSON")):
        sent = {**request, "headers": {"Inference-Header-Content-Length": length}}
        assert says in refused(client.post(INFER, **sent))
    longer = {**request, "content": request["content"] + b"more"}
    assert "4 bytes after" in refused(client.post(INFER, **longer))
    both = binary_tensor("age", "FP64", [1], content) | {"data": [61.0]}
    assert "both" in refused(client.post(INFER, **binary_request({"inputs": [both]}, content)))


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (b"", "JSON"),
        (b"[]", "object"),
        (b'{"inputs": []}', "no input"),
        (b"{}", "inputs"),
        (b'{"inputs": [{"name": "age", "datatype": "FP64", "shape": [1], "data": [NaN]}]}', "JSON"),
        (b'{"inputs": [{"name": "\xff"}]}', "JSON"),
    ],
)
def test_what_is_not_the_protocol_is_an_error(client: Any, request_: bytes, says: str) -> None:
    assert says in refused(client.post(INFER, content=request_))


def test_outputs_that_do_not_exist_are_an_error(client: Any) -> None:
    for asked, says in (
        ([{"name": "probabilities"}], "probability"),
        ([{"name": "reasons"}, {"name": "reasons"}], "twice"),
        ([{"name": "probability", "parameters": {"classification": 2}}], "classification"),
        ([{"name": "reasons", "parameters": {"shared_memory_region": "x"}}], "shared memory"),
    ):
        assert says in refused(client.post(INFER, json=matrix(house.HIGH, outputs=asked)))
    twice = {"inputs": [*columns(house.HIGH), columns(house.HIGH)[0]]}
    assert "twice" in refused(client.post(INFER, json=twice))
    uneven = {"inputs": [*columns(house.HIGH)[1:], {"name": "age", "datatype": "FP64", "shape": [2], "data": [1, 2]}]}
    assert "same number of rows" in refused(client.post(INFER, json=uneven))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"mean_radius": 700.0}, "mean_radius: row 2: 700 lies outside the plausible range 1 to 60 um"),
        ({"age": 17.9}, "age: row 2: 17.9 lies outside"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_its_row(
    ward: Any, client: Any, values: dict[str, Any], says: str
) -> None:
    assert says in refused(client.post(INFER, json=matrix(house.HIGH, house.HIGH | values)), 422)
    assert says in refused(client.post(INFER, json={"inputs": columns(house.HIGH, house.HIGH | values)}), 422)


def test_texts_and_positions_that_mean_nothing_are_named(client: Any) -> None:
    worded = {"inputs": columns(house.HIGH, house.HIGH | {"menopause": "perhaps"})}
    assert "menopause: row 2: 'perhaps' is not one of its categories: pre, post" in refused(
        client.post(INFER, json=worded), 422
    )
    for position in (2, -1, 0.5):
        odd = matrix(house.HIGH)
        odd["inputs"][0]["data"][0][NAMES.index("menopause")] = position
        said = refused(client.post(INFER, json=odd), 422)
        assert f"menopause: row 1: {position} is not a position 0 to 1 of its categories: pre, post" in said
    text = {"inputs": [{"name": "age", "datatype": "BYTES", "shape": [1], "data": ["old"]}]}
    assert "age: row 1: 'old' is not a number" in refused(client.post(INFER, json=text), 422)
    for infinite in (math.inf, -math.inf):
        content = struct.pack("<d", infinite)
        request = {"inputs": [binary_tensor("age", "FP64", [1], content)]}
        assert "is not a number" in refused(client.post(INFER, **binary_request(request, content)), 422)
    many = matrix(*[house.HIGH | {"age": 0.0}] * 9)
    assert "and 6 further rows" in refused(client.post(INFER, json=many), 422)


def test_metadata_say_what_to_send_and_what_comes_back(ward: Any, client: Any) -> None:
    found = client.get(MODEL).json()
    assert (found["name"], found["versions"], found["platform"]) == ("breast-fna", ["1.0.0"], "onnxruntime_onnx")
    assert [(i["name"], i["datatype"], i["shape"]) for i in found["inputs"]] == [
        (name, "FP64" if name in house.NUMBERS else "BYTES", [-1]) for name in NAMES
    ]
    assert [(o["name"], o["datatype"], o["shape"]) for o in found["outputs"]] == [
        ("probability", "FP64", [-1, 2]),
        ("abstained", "BOOL", [-1]),
        ("reasons", "BYTES", [-1]),
        ("alert", "BOOL", [-1]),
        ("prediction_set", "BOOL", [-1, 2]),
    ]
    assert found["parameters"]["digest"] == ward.app.state.service.served.find("breast-fna").model.digest
    assert "[-1, 10]" in found["parameters"]["inputs"]
    assert found["parameters"]["classes"] == "benign, malignant"
    assert client.get(f"{MODEL}/versions/1.0.0").json() == found
    server = client.get("/v2").json()
    assert (server["name"], server["extensions"]) == ("bedside", ["binary_tensor_data"])


def test_health(ward: Any, client: Any) -> None:
    assert ward.anonymous().get("/v2/health/live").json() == {"live": True}
    assert ward.anonymous().get("/v2/health/ready").json() == {"ready": True}
    assert client.get(f"{MODEL}/ready").json() == {"name": "breast-fna", "ready": True}
    assert client.get(f"{MODEL}/versions/1.0.0/ready").status_code == 200
    ward.app.state.service.checked.clear()
    assert "golden" in refused(ward.anonymous().get("/v2/health/ready"), 503)
    assert "golden" in refused(client.get(f"{MODEL}/ready"), 503)
    assert "golden" in refused(client.post(INFER, json=matrix(house.HIGH)), 503)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models", 404),
        ("GET", "/v2/models/none", 404),
        ("GET", f"{MODEL}/versions/2.0.0", 404),
        ("GET", f"{MODEL}/versions/2.0.0/ready", 404),
        ("POST", "/v2/models/none/infer", 404),
        ("POST", f"{MODEL}/versions/2.0.0/infer", 404),
        ("GET", f"{MODEL}/config", 404),
        ("GET", "/v2/", 404),
        ("GET", INFER, 405),
        ("PUT", INFER, 405),
        ("POST", "/v2", 405),
        ("DELETE", MODEL, 405),
        ("POST", "/v2/health/live", 405),
    ],
)
def test_every_error_has_the_protocols_shape(client: Any, method: str, path: str, status: int) -> None:
    reply = client.request(method, path, **({"json": matrix(house.HIGH)} if method == "POST" else {}))
    refused(reply, status)
    assert ("allow" in reply.headers) == (status == 405)
    assert reply.headers["cache-control"] == "no-store"


def test_only_services_with_their_key(ward: Any) -> None:
    anonymous = ward.anonymous()
    for headers in ({}, {"Authorization": "Bearer bk_wrong"}, {"Authorization": "Basic eDp5"}):
        for reply in (
            anonymous.post(INFER, json=matrix(house.HIGH), headers=headers),
            anonymous.get(MODEL, headers=headers),
        ):
            refused(reply, 401)
            assert reply.headers["www-authenticate"] == "Bearer"
    for who in house.PEOPLE:
        refused(ward.client(who).post(INFER, json=matrix(house.HIGH)), 403)
        refused(ward.client(who).get("/v2"), 403)


def test_other_content_types_are_refused(client: Any) -> None:
    assert "Content-Type" in refused(client.post(INFER, content=b"{}", headers={"Content-Type": "text/plain"}), 415)


def test_nothing_is_inferred_before_the_release_is_approved(tmp_path: Path, signed: tuple[Path, Path]) -> None:
    careful = house.open_hospital(tmp_path, [signed], solo=False, oip=True)
    client = careful.client("service")
    assert "not approved for care" in refused(client.post(INFER, json=matrix(house.HIGH)), 409)
    assert "not approved for care" in refused(client.get(f"{MODEL}/ready"), 409)
    model = careful.app.state.service.served.find("breast-fna").model
    for who in ("clinician", "scientist"):
        careful.ledger.approve(model.digest, "breast-fna", "1.0.0", careful.users[who], "Read and understood")
    assert client.post(INFER, json=matrix(house.HIGH)).json()["parameters"]["warnings"] == ""
    careful.ledger.close()


def test_without_the_word_there_is_no_such_protocol(hospital: Any) -> None:
    reply = hospital.client("service").post(INFER, json=matrix(house.HIGH))
    assert (reply.status_code, set(reply.json()["error"])) == (404, {"what", "where", "remedy"})
    assert "/v2" not in hospital.client("service").get("/openapi.json").text


def test_a_fault_of_ours_says_nothing_but_its_reference(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("age 61")

    monkeypatch.setattr("bedside.serving.oip.infer.judge", broken)
    said = refused(client.post(INFER, json=matrix(house.HIGH)), 500)
    assert "reference" in said
    assert "61" not in said


def test_versions_are_asked_by_name(tmp_path: Path, signed: tuple[Path, Path], newer: tuple[Path, Path]) -> None:
    ward = house.open_hospital(tmp_path, [signed, newer], oip=True)
    client = ward.client("service")
    listed = client.get(MODEL).json()["versions"]
    assert len(listed) > 1
    for version in listed:
        reply = client.post(f"{MODEL}/versions/{version}/infer", json=matrix(house.HIGH)).json()
        model = ward.app.state.service.served.find("breast-fna", version).model
        assert (reply["model_version"], reply["parameters"]["digest"]) == (version, model.digest)
    assert client.post(INFER, json=matrix(house.HIGH)).json()["model_version"] == listed[0]
    ward.ledger.close()
