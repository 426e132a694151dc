"""The Open Inference Protocol's routes: health, metadata, and the declaration of ``infer``."""

from __future__ import annotations

from importlib.metadata import version

import msgspec
from starlette.responses import Response

from bedside.release import Model
from bedside.serving.access import Caller
from bedside.serving.call import Call
from bedside.serving.oip.documents import (
    InferenceReply,
    InferenceRequest,
    Live,
    ModelMetadata,
    ModelReady,
    Ready,
    ServerMetadata,
    TensorMetadata,
)
from bedside.serving.oip.outputs import columns, declared_outputs
from bedside.serving.oip.patients import VALUES
from bedside.serving.route import Role, Route
from bedside.serving.served import cleared
from bedside.serving.service import Service

SERVICE: frozenset[Role] = frozenset({"service"})
EXTENSIONS = ("binary_tensor_data",)
PLATFORM = "onnxruntime_onnx"


def _reply(document: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(document), media_type="application/json")


def live(service: Service, call: Call, caller: Caller | None) -> Response:  # noqa: ARG001  # every endpoint is called alike
    """``GET /v2/health/live``."""
    return _reply(Live(live=True))


def ready(service: Service, call: Call, caller: Caller | None) -> Response:  # noqa: ARG001
    """``GET /v2/health/ready``: 503 until the golden cases of every release were reproduced on this machine."""
    service.require_ready()
    return _reply(Ready(ready=True))


def server(service: Service, call: Call, caller: Caller) -> Response:  # noqa: ARG001
    """``GET /v2``."""
    return _reply(ServerMetadata(name="bedside", version=version("bedside"), extensions=EXTENSIONS))


def model(service: Service, call: Call, caller: Caller) -> Response:  # noqa: ARG001
    """``GET /v2/models/{name}`` and one of its versions."""
    served = service.served
    loaded = served.find(call.parameters["name"], call.parameters.get("version"))
    return _reply(metadata(loaded.model, tuple(served.versions[loaded.name])))


def model_ready(service: Service, call: Call, caller: Caller) -> Response:  # noqa: ARG001
    """``GET /v2/models/{name}/ready``: 409 where it is suspended or not approved for care."""
    served = service.served
    loaded = served.find(call.parameters["name"], call.parameters.get("version"))
    service.require_ready()
    cleared(served, loaded, solo=service.solo)
    return _reply(ModelReady(name=loaded.name, ready=True))


def metadata(model: Model, versions: tuple[str, ...]) -> ModelMetadata:
    """What to send to a release, and what it gives."""
    manifest = model.manifest
    variables = manifest.schema.variables
    inputs = tuple(
        TensorMetadata(name=v.name, datatype="BYTES" if v.kind == "category" else "FP64", shape=(-1,))
        for v in variables
    )
    return ModelMetadata(
        name=manifest.name,
        versions=versions,
        platform=PLATFORM,
        inputs=inputs,
        outputs=declared_outputs(model),
        parameters={
            "version": manifest.version,
            "digest": model.digest,
            "target": model.target,
            "processor": model.processor,
            "inputs": f"instead of one tensor a variable: one tensor {VALUES}, FP32 or FP64, [-1, {len(variables)}], "
            "in the order of the inputs; a category as its position, counted from 0; nan: not known",
            "left_out": "an input that is left out is not known",
            "units": "; ".join(f"{v.name} in {v.unit}" for v in variables if v.unit),
            "categories": "; ".join(f"{v.name}: {', '.join(v.categories)}" for v in variables if v.categories),
        }
        | columns(manifest),
    )


def _both(path: str, summary: str, **more: object) -> tuple[Route, Route]:
    """The same for the version that the server chooses, and for one that is named."""
    start, _, rest = path.partition("{name}")
    return (
        Route(path=path, summary=summary, oip=True, roles=SERVICE, **more),  # type: ignore[arg-type]
        Route(
            path=f"{start}{{name}}/versions/{{version}}{rest}",
            summary=f"{summary}, of this version",
            oip=True,
            roles=SERVICE,
            **more,  # type: ignore[arg-type]
        ),
    )


def elsewhere(service: Service, call: Call, caller: Caller) -> Response:
    """``infer`` is declared here and served by ``bedside.serving.oip.entrance``; it is not mounted."""
    raise NotImplementedError


INFER = _both(
    "/v2/models/{name}/infer",
    "Probabilities for several patients at once, unsigned and without explanation",
    method="POST",
    endpoint=elsewhere,
    request=InferenceRequest,
    response=InferenceReply,
    statuses=(404, 409, 503),
)
OIP = (
    Route("GET", "/v2/health/live", None, "Whether the process answers at all", live, response=Live, oip=True),
    Route(
        "GET",
        "/v2/health/ready",
        None,
        "Whether inferences are made: 503 until the golden cases hold on this machine",
        ready,
        response=Ready,
        statuses=(503,),
        oip=True,
    ),
    Route(
        "GET", "/v2", SERVICE, "The server and the extensions that it speaks", server, response=ServerMetadata, oip=True
    ),
    *_both(
        "/v2/models/{name}",
        "A release as a model: its inputs and outputs",
        method="GET",
        endpoint=model,
        response=ModelMetadata,
        statuses=(404,),
    ),
    *_both(
        "/v2/models/{name}/ready",
        "Whether a release answers now",
        method="GET",
        endpoint=model_ready,
        response=ModelReady,
        statuses=(404, 409, 503),
    ),
    *INFER,
)
