"""`python -m cluster build | up | down | status`: the control plane from a shell."""

import argparse
import signal
import sys
from pathlib import Path

from . import Cluster, ClusterError
from .build import build, is_built, program_path
from .tokens import Mount, TokenFiles

_RUN_DIR = Path(".run") / "cluster"


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    # Else the compiler would go on by itself when make stops the build because another target failed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(options)
    except ClusterError as error:
        print(f"control plane: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("control plane: stopped", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("build", help="build etcd, kube-apiserver and kubectl into the cache (about 10 minutes, once)")
    for name, text in (
        ("up", "start one in the background, with an empty store"),
        ("down", "stop it and remove its store"),
        ("status", "say whether it runs; exit code 1 when not"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--run-dir", type=Path, default=_RUN_DIR, help=f"where it lives (default {_RUN_DIR})")
    kubelet = commands.add_parser("kubelet", help="renew projected token files until ended; `up` users start it")
    kubelet.add_argument("--run-dir", type=Path, required=True)
    kubelet.add_argument(
        "--mount", type=Mount.parse, action="append", required=True, metavar="NAMESPACE/POD/AUDIENCE/SECONDS:PATH"
    )
    return parser


def _run(options: argparse.Namespace) -> int:
    if options.command == "build":
        print(build())
        return 0
    if options.command == "up":
        cluster = Cluster.start(options.run_dir, detach=True)
        print(f"{cluster.url}\nexport KUBECONFIG={cluster.kubeconfig('admin')}\nkubectl: {cluster.kubectl}")
        return 0
    if options.command == "status" and not is_built():
        print(f"not built: {program_path()} is missing")
        return 1
    cluster = Cluster.attach(options.run_dir)
    if options.command == "down":
        cluster.stop()
    elif options.command == "status":
        print(f"running at {cluster.url}, pid {cluster.apiserver_pid}, in {cluster.run_dir}")
    else:
        TokenFiles(cluster, options.mount).run_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
