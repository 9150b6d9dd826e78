"""`pipes-mcp operator | gateway | broker | sandbox | manifests | version`."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import commands


@dataclass(frozen=True, slots=True)
class _Command:
    says: str
    run: Callable[[list[str]], int]


COMMANDS = {
    "operator": _Command("decide on sessions, and serve gateways and brokers", commands.operator),
    "gateway": _Command("the MCP server beside an agent", commands.gateway),
    "broker": _Command("call providers on behalf of gateways", commands.broker),
    "sandbox": _Command("a stand-in for Pipes and its providers, for trying things out", commands.sandbox),
    "manifests": _Command("print CRDs, admission policies and roles as YAML", commands.manifests),
    "version": _Command("print the version", commands.version),
}


def usage() -> str:
    lines = ["usage: pipes-mcp COMMAND [options]", "", "Human-approved, time-boxed sessions for AI agents.", ""]
    lines += [f"  {name:<10} {command.says}" for name, command in COMMANDS.items()]
    return "\n".join([*lines, "", "pipes-mcp COMMAND --help tells the options of a command.", ""])


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 2 when there is none of that name."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        (sys.stdout if arguments else sys.stderr).write(usage())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        arguments[0] = "version"
    command = COMMANDS.get(arguments[0])
    if command is None:
        sys.stderr.write(f"pipes-mcp: there is no command {arguments[0]!r}; it is one of {', '.join(COMMANDS)}\n")
        return 2
    return command.run(arguments[1:])


if __name__ == "__main__":
    sys.exit(main())
