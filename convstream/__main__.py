"""`python -m convstream`."""

import sys
from pathlib import Path

if not sys.flags.safe_path and Path(sys.path[0]) != Path(__file__).parents[1]:
    del sys.path[0]  # the current folder, whose files may be called like any module

from convstream.cli import main  # noqa: E402

main()
