"""Session tokens: every entry of a table of odd and hostile ones, against signature check and policy chain together."""

import base64
import datetime as dt
import hmac
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from live import things
from live.session_service import ISSUER, SigningKey
from pipes_api.names import SESSION_AUDIENCE
from pipes_api.tokens import SessionClaims
from pipes_live.tokens import TokenInvalid, TokenVerifier
from pipes_policy import chain
from pipes_policy.call import Call, Caller

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent.parent / "data" / "jwt_headers.json").read_text())
KEY, ATTACKER = SigningKey(), SigningKey()
SESSION = things.session()


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims_of(case: dict[str, Any]) -> bytes:
    now = int(dt.datetime.now(dt.UTC).timestamp())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": SESSION_AUDIENCE,
        "sub": "system:serviceaccount:team-a:analyst",
        "sid": SESSION.uid,
        "jti": "j-1",
        "iat": now,
        "nbf": now,
        "exp": now + 60,
        "pod": "pod-1",
        "grantHash": SESSION.grant_hash,
    }
    changes = case["claims_change"]
    if changes == "not json":
        return b"hello"
    for name, value in changes.items():
        if value is None:
            del claims[name]
        elif isinstance(value, str) and value.startswith("now"):
            offset = float(value[3:] or 0)
            claims[name] = now + (offset if "." in value else int(offset))
        elif isinstance(value, str) and value.startswith('"'):
            claims[name] = json.loads(value)
        elif value == "100 kB of text":
            claims[name] = "x" * 100_000
        else:
            claims[name] = json.loads(json.dumps(value).replace("{{AUD}}", SESSION_AUDIENCE).replace("{{ISS}}", ISSUER))
    return json.dumps(claims).encode()


def token_of(case: dict[str, Any]) -> str:
    x, y = ATTACKER.jwk["x"], ATTACKER.jwk["y"]
    header = json.dumps(case["header"]).replace("{{KID}}", KEY.kid)
    header = header.replace("{{ATTACKER_X}}", x).replace("{{ATTACKER_Y}}", y)
    text = f"{b64(header.encode())}.{b64(claims_of(case))}"
    match case["sign_with"]:
        case "current":
            return f"{text}.{b64(es256(KEY, text))}"
        case "attacker P-256 key":
            return f"{text}.{b64(es256(ATTACKER, text))}"
        case "empty signature":
            return f"{text}."
        case "hmac: public key PEM":
            pem = KEY.private.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            return f"{text}.{b64(hmac.digest(pem, text.encode(), 'sha256'))}"
        case "hmac: empty key":
            return f"{text}.{b64(hmac.digest(b'', text.encode(), 'sha256'))}"
        case "attacker RSA key":
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            return f"{text}.{b64(key.sign(text.encode(), rsa_padding.PKCS1v15(), hashes.SHA256()))}"
        case "attacker P-384 key":
            signed = ec.generate_private_key(ec.SECP384R1()).sign(text.encode(), ec.ECDSA(hashes.SHA384()))
            r, s = decode_dss_signature(signed)
            return f"{text}.{b64(r.to_bytes(48, 'big') + s.to_bytes(48, 'big'))}"
        case "current key, DER":
            return f"{text}.{b64(KEY.private.sign(text.encode(), ec.ECDSA(hashes.SHA256())))}"
        case "64 zero bytes":
            return f"{text}.{b64(bytes(64))}"
        case "current, padded":
            return f"{text}.{base64.urlsafe_b64encode(es256(KEY, text)).decode()}"
        case "current, newline after the first dot":
            return f"{text.replace('.', '.' + chr(10), 1)}.{b64(es256(KEY, text))}"
    raise AssertionError(case["sign_with"])


def es256(key: SigningKey, text: str) -> bytes:
    r, s = decode_dss_signature(key.private.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def allowed(claims: SessionClaims) -> bool:
    """What the policy chain says of a call with these claims."""
    caller = Caller(namespace="team-a", service_account="analyst", pod_uid="pod-1", issuer=ISSUER)
    call = Call(
        caller=caller,
        tool="snowflake_query",
        binding=things.binding(),
        session=SESSION,
        claims=claims,
        definition=things.QUERY,
        lease_until=2.0,
        clock=1.0,
        now=dt.datetime.now(dt.UTC),
    )
    return chain.decide(call) is None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_table(case: dict[str, Any]) -> None:
    try:
        passes = allowed(TokenVerifier({"keys": [KEY.jwk]}).verify(token_of(case)))
    except TokenInvalid:
        passes = False
    # Where the table leaves a choice, the strict one is taken.
    assert passes is (case["expect"] == "allowed"), case["why"]


def token(**changes: Any) -> str:
    return token_of(
        {"header": {"alg": "ES256", "typ": "at+jwt", "kid": KEY.kid}, "claims_change": changes, "sign_with": "current"}
    )


def test_a_remembered_signature_is_no_verdict() -> None:
    """A token whose time is up is still one whose signature was right; the chain is what refuses it."""
    verifier = TokenVerifier({"keys": [KEY.jwk]})
    one = token(exp="now-1")
    assert verifier.verify(one) is verifier.verify(one)
    assert not allowed(verifier.verify(one))


def test_new_keys_forget_what_was_verified_under_old_ones() -> None:
    verifier = TokenVerifier({"keys": [KEY.jwk]})
    one = token()
    verifier.verify(one)
    verifier.use({"keys": [ATTACKER.jwk]})
    with pytest.raises(TokenInvalid) as invalid:
        verifier.verify(one)
    assert invalid.value.word == TokenInvalid.UNKNOWN_KEY


def test_several_keys_are_held_while_they_overlap() -> None:
    verifier = TokenVerifier({"keys": [ATTACKER.jwk, KEY.jwk]})
    assert verifier.verify(token()).sid == SESSION.uid


def test_what_is_remembered_is_bounded() -> None:
    verifier = TokenVerifier({"keys": [KEY.jwk]}, remembered=4)
    for number in range(10):
        verifier.verify(KEY.sign({**jwt.decode(token(), options={"verify_signature": False}), "jti": str(number)}))
    assert len(verifier._verified) == 4


@pytest.mark.parametrize(
    "change",
    [{"kty": "RSA"}, {"crv": "P-384"}, {"alg": "ES384"}, {"use": "enc"}, {"kid": None}, {"x": "AA"}, {"d": "AA"}],
    ids=str,
)
def test_a_key_that_is_not_for_this_is_left_out(change: dict[str, Any]) -> None:
    verifier = TokenVerifier({"keys": [{**KEY.jwk, **change}]})
    with pytest.raises(TokenInvalid, match="unknownKey"):
        verifier.verify(token())


def test_odd_key_sets_are_empty_ones() -> None:
    for odd in ({}, {"keys": None}, {"keys": ["x", 1, None]}):
        with pytest.raises(TokenInvalid, match="unknownKey"):
            TokenVerifier(odd).verify(token())


def test_the_table_is_signed_as_it_says() -> None:
    """The good token is what the library makes too, so the table fails for its own reasons."""
    made = KEY.sign(jwt.decode(token(), options={"verify_signature": False}))
    assert allowed(TokenVerifier({"keys": [KEY.jwk]}).verify(made))
