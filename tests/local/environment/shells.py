"""The shell of somebody who works with real accounts and proxies all day."""

from pathlib import Path

from infra.local.paths import cache_dir

KEY_ID = "AKIA" + "Q3EXAMPLE7REAL00"
SECRET = "wJalr" + "XUtnFEMI/K7MDENG/bPxRfiCYREALLYREAL1"
"""Look like somebody's real key, so that a scanner must not meet them in one piece."""


def hostile(folder: Path, elsewhere: str) -> dict[str, str]:
    """Return the environment of somebody who works with real accounts and proxies all day."""
    (folder / ".aws").mkdir(parents=True)
    credentials, config = folder / ".aws" / "credentials", folder / ".aws" / "config"
    for section in ("default", "prod"):
        with credentials.open("a", encoding="utf-8") as file:
            file.write(f"[{section}]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n")
    config.write_text(f"[default]\nendpoint_url = {elsewhere}\n[profile prod]\nregion = us-west-2\n")
    proxies = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"), elsewhere)
    return {
        "HOME": str(folder),
        "PLINTH_CACHE": str(cache_dir()),
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": "FwoGZXIvYXdzEREAL",
        "AWS_PROFILE": "prod",
        "AWS_REGION": "us-west-2",
        "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        "AWS_CONFIG_FILE": str(config),
        "AWS_ENDPOINT_URL": elsewhere,
        "AWS_ENDPOINT_URL_S3": elsewhere,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{elsewhere}/credentials",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": elsewhere,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(credentials),
        "AWS_ROLE_ARN": "arn:aws:iam::999999999999:role/admin",
        "KUBECONFIG": str(folder / "kubeconfig-of-production"),
        "NO_PROXY": "*",
        **proxies,
        **{name.lower(): url for name, url in proxies.items()},
    }
