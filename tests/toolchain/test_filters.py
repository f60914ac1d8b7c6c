import textwrap
from pathlib import Path

import pytest

from infra.errors import PlatformError
from infra.local.toolchain.filters import aws_services, kubernetes_components, python_host

REGISTRY = """\
    package sdkv2

    import (
    \t"slices"
    \t"github.com/hashicorp/terraform-provider-aws/internal/service/kms"
    \t"github.com/hashicorp/terraform-provider-aws/internal/service/s3"
    \t"github.com/hashicorp/terraform-provider-aws/internal/service/s3control"
    \t"github.com/hashicorp/terraform-provider-aws/internal/service/sqs"
    )

    func servicePackages() {
    \tv := []conns.ServicePackage{
    \t\tkms.ServicePackage(ctx),
    \t\ts3.ServicePackage(ctx),
    \t\ts3control.ServicePackage(ctx),
    \t\tsqs.ServicePackage(ctx),
    \t}
    }
"""
CLIENTS = """\
    package conns

    import (
    \t"context"

    \t"github.com/aws/aws-sdk-go-v2/service/kms"
    \tother "github.com/aws/aws-sdk-go-v2/service/s3"
    \t"github.com/aws/aws-sdk-go-v2/service/s3control"
    \t"github.com/aws/aws-sdk-go-v2/service/sqs"
    )

    func (c *AWSClient) KMSClient(ctx context.Context) *kms.Client {
    \treturn errs.Must(client[*kms.Client](ctx, c, names.KMS, make(map[string]any)))
    }

    func (c *AWSClient) S3Client(ctx context.Context) *other.Client {
    \treturn errs.Must(client[*other.Client](ctx, c, names.S3, make(map[string]any)))
    }

    func (c *AWSClient) S3ControlClient(ctx context.Context) *s3control.Client {
    \treturn errs.Must(client[*s3control.Client](ctx, c, names.S3Control, make(map[string]any)))
    }

    func (c *AWSClient) SQSClient(ctx context.Context) *sqs.Client {
    \treturn errs.Must(client[*sqs.Client](ctx, c, names.SQS, make(map[string]any)))
    }
"""
COMPONENTS = """\
    package provider

    import (
    \t"fmt"

    \tproviderhelmv4 "example.org/helm/v4"
    \tproviderresource "example.org/resource"
    \t"example.org/contract/v3"
    )

    // resourceProviders contains factories.
    var resourceProviders = map[string]providerresource.Factory{
    \t"kubernetes:helm.sh/v4:Chart": providerhelmv4.NewChart,
    }

    func (k *kube) get() (providerresource.Provider, error) {
    \tcontract.Assert(true)
    \treturn nil, fmt.Errorf("none")
    }
"""


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))


@pytest.fixture
def provider(tmp_path) -> Path:
    """Make a provider of four services, of which s3 imports s3control."""
    source = tmp_path / "provider"
    for service, name in {"kms": "KMS", "s3": "S3", "s3control": "S3Control", "sqs": "SQS"}.items():
        home = source / "internal/service" / service
        named = f"ServicePackageName() string {{\n\treturn names.{name}\n}}\n"
        _write(home / "service_package_gen.go", f'TypeName: "aws_{service}_thing",\n{named}')
        _write(home / "smarterr.hcl", "")
        _write(home / "thing_test.go", 'import "internal/service/sqs"\n')
        _write(home / "thing.go", f"x.{name}Client(ctx)\n")
    _write(source / "internal/service/s3/tags.go", 'import tf "example.org/internal/service/s3control"\n')
    _write(source / "internal/provider/sdkv2/service_packages_gen.go", REGISTRY)
    _write(source / "internal/conns/awsclient_gen.go", CLIENTS)
    _write(source / "website/page.md", "")
    for folder in (source / "internal/service/s3", source):
        folder.chmod(0o555)
    yield source
    for folder in (source, source / "internal/service/s3"):
        folder.chmod(0o755)


@pytest.fixture
def package(tmp_path) -> Path:
    folder = tmp_path / "aws"
    _write(folder / "resources.toml", '[resources]\naws_s3_thing = "aws:s3/thing:Thing"\n')
    return folder


def test_services_follow_from_the_table_and_what_they_import(provider, package, tmp_path):
    aws_services(provider, package, tmp_path / "copy")
    services = tmp_path / "copy/internal/service"

    assert {path.parent.name for path in services.glob("*/thing.go")} == {"s3", "s3control"}
    assert len(list(services.glob("*/smarterr.hcl"))) == 4
    assert not list(services.rglob("*_test.go"))
    assert not (tmp_path / "copy/website").exists()


def test_a_service_whose_client_is_asked_for_comes_along_though_nothing_imports_it(
    provider, package, tmp_path
):
    with (provider / "internal/service/s3control/thing.go").open("a") as file:
        file.write("x.KMSClient(ctx)\n")
    aws_services(provider, package, tmp_path / "copy")

    assert (tmp_path / "copy/internal/service/kms/thing.go").exists()
    assert (
        "kms.ServicePackage"
        in (tmp_path / "copy/internal/provider/sdkv2/service_packages_gen.go").read_text()
    )


def test_only_services_in_use_are_registered(provider, package, tmp_path):
    aws_services(provider, package, tmp_path / "copy")
    text = (tmp_path / "copy/internal/provider/sdkv2/service_packages_gen.go").read_text()

    assert "s3.ServicePackage" in text
    assert '"slices"' in text
    assert "s3control.ServicePackage" in text
    for name in ("kms", "sqs"):
        assert name not in text


def test_only_clients_that_are_called_are_left(provider, package, tmp_path):
    aws_services(provider, package, tmp_path / "copy")
    text = (tmp_path / "copy/internal/conns/awsclient_gen.go").read_text()

    assert "S3Client" in text
    assert "S3ControlClient" in text
    assert 'other "github.com/aws/aws-sdk-go-v2/service/s3"' in text
    assert "kms" not in text
    assert "sqs" not in text


def test_a_new_row_brings_its_service(provider, package, tmp_path):
    with (package / "resources.toml").open("a") as table:
        table.write('[functions]\naws_sqs_thing = "aws:sqs/getThing:getThing"\n')
    aws_services(provider, package, tmp_path / "copy")

    assert (tmp_path / "copy/internal/service/sqs/thing.go").exists()
    assert "SQSClient" in (tmp_path / "copy/internal/conns/awsclient_gen.go").read_text()


def test_a_type_that_no_service_has_is_refused_by_name(provider, package, tmp_path):
    (package / "resources.toml").write_text('[resources]\naws_s3_thign = "aws:s3/thing:Thing"\n')

    with pytest.raises(PlatformError, match="no type named aws_s3_thign"):
        aws_services(provider, package, tmp_path / "copy")


def test_a_provider_whose_registry_moved_is_refused(provider, package, tmp_path):
    path = provider / "internal/provider/sdkv2/service_packages_gen.go"
    path.write_text("package sdkv2\n")

    with pytest.raises(PlatformError, match="list of service packages is not where it was"):
        aws_services(provider, package, tmp_path / "copy")


def test_components_and_their_imports_go_and_the_rest_stays(tmp_path):
    source = tmp_path / "provider"
    _write(source / "pkg/provider/provider_construct.go", COMPONENTS)
    _write(source / "cmd/pulumi-resource-kubernetes/schema.json", "{}")
    (tmp_path / "kubernetes").mkdir()
    kubernetes_components(source, tmp_path / "kubernetes", tmp_path / "copy")
    text = (tmp_path / "copy/pkg/provider/provider_construct.go").read_text()

    assert "var resourceProviders = map[string]providerresource.Factory{}" in text
    assert "helm" not in text
    for kept in ('"fmt"', 'providerresource "example.org/resource"', '"example.org/contract/v3"'):
        assert kept in text
    assert (tmp_path / "kubernetes/schema.json").read_text() == "{}"


def test_a_provider_whose_components_moved_is_refused(tmp_path):
    source = tmp_path / "provider"
    _write(source / "pkg/provider/provider_construct.go", "package provider\n")

    with pytest.raises(PlatformError, match="resourceproviders is not where it was"):
        kubernetes_components(source, tmp_path, tmp_path / "copy")


def test_the_language_host_asks_for_unbuffered_output_first(tmp_path):
    _write(tmp_path / "host/main.go", "package main\n\nfunc main() {\n\tserve()\n}\n")
    python_host(tmp_path / "host", tmp_path, tmp_path / "copy")
    text = (tmp_path / "copy/main.go").read_text()

    assert 'func main() {\n\tos.Setenv("PYTHONUNBUFFERED", "1")\n\tserve()' in text


def test_a_language_host_without_a_main_is_refused(tmp_path):
    _write(tmp_path / "host/main.go", "package main\n")

    with pytest.raises(PlatformError, match="main function is not where it was"):
        python_host(tmp_path / "host", tmp_path, tmp_path / "copy")
