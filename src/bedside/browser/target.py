"""The target ``browser``: a page, the model and onnxruntime-web in one zip; WebAssembly at float32 on one thread."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files

from bedside.browser import node, runtime
from bedside.browser.archive import unzipped, zipped
from bedside.browser.units import units_of
from bedside.errors import BedsideError, DataError
from bedside.release import Manifest
from bedside.release.json_document import document_bytes
from bedside.release.target import Material, Predict

PAGE = "page/"
"""What lies on the file server; the rest stays in the zip and is taken from it on the device."""
LICENCES = "licences/"


@dataclass(frozen=True)
class Browser:
    """The graph as it is, with what runs it in a browser; its answers are the reference's up to rounding."""

    name: str = "browser"
    runtime: str = runtime.NAME
    tolerance: float = 1e-5
    file: str = "browser.zip"
    serves: bool = False

    def missing_to_make(self) -> BedsideError | None:
        """onnxruntime-web goes into the zip."""
        return runtime.missing()

    def make(self, material: Material) -> bytes | None:
        """The zip: ``page/`` as it lies on a file server, and beside it the model, the units and the WebAssembly."""
        taken = runtime.runtime_files()
        page = _page(material.manifest) | {runtime.SCRIPT: taken[runtime.SCRIPT]}
        page |= {f"{LICENCES}{name}": content for name, content in runtime.licences().items()}
        inside = {
            runtime.WASM: taken[runtime.WASM],
            "model.onnx": material.graph,
            "units.json": document_bytes(units_of(material.manifest.schema)),
        }
        return zipped({f"{PAGE}{name}": content for name, content in page.items()} | inside)

    def missing_to_run(self) -> BedsideError | None:
        """Validation runs the page's scripts in Node.js."""
        return node.missing()

    def processor(self) -> str:
        """WebAssembly computes the same on every processor."""
        return "wasm simd"

    def load(self, graph: bytes, *, variables: int, classes: int, where: str) -> Predict:
        """Start the page's own model; raises `DataError` where the zip is none, or its model not of this width."""
        contents = unzipped(graph, where)
        absent = sorted(set(node.NEEDED) - contents.keys())
        if absent:
            raise DataError(f"lacks {', '.join(absent)}", where=where)
        return node.NodeModel(contents, variables, classes, where)

    def rehearse(self, graph: bytes, *, variables: int, classes: int, where: str) -> Predict | None:
        """None: the reference's outputs are the golden ones, so that packing needs no Node.js."""
        del graph, variables, classes, where
        return None


TARGET = Browser()


def _page(manifest: Manifest) -> dict[str, bytes]:
    """The page's own files, with the release's name in what an installed app is called."""
    place = files("bedside.browser") / "page"
    own = {file.name: file.read_bytes() for file in place.iterdir() if file.is_file()}
    own |= {f"{LICENCES}{file.name}": file.read_bytes() for file in (place / LICENCES).iterdir()}
    app = json.loads(own["app.webmanifest"])
    app |= {"name": f"{manifest.name} {manifest.version}", "short_name": manifest.name, "id": f"./{manifest.name}"}
    return own | {"app.webmanifest": document_bytes(app)}
