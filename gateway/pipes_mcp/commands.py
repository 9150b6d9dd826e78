"""What each command runs. Imports are inside, so that a gateway loads nothing of an operator."""

import argparse
import sys
from importlib import metadata


def operator(argv: list[str]) -> int:
    from pipes_operator.main import main

    return main(argv)


def gateway(argv: list[str]) -> int:
    from pipes_gateway.main import main

    return main(argv)


def broker(argv: list[str]) -> int:
    from pipes_egress.broker.main import main

    return main(argv)


def sandbox(argv: list[str]) -> int:
    from pipes_sandbox.__main__ import main

    return main(argv)


def manifests(argv: list[str]) -> int:
    """Print what an administrator applies once, in the order in which it must be applied."""
    parser = argparse.ArgumentParser(
        prog="pipes-mcp manifests",
        description="Print CRDs, admission policies, roles and accounts as YAML, in the order to apply them in.",
    )
    parser.add_argument(
        "--operator",
        default="system:serviceaccount:pipes-system:operator",
        metavar="USER",
        help="user name of the operator, which the policies trust (default: %(default)s)",
    )
    parser.add_argument(
        "--without-stamping",
        action="store_true",
        help="leave out the policy that fills in who approved; for API servers before 1.36",
    )
    arguments = parser.parse_args(argv)

    import yaml

    from pipes_api.manifests import load

    documents = load(arguments.operator, stamping=not arguments.without_stamping)
    yaml.safe_dump_all(documents, sys.stdout, sort_keys=False, allow_unicode=True, width=120)
    return 0


def version(argv: list[str]) -> int:
    argparse.ArgumentParser(prog="pipes-mcp version", description="Print the version.").parse_args(argv)
    sys.stdout.write(metadata.version("pipes-mcp") + "\n")
    return 0
