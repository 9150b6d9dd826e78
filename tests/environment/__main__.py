"""`python -m environment up | down | status | demo`: the whole product from a shell."""

import argparse
import contextlib
import shutil
import socket
import sys
import time
from pathlib import Path

import anyio

from cluster.build import is_built
from cluster.errors import ClusterError

from . import demo
from .environment import Environment
from .places import ALICE, BOB, Ports
from .story import StoryBrokenError

RUN = Path(".run").absolute()
_GATEWAY_PORT = 8765
_ALLOWED_HOSTS = {"hubspot": ["api.hubapi.com"]}
"""For docs/examples/any-provider.yaml."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="environment", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("up", help="start everything in the background, with an empty store")
    commands.add_parser("down", help="end it and remove its store")
    commands.add_parser("status", help="say whether it runs; exit code 1 when not")
    commands.add_parser("demo", help="everything from nothing, and the main job step by step")
    options = parser.parse_args(arguments)
    try:
        return {"up": up, "down": down, "status": status, "demo": tell}[options.command]()
    except (ClusterError, StoryBrokenError) as error:
        print(f"\n{options.command} failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def up() -> int:
    with contextlib.suppress(ClusterError):
        if Environment.attach(RUN / "cluster").is_ready:
            print((RUN / "hints").read_text())
            return 0
    _end()
    _must_be_free(_GATEWAY_PORT)
    started = time.monotonic()
    _announce()
    environment = Environment.start(
        RUN / "cluster", detach=True, ports=Ports(gateway=_GATEWAY_PORT), allowed_hosts=_ALLOWED_HOSTS
    )
    try:
        _write_env(environment)
        (RUN / "hints").write_text(_hints(environment))
    except BaseException:
        environment.stop()
        raise
    print(f"up in {time.monotonic() - started:.0f} s\n\n{(RUN / 'hints').read_text()}")
    return 0


def down() -> int:
    print("ended" if _end() else "nothing runs from this checkout")
    return 0


def status() -> int:
    try:
        environment = Environment.attach(RUN / "cluster")
    except ClusterError as error:
        print(error)
        return 1
    programs = (environment.operator, environment.broker, environment.sandbox, environment.gateway)
    for program in programs:
        print(
            f"{program.name:9} {'ready' if program.is_ready() else 'NOT READY'}  pid {program.pid}  log {program.log}"
        )
    return 0 if environment.is_ready else 1


def tell() -> int:
    _announce()
    started = time.monotonic()
    with Environment.start(operator={"maximumDurationSeconds": demo.CEILING_SECONDS}) as environment:
        print(f"control plane, operator, broker, sandbox and gateway up in {time.monotonic() - started:.1f} s\n")
        anyio.run(demo.run, environment)
    return 0


def _end() -> bool:
    """Whether there was something to end."""
    try:
        Environment.attach(RUN / "cluster").stop()
    except ClusterError:
        return False
    finally:
        shutil.rmtree(RUN, ignore_errors=True)
    return True


def _must_be_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ClusterError(
                f"port {port} of this machine, the gateway's, is in use; end what has it, perhaps by `make down` in "
                "another checkout"
            ) from error


def _announce() -> None:
    if not is_built():
        print("The control plane is built first: about ten minutes on two cores, once.", flush=True)
    print("Starting etcd, kube-apiserver, operator, broker, sandbox and one agent's gateway …", flush=True)


def _write_env(environment: Environment) -> None:
    cluster = environment.cluster
    values = {
        "KUBECONFIG": cluster.kubeconfig("admin"),
        "KUBECONFIG_ALICE": cluster.kubeconfig(ALICE),
        "KUBECONFIG_BOB": cluster.kubeconfig(BOB),
        "KUBECTL": cluster.kubectl,
        "MCP_URL": environment.mcp_url,
        "SANDBOX_URL": environment.sandbox_url,
        "SANDBOX_ADMIN_TOKEN": environment.sandbox_admin_token,
    }
    path = RUN / "env"
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()))


def _hints(environment: Environment) -> str:
    return f"""An agent's MCP server:   {environment.mcp_url}
Names for your shell:    set -a; . .run/env; set +a

Try, in this order:
  1. Point any MCP client (Streamable HTTP) at {environment.mcp_url}; list the tools, call snowflake_query: refused.
  2. Call request_session with
       {{"reason": "try it", "duration": "15m", "bindings": [{{"name": "snowflake", "access": "Read"}}]}}
  3. As Alice, look and approve:
       $KUBECTL --kubeconfig $KUBECONFIG_ALICE -n team-a get agentsessions
       $KUBECTL --kubeconfig $KUBECONFIG_ALICE -n team-a get agentsession NAME -o jsonpath='{{.status.approveWith}}' \\
         | $KUBECTL --kubeconfig $KUBECONFIG_ALICE apply --server-side --field-manager=approver -f -
     (with $KUBECONFIG_BOB the same is refused)
  4. Call snowflake_query with {{"statement": "SELECT * FROM crm.public.orders LIMIT 5"}}
  5. End it:
       $KUBECTL --kubeconfig $KUBECONFIG_ALICE -n team-a patch agentsession NAME --type=merge \\
         -p '{{"spec": {{"revocation": {{"reason": "seen enough"}}}}}}'

Logs: .run/cluster/product/*.log     What reached the providers: $SANDBOX_URL/_sandbox/calls
`make down` ends everything."""


if __name__ == "__main__":
    sys.exit(main())
