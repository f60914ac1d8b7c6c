"""Fifty kinds of secrets, all made up: what an issuer's key looks like, with letters that nobody issued."""

import random
import string

_BASE62 = string.ascii_letters + string.digits
_HEX = "0123456789abcdef"


def kinds(seed: int) -> dict[str, str]:
    """Return kind to a fresh secret of that kind."""
    chance = random.Random(seed)  # noqa: S311 - nothing is protected by it

    def some(count: int, alphabet: str = _BASE62) -> str:
        return "".join(chance.choice(alphabet) for _ in range(count))

    upper = string.ascii_uppercase + string.digits
    return {
        "aws access key": "AKIA" + some(16, upper),
        "aws session key": "ASIA" + some(16, upper),
        "aws secret key": some(40, _BASE62 + "+/"),
        "github token": "ghp_" + some(36),
        "github server token": "ghs_" + some(36),
        "github fine token": "github_pat_" + some(22) + "_" + some(59),
        "gitlab token": "glpat-" + some(20),
        "slack bot": f"xoxb-{some(11, string.digits)}-{some(12, string.digits)}-{some(24)}",
        "slack app": f"xapp-1-{some(10, upper)}-{some(12, string.digits)}-{some(32, _HEX)}",
        "slack webhook": f"https://hooks.slack.com/services/T{some(8, upper)}/B{some(8, upper)}/{some(24)}",
        "discord webhook": f"https://discord.com/api/webhooks/{some(18, string.digits)}/{some(60)}",
        "teams webhook": f"https://example.webhook.office.com/webhookb2/{some(32, _HEX)}",
        "stripe": "sk_live_" + some(24),
        "stripe restricted": "rk_live_" + some(24),
        "stripe webhook": "whsec_" + some(32),
        "google api": "AIza" + some(35),
        "google oauth": "ya29." + some(60),
        "google client": "GOCSPX-" + some(28),
        "openai": "sk-proj-" + some(48),
        "anthropic": "sk-ant-api03-" + some(80),
        "hugging face": "hf_" + some(34),
        "replicate": "r8_" + some(37),
        "groq": "gsk_" + some(52),
        "npm": "npm_" + some(36),
        "pypi": "pypi-AgEIcHlwaS5vcmc" + some(60),
        "docker": "dckr_pat_" + some(27),
        "pulumi": "pul-" + some(40, _HEX),
        "vault": "hvs." + some(90),
        "digitalocean": "dop_v1_" + some(64, _HEX),
        "sendgrid": f"SG.{some(22)}.{some(43)}",
        "mailgun": "key-" + some(32, _HEX),
        "twilio": "SK" + some(32, _HEX),
        "facebook": "EAA" + some(60),
        "shopify": "shpat_" + some(32, _HEX),
        "square": "sq0csp-" + some(43),
        "new relic": "NRAK-" + some(27, upper),
        "grafana": "glsa_" + some(32) + "_" + some(8, _HEX),
        "databricks": "dapi" + some(32, _HEX),
        "linear": "lin_api_" + some(40),
        "postman": f"PMAK-{some(24, _HEX)}-{some(34, _HEX)}",
        "figma": "figd_" + some(40),
        "jwt": f"eyJhbGciOiJIUzI1NiJ9.eyJ{some(40)}.{some(43)}",
        "telegram": f"{some(9, string.digits)}:AA{some(33)}",
        "database address": f"postgres://risk:{some(12)}@db.example.com/risk",
        "bearer": f"Authorization: Bearer {some(30)}",
        "azure storage": f"DefaultEndpointsProtocol=https;AccountName=x;AccountKey={some(86)}==",
        "signed address": f"https://b.s3.amazonaws.com/o?X-Amz-Signature={some(64, _HEX)}",
        "bcrypt": f"$2b$12${some(53)}",
        "age": "AGE-SECRET-KEY-1" + some(58, upper),
        "private key": f"-----BEGIN PRIVATE KEY-----\n{some(64)}\n{some(64)}\n-----END PRIVATE KEY-----",
        "hexadecimal key": some(64, _HEX),
        "assigned": f"export DB_PASSWORD={some(14)}",
    }


def needles(kind: str, secret: str) -> list[str]:
    """Return the parts of a secret that must not show: the whole, or what of it is drawn by chance."""
    if kind == "private key":
        return secret.split("\n")[1:3]
    if kind == "database address":
        return [secret.split(":")[2].split("@", maxsplit=1)[0]]
    if kind in ("bearer", "assigned", "azure storage", "signed address"):
        return [secret.replace("=", " ").replace("==", "").split()[-1]]
    if kind == "jwt":
        return secret.split(".")[1:]
    return [secret]
