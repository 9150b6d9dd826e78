"""`python -m pipes_catalog check [DIRECTORY]` reads catalogs; `… schema` prints the JSON Schema they are held to."""

import json
import sys
from pathlib import Path

from .file import schema
from .loader import CatalogError, load

USAGE = "usage: python -m pipes_catalog check [DIRECTORY] | schema\n"


def main(arguments: list[str]) -> int:
    match arguments:
        case ["schema"]:
            sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
        case ["check", *rest] if len(rest) <= 1:
            try:
                catalogs = load(Path(rest[0]) if rest else None)
            except CatalogError as error:
                sys.stderr.write(f"{error}\n")
                return 1
            for catalog in catalogs.by_provider.values():
                sys.stdout.write(f"{catalog.provider}: {', '.join(catalog.tools)}\n")
        case _:
            sys.stderr.write(USAGE)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
