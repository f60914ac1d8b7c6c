"""Whether a text looks as if it held a credential. It never says which part of the text."""

import re

_SHAPES = re.compile(
    r"""
      \b(?:AKIA|ASIA)[0-9A-Z]{16}\b                    # access key of AWS
    | -----BEGIN\ (?:[A-Z]+\ )*PRIVATE\ KEY-----       # private key
    | \bgh[pousr]_[A-Za-z0-9]{36}\b                    # token of GitHub
    | \bxox[abprs]-[A-Za-z0-9-]{10,}                   # token of Slack
    | \beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\. # JSON web token
    | (?i:aws_secret_access_key|password|passwd|secret_key|api_?key|auth_?token)\s*[=:]\s*["']?[^\s"'${]{8,}
    """,
    re.VERBOSE,
)
_NAMES = re.compile(
    r"(?i)(?:^|_)(?:password|passwd|secret|token|api_?key|private_?key|secret_?(?:access_?)?key|credentials?)$"
)
"""Ends of names whose value is a credential; a name that goes on (``TOKEN_FILE``) says where to find one."""


def holds_secret(text: str) -> bool:
    """Whether a text has the shape of a credential somewhere in it."""
    return _SHAPES.search(text) is not None


def names_secret(name: str) -> bool:
    """Whether a variable's name says that its value is a credential, and not where to find one."""
    return _NAMES.search(name) is not None
