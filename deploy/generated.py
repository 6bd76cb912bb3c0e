"""Files of this repository that programs write: kept as these would write them."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent


def keep(program, files):
    """Writes the files, by path; with --check among the arguments, ends with the names of those that `program` would change."""
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    if "--check" not in sys.argv[1:]:
        for path in stale:
            path.parent.mkdir(exist_ok=True)
            path.write_text(files[path])
    elif stale:
        names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
        sys.exit(f"to be written anew with deploy/{pathlib.Path(program).resolve().relative_to(ROOT)}: {names}")
