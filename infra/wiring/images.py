"""Where nodes pull images from: the stack's own registry, also those of others, which they cannot reach."""

from collections.abc import Mapping

import pulumi

from infra import naming
from infra.components.encryption_key import EncryptionKey
from infra.components.image_registry import ImageRegistry, ImageRegistryArgs
from infra.settings import Settings

FOREIGN = ("docker.io/", "nvcr.io/", "quay.io/", "registry.k8s.io/")
"""Public registries of others. An image of any other one is taken as it is given."""


def wanted(settings: Settings) -> list[str]:
    """Return the images of others that a stack runs."""
    found = [settings.cluster.autoscaler(), *settings.monitoring.images()]
    if settings.gpu.pools:
        found += [settings.gpu.device_plugin_image, settings.gpu.exporter_image]
    return found


def image(settings: Settings, given: str) -> str:
    """Return where nodes pull an image from: the stack's copy of a foreign one, or as it is given."""
    if not given.startswith(FOREIGN):
        return given
    name, digest = _named(given)
    aws = settings.aws
    copy = naming.repository(settings.environment, name, account_id=aws.account_id, region=aws.region)
    return f"{copy}@{digest}"


def own(
    settings: Settings, opts: pulumi.ResourceOptions, *, key: EncryptionKey
) -> Mapping[str, ImageRegistry]:
    """Build a repository for the images of each service."""
    return {service: _registry(settings, opts, service, key) for service in sorted(settings.services)}


def copies(
    settings: Settings, opts: pulumi.ResourceOptions, *, key: EncryptionKey
) -> Mapping[str, ImageRegistry]:
    """Build a repository for the copy of each foreign image."""
    names = sorted({_named(one)[0] for one in wanted(settings) if one.startswith(FOREIGN)})
    return {name: _registry(settings, opts, name, key) for name in names}


def _named(given: str) -> tuple[str, str]:
    """Return an image's name without its registry and folders, and its digest."""
    name, _, digest = given.rsplit("/", 1)[-1].partition("@")
    return name, digest


def _registry(
    settings: Settings, opts: pulumi.ResourceOptions, name: str, key: EncryptionKey
) -> ImageRegistry:
    return ImageRegistry(
        f"{name}-images",
        ImageRegistryArgs(
            repository_name=f"{naming.PROJECT}-{settings.environment}/{name}",
            key_arn=key.arn,
            account_id=settings.aws.account_id,
            keep_images=settings.registry.keep_images,
            untagged_days=settings.registry.untagged_days,
        ),
        opts,
    )
