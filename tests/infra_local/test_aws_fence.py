"""The local AWS API leads nowhere: other hosts, other pages, other ways out are refused."""

import http.client
import socket
import ssl
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError
from cryptography import x509

from infra.local import aws_api

pytestmark = pytest.mark.parts


def answer_to(api: Any, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", api.port), timeout=10) as connection:
        connection.sendall(request)
        return connection.recv(65536)


@pytest.mark.parametrize(
    "line",
    [
        "CONNECT example.com:443",
        "CONNECT 169.254.169.254:80",
        "CONNECT s3.amazonaws.com:22",
        "CONNECT motoapi.amazonaws.com:443",
        "CONNECT s3.amazonaws.com",
        "CONNECT :",
        "GET http://example.com/",
        "GET http://169.254.169.254/latest/meta-data/",
        "POST http://motoapi.amazonaws.com/moto-api/reset",
        "GET ftp://s3.amazonaws.com/",
        "GET http://[::1/",
    ],
)
def test_other_hosts_are_refused(shared: Any, line: str) -> None:
    host = line.split()[1].removeprefix("http://").split("/")[0]
    answer = answer_to(shared, f"{line} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert answer.startswith((b"HTTP/1.1 403", b"HTTP/1.1 400"))
    assert b"Connection established" not in answer


def test_who_was_asked_for_beyond_aws_is_counted(shared: Any) -> None:
    address = f"http://127.0.0.1:{shared.port}"
    for _ in range(2):
        answer_to(shared, b"CONNECT telemetry.example.com:443 HTTP/1.1\r\n\r\n")
    told = aws_api.health(address)
    assert told is not None
    assert told["refused_hosts"]["telemetry.example.com:443"] == 2

    for number in range(60):
        answer_to(shared, f"CONNECT host-{number}.example.com:443 HTTP/1.1\r\n\r\n".encode())
    told = aws_api.health(address)
    assert told is not None
    assert len(told["refused_hosts"]) <= 51
    assert told["refused_hosts"]["others"] >= 10


@pytest.mark.parametrize(
    "path", ["/", "/moto-api/reset", "/moto-api/data.json", "/moto-api/proxy/passthrough"]
)
def test_motos_own_control_pages_are_not_there(shared: Any, path: str) -> None:
    for host in (f"localhost:{shared.port}", "motoapi.amazonaws.com", "s3.amazonaws.com"):
        answer = answer_to(shared, f"POST {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 404")


def tunnel(api: Any, host: str) -> ssl.SSLSocket:
    connection = socket.create_connection(("127.0.0.1", api.port), timeout=10)
    connection.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
    assert b"200" in connection.recv(4096)
    context = ssl.create_default_context(cafile=str(api.folder / "aws-ca.crt"))
    return context.wrap_socket(connection, server_hostname=host)


def test_a_tunnel_to_aws_leads_to_no_other_host(shared: Any) -> None:
    with tunnel(shared, "s3.amazonaws.com") as inside:
        inside.sendall(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
        assert inside.recv(4096).startswith(b"HTTP/1.1 403")
    with tunnel(shared, "s3.amazonaws.com") as inside:
        inside.sendall(b"POST /moto-api/reset HTTP/1.1\r\nHost: motoapi.amazonaws.com\r\n\r\n")
        assert inside.recv(4096).startswith(b"HTTP/1.1 403")


def test_one_connection_serves_many_requests(shared: Any) -> None:
    with tunnel(shared, "sts.amazonaws.com") as inside:
        for _ in range(3):
            body = b"Action=GetCallerIdentity&Version=2011-06-15"
            inside.sendall(
                b"POST / HTTP/1.1\r\nHost: sts.amazonaws.com\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
            )
            answer = http.client.HTTPResponse(inside)
            answer.begin()
            assert answer.status == 200
            assert b"GetCallerIdentityResult" in answer.read()


def test_what_moto_does_not_know_is_said_and_not_tried_again(shared: Any) -> None:
    with pytest.raises(ClientError, match="does not emulate") as refused:
        shared.client("braket").search_devices(filters=[])
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert refused.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_an_answer_that_aws_would_refuse_is_refused(shared: Any) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        shared.client("s3").list_objects_v2(Bucket="absent")
    with pytest.raises(ClientError, match="404"):
        shared.client("s3").head_bucket(Bucket="absent")


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: x",
        "Content-Length: -5",
        "Content-Length: 999999999999",
        "Transfer-Encoding: chunked\r\n\r\nzz",
    ],
)
def test_malformed_requests_do_not_end_it(shared: Any, framing: str) -> None:
    head = "PUT http://s3.amazonaws.com/bucket HTTP/1.1\r\nHost: s3.amazonaws.com\r\n"
    assert answer_to(shared, f"{head}{framing}\r\n\r\n".encode()).startswith(b"HTTP/1.1 4")
    answer_to(shared, b"\x16\x03\x01 TLS where none is expected\r\n\r\n")
    assert aws_api.health(shared.url) is not None


def test_it_listens_on_loopback_only(shared: Any) -> None:
    listening = [
        c.laddr.ip
        for c in psutil.Process(shared.process.pid).net_connections()
        if c.status == psutil.CONN_LISTEN
    ]
    assert listening == ["127.0.0.1"]


def test_a_service_of_moto_that_would_call_out_cannot(shared: Any) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        listener.settimeout(2)
        sns = shared.client("sns")
        topic = sns.create_topic(Name="t")["TopicArn"]
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint)
        try:
            sns.publish(TopicArn=topic, Message="m")
        except ClientError as refused:
            assert "must not reach out" in str(refused)  # noqa: PT017 - either answer is right
        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.create_connection(('127.0.0.1', 9))",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
        "socket.getaddrinfo('localhost', 80)",
        "socket.gethostbyname('localhost')",
        "subprocess.run(['true'])",
        "os.system('true')",
    ],
)
def test_the_fence_holds(attempt: str) -> None:
    code = (
        "import os, socket, subprocess\n"
        "from infra.local.aws_api.fence import FenceError, raise_fence\n"
        "raise_fence()\n"
        f"try:\n    {attempt}\nexcept FenceError:\n    print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"


def test_the_authority_is_this_clones_own_and_good_for_aws_only(shared: Any) -> None:
    certificate = x509.load_pem_x509_certificate((shared.folder / "aws-ca.crt").read_bytes())
    known = resources.files("moto.moto_proxy").joinpath("ca.crt").read_bytes()
    assert certificate.public_key() != x509.load_pem_x509_certificate(known).public_key()
    constraint = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraint.critical
    assert {name.value for name in constraint.value.permitted_subtrees or []} == {
        "amazonaws.com",
        "amazonaws.com.cn",
        "api.aws",
    }
    assert (Path(shared.folder) / "aws-ca.key").stat().st_mode & 0o077 == 0
