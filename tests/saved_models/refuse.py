"""Gives many SavedModels to our program, in one process of TensorFlow's environment; prints what it says as JSON.

PYTHONPATH=... python refuse.py MODELS ASKED NAME...
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from in_tensorflow.__main__ import main

models, asked, *names = sys.argv[1:]
said = {}
for name in names:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(Path(models) / name, Path(folder) / "model")
        shutil.copy(asked, Path(folder) / "asked.json")
        os.chdir(folder)
        main("convert")
        refused = Path("refused.json")
        said[name] = json.loads(refused.read_text()) if refused.exists() else None
        os.chdir("/")
print(json.dumps(said))
