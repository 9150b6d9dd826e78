"""A credential taken out of what a provider answers: what it echoes must not hand the credential to the agent."""

import re

WITHHELD = b"(withheld)"
_RUN = re.compile(r"[A-Za-z0-9]+")


def without(secret: str, data: bytes) -> bytes:
    """The data with the secret withheld, also where JSON escapes what need not be escaped (RFC 8259 section 7).

    Against servers that show too much, not against one that means to: who has a credential can give it away.
    """
    if not secret:
        return data
    data = data.replace(secret.encode(), WITHHELD)
    # Letters and digits nobody escapes: a cheap look before the dear one.
    longest = max(_RUN.findall(secret), key=len, default="")
    if b"\\" not in data or longest.encode() not in data:
        return data
    plain = _unescaped(data, sorted({each for each in secret if not each.isalnum()}))
    return plain.replace(secret.encode(), WITHHELD) if secret.encode() in plain else data


def _unescaped(data: bytes, characters: list[str]) -> bytes:
    # Whole passes rather than a pattern: their time does not depend on what a provider made the secret look like.
    for character in characters:
        code = f"\\u{ord(character):04x}"
        for written in {code, f"\\u{ord(character):04X}", f"\\{character}" if character == "/" else code}:
            data = data.replace(written.encode(), character.encode())
    return data
