"""No hostile environment survives, and a run that is not isolated is refused."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import PlatformError
from infra.local import isolation
from infra.local.supervisor.status import Platform

HOSTILE = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_SDK_LOAD_CONFIG",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CA_BUNDLE",
    "AWS_SSO_SESSION",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AMAZON_KEY",
    "AWS_CREDENTIAL_EXPIRATION",
    "_AWS_X",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "FTP_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "Https_Proxy",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "BOTO_CONFIG",
    "BOTO_PATH",
    "REQUEST_METHOD",
    "KUBECONFIG",
    "KUBE_CONFIG_PATH",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_MASTER",
    "TF_AWS_X",
    "EC2_URL",
    "S3_URL",
    "ECS_CONTAINER_METADATA_URI_V4",
    "IMDS_ENDPOINT",
    "LOCALSTACK_HOSTNAME",
    "MOTO_S3_CUSTOM_ENDPOINTS",
    "GODEBUG",
    "PLINTH_INSTANCE",
    "PULUMI_K8S_KUBECONFIG",
]

SECRET = "from-the-hostile-environment"


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path))
    folder = tmp_path / "local" / "aws"
    folder.mkdir(parents=True)
    (folder / "instance").write_text("this-clone")
    return Platform(
        pid=1,
        started=0,
        endpoints={"aws_proxy": "http://127.0.0.1:9"},
        files={"aws_ca": str(folder / "aws-ca.crt"), "kubeconfig": str(tmp_path / "kubeconfig")},
    )


names = st.one_of(
    st.sampled_from(HOSTILE),
    st.sampled_from(HOSTILE).map(str.lower),
    st.from_regex(r"\A(AWS|aws|Aws)_[A-Z_]{1,20}\Z"),
    st.from_regex(r"\A[A-Za-z]{1,8}_(PROXY|proxy)\Z"),
)


@settings(max_examples=200, deadline=None)
@given(
    hostile=st.dictionaries(
        names, st.text(alphabet="abc:/.", max_size=8).map(lambda text: SECRET + text), max_size=12
    )
)
def test_no_value_of_a_hostile_environment_survives(hostile: dict[str, str], tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    described = Platform(
        pid=1,
        started=0,
        endpoints={"aws_proxy": "http://127.0.0.1:9"},
        files={"aws_ca": str(folder / "ca"), "kubeconfig": "k"},
    )
    env = isolation.local_env({"PATH": "/bin", **hostile}, described)
    assert not [name for name, value in env.items() if SECRET in value]
    assert env["PATH"] == "/bin"
    assert env == isolation.local_env({"PATH": "/bin"}, described)


def test_the_whole_environment_is_known(platform: Platform) -> None:
    base = {"HOME": "/home/u", "PULUMI_HOME": "/p", **dict.fromkeys(HOSTILE, SECRET)}
    env = isolation.local_env(base, platform)
    nothing = env["AWS_CONFIG_FILE"]
    assert env == {
        "HOME": "/home/u",
        "PULUMI_HOME": "/p",
        "AWS_ACCESS_KEY_ID": "PLINTHLOCALDUMMYKEY0",
        "AWS_SECRET_ACCESS_KEY": isolation.SECRET_KEY,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": nothing,
        "AWS_SHARED_CREDENTIALS_FILE": nothing,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CA_BUNDLE": platform.files["aws_ca"],
        "KUBECONFIG": platform.files["kubeconfig"],
        **dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), "http://127.0.0.1:9"),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost,::1"),
    }
    assert Path(nothing).read_bytes() == b""


def test_what_was_written_into_the_empty_file_is_removed(platform: Platform) -> None:
    path = Path(isolation.local_env({}, platform)["AWS_CONFIG_FILE"])
    path.write_text("[default]\ncredential_process = steal\n")
    isolation.local_env({}, platform)
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    ("where", "name"), [("endpoints", "aws_proxy"), ("files", "aws_ca"), ("files", "kubeconfig")]
)
def test_all_or_nothing(platform: Platform, where: str, name: str) -> None:
    del getattr(platform, where)[name]
    with pytest.raises(PlatformError, match="no local run can be isolated"):
        isolation.local_env({}, platform)


@pytest.fixture
def answering() -> Iterator[Callable[[str], str]]:
    """Return a function that starts a server with this body for every request, and gives its address."""
    servers: list[HTTPServer] = []

    def start(body: str) -> str:
        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: Any) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Page)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


GOOD = '{"service": "plinth-aws-api", "instance": "this-clone"}'


def test_an_isolated_run_with_an_answering_proxy_goes_on(
    platform: Platform, answering: Callable[[str], str]
) -> None:
    platform.endpoints["aws_proxy"] = answering(GOOD)
    isolation.require_proxy(isolation.local_env({}, platform))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"service": "plinth-aws-api", "instance": "another"}', "belongs to another clone"),
        ("{}", "no Plinth AWS API answers"),
        ("<html>", "no Plinth AWS API answers"),
        ("[]", "no Plinth AWS API answers"),
    ],
)
def test_whoever_else_answers_is_refused(
    platform: Platform, answering: Callable[[str], str], body: str, reason: str
) -> None:
    platform.endpoints["aws_proxy"] = answering(body)
    with pytest.raises(PlatformError, match=reason):
        isolation.require_proxy(isolation.local_env({}, platform))


def test_a_dead_proxy_is_refused(platform: Platform) -> None:
    with pytest.raises(PlatformError, match="no Plinth AWS API answers"):
        isolation.require_proxy(isolation.local_env({}, platform))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"HTTPS_PROXY": "http://127.0.0.1:1"}, "do not all name"),
        ({"https_proxy": None}, "do not all name"),
        (
            dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), "http://10.0.0.1:9"),
            "do not all",
        ),
        ({"NO_PROXY": "*"}, "NO_PROXY"),
        ({"no_proxy": "amazonaws.com"}, "NO_PROXY"),
        ({"AWS_ACCESS_KEY_ID": "AKIAREAL"}, "AWS_ACCESS_KEY_ID"),
        ({"AWS_SECRET_ACCESS_KEY": None}, "AWS_SECRET_ACCESS_KEY"),
        ({"AWS_CONFIG_FILE": "/home/u/.aws/config"}, "AWS_CONFIG_FILE"),
        ({"AWS_CA_BUNDLE": "/etc/ssl/cert.pem"}, "AWS_CA_BUNDLE"),
        ({"AWS_EC2_METADATA_DISABLED": "false"}, "AWS_EC2_METADATA_DISABLED"),
        ({"AWS_SESSION_TOKEN": "x"}, "AWS_SESSION_TOKEN must not be set"),
        ({"AWS_ENDPOINT_URL": "x"}, "AWS_ENDPOINT_URL must not be set"),
        ({"all_proxy": "x"}, "all_proxy must not be set"),
    ],
)
def test_a_run_that_is_not_isolated_is_refused(
    platform: Platform, answering: Callable[[str], str], change: dict[str, str | None], reason: str
) -> None:
    platform.endpoints["aws_proxy"] = answering(GOOD)
    env: dict[str, Any] = {**isolation.local_env({}, platform), **change}
    with pytest.raises(PlatformError, match=reason) as refused:
        isolation.require_proxy({name: value for name, value in env.items() if value is not None})
    assert "AKIAREAL" not in str(refused.value)


def test_a_region_of_its_own_is_allowed(platform: Platform, answering: Callable[[str], str]) -> None:
    platform.endpoints["aws_proxy"] = answering(GOOD)
    isolation.require_proxy({**isolation.local_env({}, platform), "AWS_REGION": "eu-central-1"})
