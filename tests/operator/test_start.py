"""What prevents a start is said in one line that names what to change."""

import socket

import pytest
import yaml

from pipes_operator.main import main


@pytest.fixture
def start(tmp_path, capsys):
    """Starts the operator with those settings; answers its exit code and the one line that it said."""

    def run(settings):
        config = tmp_path / "operator.yaml"
        config.write_text(settings if isinstance(settings, str) else yaml.safe_dump(settings))
        code = main(["--config", str(config)])
        (line,) = [each for each in capsys.readouterr().err.splitlines() if each.startswith("pipes-operator: ")]
        return code, line

    return run


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("[a list]", "map"),
        ("{namespace: [", "YAML"),
        ({"nonesuch": 1}, "nonesuch"),
        ({"pendingCap": "many"}, "pendingCap"),
        ({"kubeconfig": "/nonexistent/kubeconfig"}, "/nonexistent/kubeconfig"),
        ({"workosKeyFile": "/nonexistent/key"}, "/nonexistent/key"),
        ({"catalogDirectory": "/nonexistent/catalogs"}, "/nonexistent/catalogs"),
        ({"logLevel": "LOUD"}, "LOUD"),
        ({}, "no kubeconfig"),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, dict) else None,
)
def test_a_setting_that_cannot_work(start, settings, said):
    code, line = start(settings)

    assert code == 2
    assert said in line


def test_a_kubeconfig_that_is_none(start, tmp_path):
    (tmp_path / "kubeconfig").write_text("apiVersion: v1\nkind: Config\n")

    code, line = start({"kubeconfig": str(tmp_path / "kubeconfig")})

    assert (code, "kubeconfig" in line) == (2, True)


@pytest.mark.parametrize("key", ["", "two words", "sk_test\nsecond line"])
def test_a_key_file_that_holds_no_key(start, tmp_path, key):
    (tmp_path / "key").write_text(key)

    code, line = start({"workosKeyFile": str(tmp_path / "key")})

    assert (code, "does not hold a WorkOS API key" in line) == (2, True)
    assert not key or key not in line


def test_a_catalog_that_breaks_a_rule_is_named_with_its_line(start, tmp_path):
    (tmp_path / "odd.yaml").write_text("provider: odd\ntools: []\n")

    code, line = start({"catalogDirectory": str(tmp_path)})

    assert code == 2
    assert "odd.yaml:" in line


def test_no_api_server(start, tmp_path):
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "k", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": {"token": "canary-token"}}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))

    code, line = start({"kubeconfig": str(tmp_path / "kubeconfig")})

    assert code == 2
    assert "http://127.0.0.1:9" in line
    assert "canary" not in line


@pytest.mark.apiserver
class TestOnAnApiServer:
    def test_without_our_crds(self, cluster, start):
        code, line = start({"kubeconfig": str(cluster.kubeconfig("admin"))})

        assert code == 2
        assert "apply the CRDs first" in line

    @pytest.mark.parametrize("port", ["port", "healthPort"])
    def test_a_port_that_is_taken(self, bed, own_operator, start, port):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            code, line = start(bed.settings(**{port: taken.getsockname()[1]}))

        assert code == 2
        assert "is taken" in line
