"""The file that ``--oidc`` names is documented key by key, and the pages' examples can be read."""

from __future__ import annotations

import re
from pathlib import Path

from pages import DOCS, blocks, coded

REFERENCE = DOCS / "reference"


def test_every_key_of_the_log_in_provider_is_documented(tmp_path: Path) -> None:
    from bedside.serving.oidc.provider import KEYS, read_provider

    rows = re.findall(r"^\| `\[(\w+)\]` ([^|]+) \|", (REFERENCE / "oidc.md").read_text(), re.M)
    documented = {(table, key) for table, keys in rows for key in coded(keys)}
    assert documented == {(table, key) for table, keys in KEYS.items() for key in keys}
    (tmp_path / "oidc.secret").write_text("secret")
    for page in (REFERENCE / "oidc.md", DOCS / "how-to" / "log-in-provider.md"):
        (tmp_path / "oidc.toml").write_text(blocks(page, "toml")[0].text)
        assert read_provider(tmp_path / "oidc.toml").client_secret == "secret"
