"""`docs/add-a-provider.md` as a newcomer follows it: its two files, put in their places, serve an agent's calls."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pipes_catalog
from egress_support import egress_world, grant
from pipes_api.grant import GrantedBinding
from pipes_api.resources import Access, Connection
from pipes_catalog import advertised
from pipes_egress.call import ToolRequest, ToolResult
from pipes_sandbox import provider, providers

PAGE = Path(__file__).parents[2] / "docs" / "add-a-provider.md"


def block(language: str, number: int = 0) -> str:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)[number]


@pytest.fixture
def in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pipes_catalog.Catalogs]:
    """Both files of the page where the product looks for them, without touching the checkout."""
    (tmp_path / "catalogs").mkdir()
    (tmp_path / "catalogs" / "acme.yaml").write_text(block("yaml"))
    (tmp_path / "providers").mkdir()
    (tmp_path / "providers" / "acme.py").write_text(block("python"))
    monkeypatch.setattr(providers, "__path__", [*providers.__path__, str(tmp_path / "providers")])
    provider.all_providers.cache_clear()
    yield pipes_catalog.load(tmp_path / "catalogs")
    provider.all_providers.cache_clear()
    sys.modules.pop("pipes_sandbox.providers.acme", None)


async def test_the_two_files_of_the_page_make_a_provider(in_place: pipes_catalog.Catalogs, tmp_path: Path) -> None:
    tools = in_place.by_provider["acme"].tools
    binding = GrantedBinding(
        name="acme",
        uid="uid-acme",
        provider="acme",
        catalog="acme",
        connection=Connection(user_id="user_alice"),
        account="data_installation_acme_alice",
        access=Access.WRITE,
        tools={advertised("acme", each.name): each.hash for each in tools.values()},
        hosts=in_place.hosts("acme"),
    )

    async with egress_world(tmp_path) as world:

        async def call(tool: str, **arguments: object) -> ToolResult:
            request = ToolRequest(
                grant=grant(binding),
                granted=binding,
                definition=tools[tool],
                arguments=arguments,
                check=world.policy,
            )
            return await world.egress.execute(request)

        found = await call("find", words="anvil")
        renamed = await call("rename", id="t-1", name="Left hammer")
        again = await call("find", words="anvil")
        nowhere = await call("rename", id="t-9", name="x")
        pages = await world.sandbox.calls(service="acme")

    assert '"Small anvil"' in found.content[0]["text"]
    assert not renamed.is_error
    assert renamed.access is Access.WRITE
    assert "Left" not in again.content[0]["text"]
    assert "not found in Acme, or not visible to this connection" in nowhere.content[0]["text"]
    assert len(pages) == 5
    assert {each["host"] for each in pages} == {"eu1.acme.example"}
