"""The control plane is a real one, several fit on a machine, and none outlives what it was started for."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jwt
import pytest
import urllib3

import cluster as cluster_package
from cluster import Cluster, ClusterError, Mount
from cluster.guard import processes_of
from cluster.processes import start_time

pytestmark = pytest.mark.apiserver


def review(cluster: Cluster, token: str, audience: str) -> dict[str, object]:
    spec = {"token": token, "audiences": [audience]}
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
    status, answer = cluster.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", body)
    assert status == 201, answer
    return dict(answer["status"])


def start_owner(script: str) -> tuple["subprocess.Popen[str]", str]:
    """A program that runs `script` and then waits to be ended; and the line that it printed."""
    imports = "from pathlib import Path\nfrom cluster import Cluster, Mount\n"
    owner = subprocess.Popen(
        [sys.executable, "-c", imports + script + "\ninput()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(cluster_package.__file__).parent.parent)},
    )
    assert owner.stdout is not None
    return owner, owner.stdout.readline().strip()


def test_it_is_the_kubernetes_it_says_and_serves_mutating_admission_policies(cluster: Cluster) -> None:
    assert cluster.request("GET", "/version")[1]["gitVersion"] == "v1.37.2"
    served = cluster.request("GET", "/apis/admissionregistration.k8s.io/v1")[1]["resources"]
    assert "mutatingadmissionpolicies" in {resource["name"] for resource in served}


def test_people_come_in_by_certificate_and_have_no_rights_until_given_some(cluster: Cluster, namespace: str) -> None:
    asked = cluster.run_kubectl("auth", "whoami", "-o", "json", user="dave@example.com")
    assert json.loads(asked.stdout)["status"]["userInfo"]["username"] == "dave@example.com"
    refused = cluster.run_kubectl("get", "pods", namespace=namespace, user="dave@example.com", check=False)
    assert refused.returncode != 0
    assert 'User "dave@example.com" cannot list resource "pods"' in refused.stderr


def test_groups_of_a_certificate_count(cluster: Cluster, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    assert cluster.request("GET", path, user="erin@example.com")[0] == 403
    assert cluster.request("GET", path, user="erin@example.com", groups=["system:masters"])[0] == 200


def test_the_store_and_the_keys_are_readable_by_their_owner_alone(cluster: Cluster) -> None:
    assert cluster.run_dir.stat().st_mode & 0o077 == 0
    keys = list((cluster.run_dir / "pki").glob("*.key"))
    assert keys
    assert all(key.stat().st_mode & 0o077 == 0 for key in keys)


def test_a_pod_token_is_bound_to_its_pod_and_audience(cluster: Cluster, namespace: str) -> None:
    pod = cluster.create_pod(namespace, "analyst-1", "analyst")
    token = cluster.pod_token(namespace, "analyst-1", "pipes-operator")

    verdict = review(cluster, token, "pipes-operator")
    assert verdict["authenticated"] is True
    user = verdict["user"]
    assert isinstance(user, dict)
    assert user["username"] == f"system:serviceaccount:{namespace}:analyst"
    assert user["extra"]["authentication.kubernetes.io/pod-uid"] == [pod["metadata"]["uid"]]

    assert "authenticated" not in review(cluster, token, "pipes-broker")
    # Another one, because the API server remembers a verdict for 10 s.
    unseen = cluster.pod_token(namespace, "analyst-1", "pipes-operator")
    cluster.delete_pod(namespace, "analyst-1")
    assert "authenticated" not in review(cluster, unseen, "pipes-operator")


def test_a_short_token_is_judged_by_the_api_server_as_well(cluster: Cluster, namespace: str) -> None:
    cluster.create_pod(namespace, "brief", "analyst")
    token = cluster.pod_token(namespace, "brief", "pipes-operator", seconds=30)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 30
    assert review(cluster, token, "pipes-operator")["authenticated"] is True


def test_a_pod_speaks_to_the_api_server_with_the_token_it_mounts(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    cluster.create_pod(namespace, "operator-1", "operator")
    token = tmp_path / "token"
    cluster.project_tokens([Mount(namespace, "operator-1", None, token)])
    kubeconfig = cluster.token_kubeconfig(token, tmp_path / "kubeconfig")
    asked = subprocess.run(
        [cluster.kubectl, "--kubeconfig", kubeconfig, "auth", "whoami", "-o", "json"], capture_output=True, check=True
    )
    cluster.project_tokens([])
    user = json.loads(asked.stdout)["status"]["userInfo"]
    assert user["username"] == f"system:serviceaccount:{namespace}:operator"


@pytest.mark.parametrize("audience", [None, "pipes-operator"])
def test_a_mount_survives_the_command_line(audience: str | None) -> None:
    mount = Mount("team-a", "analyst-1", audience, Path("/a:b/token"), seconds=600)
    assert Mount.parse(str(mount)) == mount


def test_the_kubelet_gets_no_token_of_an_audience_that_the_pod_does_not_mount(cluster: Cluster, namespace: str) -> None:
    cluster.create_pod(namespace, "plain", "analyst", audiences=["pipes-operator"])
    with pytest.raises(ClusterError, match='not authorized to request tokens for audience "pipes-broker"'):
        cluster.pod_token(namespace, "plain", "pipes-broker")


def test_token_files_are_renewed_before_they_run_out(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    cluster.create_pod(namespace, "mounted", "analyst")
    path = tmp_path / "tokens" / "pipes-operator"
    cluster.project_tokens([Mount(namespace, "mounted", "pipes-operator", path, seconds=2)])
    first = path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    deadline = time.monotonic() + 10
    while path.read_text() == first and time.monotonic() < deadline:
        time.sleep(0.05)
    renewed = path.read_text()
    cluster.project_tokens([])
    assert renewed != first
    assert review(cluster, renewed, "pipes-operator")["authenticated"] is True


def test_apply_makes_changes_and_passes_refusals_on(cluster: Cluster, namespace: str) -> None:
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": namespace}}
    cluster.apply({**settings, "data": {"size": "1"}})
    cluster.apply({**settings, "data": {"size": "2"}})
    path = f"/api/v1/namespaces/{namespace}/configmaps/a"
    assert cluster.request("GET", path)[1]["data"] == {"size": "2"}
    with pytest.raises(ClusterError, match="cannot patch resource"):
        cluster.apply(settings, user="bob@example.com")
    with pytest.raises(ClusterError, match="does not serve Flower"):
        cluster.apply({"apiVersion": "v1", "kind": "Flower", "metadata": {"name": "a"}})


def test_two_run_at_once_and_stopping_one_leaves_the_other(cluster: Cluster) -> None:
    with Cluster.start() as other:
        assert other.url != cluster.url
        other.create_namespace("only-there")
        assert cluster.request("GET", "/api/v1/namespaces/only-there")[0] == 404
        run_dir = other.run_dir
    assert not run_dir.exists()
    assert processes_of(run_dir) == []
    assert cluster.request("GET", "/readyz")[0] == 200


def test_trouble_can_be_made_and_undone() -> None:
    with Cluster.start() as cluster:
        cluster.create_namespace("kept")
        cluster.pause_apiserver()
        with pytest.raises(urllib3.exceptions.TimeoutError):
            cluster.request("GET", "/readyz", timeout=0.5)
        cluster.resume_apiserver()
        assert cluster.request("GET", "/readyz")[0] == 200

        cluster.kill_apiserver()
        assert cluster.apiserver_pid is None
        with pytest.raises(urllib3.exceptions.HTTPError):
            cluster.request("GET", "/readyz", timeout=0.5)
        cluster.restart_apiserver()
        assert cluster.request("GET", "/api/v1/namespaces/kept")[0] == 200


def test_a_killed_owner_leaves_nothing_behind_not_even_a_paused_server() -> None:
    owner, said = start_owner("c = Cluster.start(); c.pause_apiserver(); print(c.run_dir, flush=True)")
    run_dir = Path(said)
    assert len(processes_of(run_dir)) == 2
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    deadline = time.monotonic() + 10
    while run_dir.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of(run_dir) == []
    assert not run_dir.exists()


def test_what_a_killed_owner_and_a_killed_guard_leave_is_removed_at_the_next_start(tmp_path: Path) -> None:
    owner, said = start_owner("c = Cluster.start(); print(c.run_dir, c._guard.pid, flush=True)")
    run_dir, guard = said.split()
    os.kill(int(guard), signal.SIGKILL)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert len(processes_of(Path(run_dir))) == 2
    with Cluster.start():
        assert processes_of(Path(run_dir)) == []
        assert not Path(run_dir).exists()


def test_a_detached_one_outlives_its_starter_and_is_found_again(tmp_path: Path) -> None:
    run_dir = tmp_path / "kept"
    token = tmp_path / "token"
    script = f"""
c = Cluster.start(Path({str(run_dir)!r}), detach=True)
c.create_pod("team-a", "analyst-1", "analyst")
c.project_tokens([Mount("team-a", "analyst-1", "pipes-operator", Path({str(token)!r}), seconds=2)])
"""
    owner, _ = start_owner(script + "print()")
    owner.communicate()
    cluster = Cluster.attach(run_dir)
    try:
        first = token.read_text()
        with pytest.raises(ClusterError, match="already runs out of"):
            Cluster.start(run_dir)
        deadline = time.monotonic() + 10
        while token.read_text() == first and time.monotonic() < deadline:
            time.sleep(0.05)
        assert token.read_text() != first
        assert cluster.request("GET", "/api/v1/namespaces/team-a")[0] == 200
        kubelet = json.loads((run_dir / "kubelet.pid").read_text())["pid"]
        server = cluster.apiserver_pid
        assert server is not None
    finally:
        cluster.stop()
    assert start_time(server) is None
    assert start_time(kubelet) is None
    assert not run_dir.exists()
    with pytest.raises(ClusterError, match="no control plane was started in"):
        Cluster.attach(run_dir)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ClusterError, match=r"cannot start a control plane: .*/file"):
        Cluster.start(tmp_path / "file" / "run")


def test_a_folder_that_holds_something_else_is_never_emptied(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ClusterError, match="holds something else"):
        Cluster.start(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
