"""``python -m bedside`` and the ``bedside`` command."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line and leave with its exit status."""
    # Tables of patients make small matrices: a second thread costs more than it gives, and much more on a busy machine.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from bedside.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
