"""What the page says no to: a changed byte in any file, another key, its last day, another computation."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import hospital as house
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from device import Device, device
from file_server import FileServer, file_server
from packed_page import Packed, packed

from bedside.release import keygen, open_candidate, sign
from bedside.release.keys import fingerprint, read_public_key


@pytest.fixture(scope="module")
def served(ward_page: Packed) -> Any:
    with file_server(ward_page.site) as server:
        yield server


@pytest.fixture
def visited(browser: Any, served: FileServer) -> Any:
    """A browser without a memory of earlier visits."""
    served.spoilt.clear()
    with device(browser, served, service_workers="block") as found:
        yield found
    served.spoilt.clear()


def changed(content: bytes) -> bytes:
    """One bit of one byte, in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def test_each_changed_file_of_the_release_is_named(visited: Device, served: FileServer, ward_page: Packed) -> None:
    files = [one for one in sorted((ward_page.site / "release").iterdir()) if one.name != "signature.json"]
    assert len(files) == 12
    for file in files:
        served.spoilt = {f"release/{file.name}": changed(file.read_bytes())}
        assert visited.open() == f"{file.name} differs from what was signed"
        served.spoilt = {f"release/{file.name}": None}
        assert visited.open() == f"release/{file.name} is missing or cannot be read"
        assert visited.page.query_selector("#entry") is None


def test_each_changed_file_of_the_page_is_named(visited: Device, served: FileServer, ward_page: Packed) -> None:
    files = [one for one in sorted(ward_page.site.rglob("*")) if one.is_file() and one.parent.name != "release"]
    names = {str(one.relative_to(ward_page.site)): one.read_bytes() for one in files}
    del names["signing.pub"]
    # What is added does nothing, so that the page can say what it sees.
    served.spoilt = {name: content + b" " for name, content in names.items()}
    found = visited.open()
    assert found.endswith(" differs from what was signed")
    assert set(found.removesuffix(" differs from what was signed").split(", ")) == set(names)
    served.spoilt = {"judgement.js": names["judgement.js"] + b" "}
    assert visited.open() == "judgement.js differs from what was signed"


def test_a_signature_that_was_changed_does_not_hold(visited: Device, served: FileServer, ward_page: Packed) -> None:
    signature = (ward_page.release / "signature.json").read_text()
    bundle = json.loads(signature)
    for text, said in (
        (signature[:-20], "cut short or damaged"),
        ("{}", "cut short or damaged"),
        (
            json.dumps(with_payload(bundle, '"ignore_paths": ["model.onnx"], ', "serialization")),
            "does not cover every file",
        ),
        (json.dumps(with_payload(bundle, " ", "_type")), "The signature does not hold: it was changed after signing"),
        (json.dumps(with_seal(bundle)), "The signature does not hold: it was changed after signing"),
    ):
        served.spoilt = {"release/signature.json": text.encode()}
        assert said in visited.open()


def with_payload(bundle: dict[str, Any], inserted: str, before: str) -> dict[str, Any]:
    """The statement with something more in it."""
    import base64

    made: dict[str, Any] = json.loads(json.dumps(bundle))
    text = base64.b64decode(made["dsseEnvelope"]["payload"]).decode()
    place = text.index("{", text.index(before)) + 1 if inserted.strip() else text.index("{")
    made["dsseEnvelope"]["payload"] = base64.b64encode((text[:place] + inserted + text[place:]).encode()).decode()
    return made


def with_seal(bundle: dict[str, Any]) -> dict[str, Any]:
    """The signature of something else, of the right form."""
    import base64

    made: dict[str, Any] = json.loads(json.dumps(bundle))
    seal = bytearray(base64.b64decode(made["dsseEnvelope"]["signatures"][0]["sig"]))
    seal[-1] ^= 1
    made["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(bytes(seal)).decode()
    return made


def test_another_key_is_refused(visited: Device, served: FileServer, tmp_path: Path) -> None:
    keygen(tmp_path / "other")
    served.spoilt = {"signing.pub": (tmp_path / "other" / "signing.pub").read_bytes()}
    assert visited.open().startswith("The signature was made with another key (")
    served.spoilt = {"signing.pub": b"no key"}
    assert visited.open() == "signing.pub holds no public key that can be read"


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_keys_on_every_accepted_curve_are_understood(
    browser: Any, ward_page: Packed, tmp_path: Path, curve: ec.EllipticCurve
) -> None:
    key = ec.generate_private_key(curve)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    secret, public = tmp_path / "signing.key", tmp_path / "signing.pub"
    secret.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    public.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    sign(open_candidate(ward_page.release.parent / "candidate"), secret, tmp_path / "release", "Grace Signer")
    page = packed(tmp_path, tmp_path / "release", public)
    with file_server(page.site) as server, device(browser, server, service_workers="block") as found:
        assert found.open() == ""
        shown = found.page.inner_text("#fingerprint").replace(" ", "")
        assert shown == fingerprint(read_public_key(public))
        server.spoilt = {"release/signature.json": (ward_page.release / "signature.json").read_bytes()}
        assert found.open().startswith("The signature was made with another key (")


def test_past_its_last_day_it_gives_no_estimate(browser: Any, short_page: Packed) -> None:
    last = open_candidate(short_page.release).manifest.valid_until
    assert last is not None
    with file_server(short_page.site) as server, device(browser, server) as found:
        assert found.open() == ""
        assert last.isoformat() in found.page.inner_text("#about")
        found.put(house.PLAUSIBLE)
        found.page.clock.set_fixed_time(dt.datetime.combine(last, dt.time(23, 59), dt.UTC))
        assert found.ask(explain=False)["probability"]
        after = dt.datetime.combine(last + dt.timedelta(days=1), dt.time(0, 1), dt.UTC)
        found.page.clock.set_fixed_time(after)
        found.put(house.PLAUSIBLE)
        found.page.click("#entry button")
        said = f"The release was valid until {last}; today is {after.date()}"
        assert found.settled() == said
        assert found.open() == said


def test_a_device_that_computes_something_else_is_not_used(visited: Device) -> None:
    visited.open()
    said = visited.module(
        """async (from, golden) => {
          const {columns: probability, distance} = golden.targets.browser;
          const wrong = async () => ({probability: probability.flat().map((p, at) => p + 3e-5 * (at === 9)), distance});
          try { await from.golden.askGolden(golden, wrong); return "nothing"; } catch (error) { return error.message; }
        }""",
        json.loads((served_folder(visited) / "release" / "golden.json").read_text()),
    )
    assert said == "This device does not compute what was validated: golden case 5 differs"


def served_folder(visited: Device) -> Path:
    return visited.server.folder
