"""Takes secrets out of what a report shows: by what a property is called, by what a text looks like. Pure.

Pulumi masks what the program marks as secret. This module is for what nobody marked: it prefers hiding a
harmless text to showing a harmful one. It cannot know a weak password in a property with a harmless name.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

MASK = "[masked]"
SECRET = "[secret]"  # noqa: S105 - the engine's own mark
_FILE = re.compile(r"/(?:[a-z0-9_.-]+/)+[a-z0-9_.-]+")
"""Where a secret is mounted, which is no secret."""
_NO_SECRETS = ("", SECRET, "true", "false")
"""Values that are no secret whatever their name is."""
_NAMED = re.compile(
    r"pass(word|wd|phrase)?$|pass(word|wd|phrase)|secret|token|credential|private_?key|api_?key|access_?key|"
    r"auth(orization|_?key)?$|bearer|cookie|session_?id|signing_?key|client_?key|connection_?string|"
    r"encryption_?key$|kubeconfig|dsn$|webhook_?url|salt$|nonce$|\bpin$|\botp$|seed$",
    re.IGNORECASE,
)
"""Names of properties whose value is a secret whatever it looks like."""
_HARMLESS_NAMES = re.compile(
    r"(kms_?(master_?)?key_?(id|arn)?|key_?(id|arn|name|usage|spec|rotation.*|window.*)|secret_?(name|arn|id|ref.*)|"
    r"token_?(path|ttl|expiration.*|review.*)|(.*_)?token_?(issuer|audience|(keys_?)?file)|plinth\.dev/token_keys|"
    r"http_?tokens|automount_?service_?account_?token|"
    r"password_?(policy|length|reuse.*|age.*|require.*)|.*_?(days|hours|seconds|enabled)|bucket_?key_?enabled|"
    r"secrets|public_?key|hash_?key|range_?key|tag_?key|target_?key_?id|.*_?key_?arn|.*_?key_?id|.*_?key_?alias)$",
    re.IGNORECASE,
)
"""Names that only sound like it: identifiers, switches and numbers."""
_SHAPES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?s)-----BEGIN [A-Z0-9 ]*(?:KEY|CERTIFICATE)[A-Z0-9 ]*-----.*?(?:-----END[A-Z0-9 ]*-----|\Z)",
        r"\b(?:A3T[A-Z0-9]|AKIA|ASIA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA|ABIA|ACCA)[A-Z0-9]{12,}\b",
        r"\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_[A-Za-z0-9_]{20,}",
        r"\bgl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|imt|oas|ffct)-[A-Za-z0-9_-]{16,}",
        r"\bxox[abeoprs]-[A-Za-z0-9-]{8,}|\bxapp-[A-Za-z0-9-]{8,}",
        r"https://hooks\.slack\.com/\S+|https://discord(?:app)?\.com/api/webhooks/\S+|https://\S*\.webhook\.office\.com/\S+",
        r"\b[rsp]k_(?:live|test)_[A-Za-z0-9]{10,}|\bwhsec_[A-Za-z0-9+/=]{16,}",
        r"\bAIza[A-Za-z0-9_-]{20,}|\bya29\.[A-Za-z0-9_-]{16,}|\bGOCSPX-[A-Za-z0-9_-]{16,}",
        r"\bsk-[A-Za-z0-9_-]{16,}|\bhf_[A-Za-z0-9]{16,}|\br8_[A-Za-z0-9]{16,}|\bgsk_[A-Za-z0-9]{16,}",
        r"\bnpm_[A-Za-z0-9]{16,}|\bpypi-[A-Za-z0-9_-]{16,}|\brubygems_[a-f0-9]{16,}|\bdckr_pat_[A-Za-z0-9_-]{16,}",
        r"\bpul-[a-f0-9]{20,}|\bhv[sbr]\.[A-Za-z0-9_-]{16,}|\batlasv1\.[A-Za-z0-9_-]{16,}|\bdop_v1_[a-f0-9]{20,}",
        r"\bSG\.[A-Za-z0-9_-]{12,}\.[A-Za-z0-9_-]{12,}|\bkey-[a-f0-9]{24,}|\b(?:AC|SK)[a-f0-9]{32}\b",
        r"\bEAA[A-Za-z0-9]{20,}|\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{16,}|\bsq0[a-z]{3}-[A-Za-z0-9_-]{16,}",
        r"\bNRAK-[A-Z0-9]{16,}|\bglc_[A-Za-z0-9+/=]{16,}|\bglsa_[A-Za-z0-9_]{16,}|\bdapi[a-f0-9]{24,}",
        r"\blin_api_[A-Za-z0-9]{16,}|\bsntrys_[A-Za-z0-9+/=_-]{16,}|\bPMAK-[a-f0-9-]{20,}|\bfigd_[A-Za-z0-9_-]{16,}",
        r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?",
        r"\b\d{8,10}:[A-Za-z0-9_-]{30,}",
        r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)",
        r"(?i)(?<=bearer )[A-Za-z0-9._~+/=-]{6,}|(?<=basic )[A-Za-z0-9+/=]{6,}",
        r"(?i)(?:AccountKey|SharedAccess\w+|sig|X-Amz-(?:Signature|Credential|Security-Token))=[^;&\s\"']{6,}",
        r"\$(?:2[aby]|5|6|argon2id?|scrypt)\$[A-Za-z0-9./$,=+-]{12,}",
        r"\bAGE-SECRET-KEY-1[A-Z0-9]{20,}|\bS[A-Z2-7]{55}\b|\bv1:[A-Za-z0-9+/=]{8,}:v1:[A-Za-z0-9+/=:]{8,}",
    )
)  # fmt: skip
"""Texts that are secrets by their form, as their issuers document it."""
_ASSIGNED = re.compile(
    r"(?i)([\"']?[\w.-]*(?:password|passwd|passphrase|\bpwd|secret|token|api_?key|access_?key|private_?key|credential)"
    r"[\w.-]*[\"']?\s*[:=]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&\"'}]+)"
)
"""``password=...`` and its like inside a longer text, such as a script or an environment file."""
_WORD = re.compile(r"[A-Za-z0-9+/=_\-]{20,}")
_DIGEST = re.compile(r"sha(?:256|384|512)[:-]$")
_IDENTIFIER = re.compile(
    r"^(?:[\w+=-]+/)*(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z]{1,16}-[0-9a-f]{8,17}|[A-Z0-9]{2,8}(?:_[A-Za-z0-9]{2,8}){2,})$"
)
"""UUIDs; ids of AWS such as ``sg-0123456789abcdef0``; its constants such as ``AL2023_x86_64_NVIDIA``."""
_RUN = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{3,}|(?<![A-Za-z0-9])[0-9]{1,14}(?![A-Za-z0-9])")
_VOWEL = re.compile(r"[aeiouy]", re.IGNORECASE)
_UNSPEAKABLE = re.compile(r"[^aeiouy]{6,}", re.IGNORECASE)
_MIXED = re.compile(r"(?<=[A-Za-z])[0-9]{1,3}(?=[A-Za-z])")
_MIXED_AT_MOST = 2
"""Times that a name changes from letters to digits and back without a separator, as in ``sha256sum``."""
_SPOKEN_SHARE = 0.5
"""Share of a long word that has to be made of speakable runs of letters, or of numbers that stand alone, to
pass for a name. Names in this project lie above 0.75, random base64, base32 and hex below 0.5 (measured by
``tests/preview/test_masking.py``)."""
_SHORTEST_HIDING = 8
"""Characters of base64 below which nothing worth hiding fits in."""
_DECODED = 4
"""Times that base64 is opened to look inside: a secret in a secret in user data."""


def is_secret_name(name: str) -> bool:
    """Return whether the value of a property, variable or key with this name is to be hidden."""
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_")
    return bool(_NAMED.search(plain)) and not _HARMLESS_NAMES.fullmatch(plain)


def mask(text: str) -> str:
    """Return a text without anything in it that looks like a secret."""
    for shape in _SHAPES:
        text = shape.sub(MASK, text)
    text = _ASSIGNED.sub(_assigned, text)
    return _WORD.sub(lambda word: _word(word, text), text)


def mask_value(value: Any, name: str = "") -> Any:  # noqa: PLR0911 - one for each kind of value
    """Return a value without secrets, nested ones too.

    Args:
        value: Anything that JSON can hold.
        name: Name of the property that holds it.
    """
    if isinstance(value, Mapping):
        if value.get("kind") == "Secret":
            return {
                mask(str(k)): MASK if k in ("data", "stringData") else mask_value(v, k)
                for k, v in value.items()
            }
        return {mask(str(key)): _entry(value, str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [mask_value(inner, name) for inner in value]
    if value is None or isinstance(value, bool) or value in _NO_SECRETS:
        return value
    if is_secret_name(name) and not (isinstance(value, str) and _FILE.fullmatch(value)):
        return MASK
    if isinstance(value, str):
        return mask(value)
    return value


def _entry(holder: Mapping[str, Any], key: str, value: Any) -> Any:
    """Mask one entry; ``{name: DB_PASSWORD, value: x}`` is how containers and tags write a variable."""
    called = next((holder[k] for k in ("name", "key", "Name", "Key") if isinstance(holder.get(k), str)), "")
    if key in ("value", "Value") and called and is_secret_name(called):
        return value if value is None or value in _NO_SECRETS else MASK
    if isinstance(value, Mapping | list) and is_secret_name(key) and not _HARMLESS_NAMES.fullmatch(key):
        return mask_all(value)
    return mask_value(value, key)


def mask_all(value: Any) -> Any:
    """Return the shape of a value with every text and number in it hidden."""
    if isinstance(value, Mapping):
        return {mask(str(key)): mask_all(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [mask_all(inner) for inner in value]
    return value if value is None or isinstance(value, bool) or value in _NO_SECRETS else MASK


def _assigned(found: re.Match[str]) -> str:
    name, value = found[1], found[2]
    if name == f"{value[:1].lower()}{value[1:]}:":  # a type token, such as aws:secretsmanager/secret:Secret
        return found[0]
    bare = re.sub(r"[\"'\s:=]", "", name)
    if not is_secret_name(bare.rsplit(".", 1)[-1]) or value.strip("\"'") in (
        "",
        MASK,
        SECRET,
        "true",
        "false",
        "null",
    ):
        return found[0]
    return f"{name}{MASK}"


def _word(found: re.Match[str], text: str) -> str:
    word = found[0]
    if MASK.strip("[]") in word or _DIGEST.search(text[: found.start()]):
        return word
    if _hides(word, _DECODED) or _is_random(word):
        return MASK
    return word


def _is_random(word: str) -> bool:
    """Return whether nobody could speak a word: a key or a token of an issuer that we do not know."""
    if _IDENTIFIER.match(word) or word.isdigit():
        return False
    if len(_MIXED.findall(word)) > _MIXED_AT_MOST:
        return True
    spoken = sum(
        len(run)
        for run in _RUN.findall(word)
        if run.isdigit() or (_VOWEL.search(run) and not _UNSPEAKABLE.search(run))
    )
    return spoken < _SPOKEN_SHARE * len(re.sub(r"[-_/+=]", "", word))


def _hides(word: str, depth: int) -> bool:
    """Return whether base64 has a secret inside."""
    if depth == 0 or len(word) < _SHORTEST_HIDING:
        return False
    for alphabet in (word, word.replace("-", "+").replace("_", "/")):
        try:
            plain = base64.b64decode(alphabet + "=" * (-len(alphabet) % 4), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            continue
        if sum(c.isprintable() or c.isspace() for c in plain) < len(plain):
            continue
        if any(shape.search(plain) for shape in _SHAPES) or _ASSIGNED.search(plain):
            return True
        if any(_hides(inner, depth - 1) or _is_random(inner) for inner in _WORD.findall(plain)):
            return True
    return False
