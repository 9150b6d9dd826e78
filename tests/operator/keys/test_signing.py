"""Signing keys in a real Secret: made once, rotated with overlap, never shown."""

import asyncio
import base64
import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from pipes_operator.keys.secrets import SecretUnreadable
from pipes_operator.keys.signing import RETIRED_FOR, SECRET_NAME, SigningKeys, thumbprint

pytestmark = pytest.mark.apiserver

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def kid(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def published(keys: SigningKeys) -> set[str]:
    return {each["kid"] for each in keys.jwks["keys"]}


def verified(token: str, keys: SigningKeys) -> bool:
    found = [each for each in keys.jwks["keys"] if each["kid"] == kid(token)]
    return bool(found) and jwt.decode(token, jwt.PyJWK(found[0]), algorithms=["ES256"]) == {"n": 1}


async def loaded(kube: Any, namespace: str) -> SigningKeys:
    keys = SigningKeys(kube, namespace)
    await keys.load(NOW)
    return keys


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    # The EC key of RFC 7517 appendix A.1, whose thumbprint was computed with another implementation.
    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        "use": "enc",
        "kid": "1",
    }
    assert thumbprint(jwk) == "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s"


async def test_operators_that_start_at_once_share_one_set_of_keys(kube: Any, namespace: str) -> None:
    first, *others = await asyncio.gather(*(loaded(kube, namespace) for _ in range(5)))
    assert all(each.jwks == first.jwks for each in others)
    assert verified(first.sign({"n": 1}), others[0])
    header = jwt.get_unverified_header(first.sign({"n": 1}))
    assert header == {"typ": "at+jwt", "alg": "ES256", "kid": header["kid"]}


async def test_a_key_is_published_before_it_signs_and_after_it_signed(kube: Any, namespace: str) -> None:
    keys = await loaded(kube, namespace)
    for number in range(1, 6):
        before, old = published(keys), keys.sign({"n": 1})
        await keys.rotate(NOW + timedelta(seconds=10 * number))
        assert kid(keys.sign({"n": 1})) in before
        assert kid(keys.sign({"n": 1})) != kid(old)
        assert verified(old, keys)


async def test_a_retired_key_goes_once_no_token_of_it_can_live_and_its_private_part_at_once(
    kube: Any, namespace: str, cluster: Any
) -> None:
    keys = await loaded(kube, namespace)
    old = kid(keys.sign({"n": 1}))
    await keys.rotate(NOW)
    _, secret = cluster.request("GET", f"/api/v1/namespaces/{namespace}/secrets/{SECRET_NAME}")
    stored = {each["kid"]: each for each in json.loads(base64.b64decode(secret["data"]["keys.json"]))}
    assert stored[old]["state"] == "retired"
    assert stored[old]["private"] == ""
    await keys.rotate(NOW + RETIRED_FOR - timedelta(seconds=1))
    assert old in published(keys)
    await keys.rotate(NOW + RETIRED_FOR)
    assert old not in published(keys)


async def test_two_operators_that_rotate_at_once_rotate_once(kube: Any, namespace: str) -> None:
    one, two = await loaded(kube, namespace), await loaded(kube, namespace)
    heard: list[Any] = []
    two.on_change(heard.append)
    await asyncio.gather(one.rotate(NOW), two.rotate(NOW))
    await asyncio.gather(one.load(NOW), two.load(NOW))
    assert one.jwks == two.jwks
    assert len(published(one)) == 3
    assert heard[-1] == two.jwks


async def test_a_secret_that_holds_something_else_stops_with_its_name_and_not_its_content(
    kube: Any, namespace: str, cluster: Any
) -> None:
    value = base64.b64encode(b"hunter2").decode()
    secret = {"metadata": {"name": SECRET_NAME}, "data": {"keys.json": value}}
    cluster.request("POST", f"/api/v1/namespaces/{namespace}/secrets", secret)
    with pytest.raises(SecretUnreadable, match=SECRET_NAME) as caught:
        await loaded(kube, namespace)
    assert "hunter2" not in str(caught.value)


async def test_private_keys_show_nowhere(kube: Any, namespace: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    keys = await loaded(kube, namespace)
    await keys.rotate(NOW)
    assert "PRIVATE" not in repr(keys) + repr(keys._keys) + caplog.text
    assert all("d" not in each for each in keys.jwks["keys"])
