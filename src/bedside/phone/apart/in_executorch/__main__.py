"""One of two tasks on files in the current folder; status 3 and one line on standard error where it cannot be done.

python -m in_executorch convert GRAPH PROGRAM
python -m in_executorch answer PROGRAM VALUES ANSWERS [SECONDS]
"""

from __future__ import annotations

import logging
import sys
import warnings

from .refusal import CannotConvert, NoProgram


def main(task: str, *words: str) -> None:
    """Do it; each task imports only what it needs, because that takes longer than answering."""
    if task == "convert":
        from .convert import convert

        convert(*words)
    else:
        from .answer import answer

        answer(*words)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    try:
        main(*sys.argv[1:])
    except (CannotConvert, NoProgram) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(3)
