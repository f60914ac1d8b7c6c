"""One image repository: what was pushed cannot change, is scanned, and the way back is kept."""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.iam.statements import Statement, document

RELEASE_PREFIX = "release-"
"""Start of the tags of released images. They outlive all others: the rollback target is among them."""


@dataclass(frozen=True, kw_only=True)
class ImageRegistryArgs:
    """What a repository needs to know.

    Args:
        repository_name: Physical name, such as ``plinth-prod/credit-risk``.
        key_arn: Key that encrypts the images.
        account_id: The only account that may pull.
        keep_images: Images that are kept: released ones, and as many others.
        untagged_days: Days after which an image without any tag goes.
        disposable: Whether the repository may go with images in it.
    """

    repository_name: str
    key_arn: pulumi.Input[str]
    account_id: str
    keep_images: int
    untagged_days: int
    disposable: bool = False


class ImageRegistry(pulumi.ComponentResource):
    """A repository for the images of one service."""

    url: pulumi.Output[str]
    """Address of the repository, without tag or digest."""
    arn: pulumi.Output[str]
    """ARN of the repository."""

    def __init__(
        self, name: str, args: ImageRegistryArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Place the repository, who may pull, and what goes when."""
        super().__init__("plinth:registry:ImageRegistry", name, None, opts)
        repository = aws.ecr.Repository(
            name,
            name=args.repository_name,
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            encryption_configurations=[
                aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=args.key_arn)
            ],
            force_delete=args.disposable,
            tags={"plinth:data-class": "images"},
            opts=pulumi.ResourceOptions(parent=self),
        )
        child = pulumi.ResourceOptions(parent=self)
        aws.ecr.RepositoryPolicy(
            f"{name}-policy",
            repository=repository.name,
            policy=document(
                Statement(
                    sid="PullFromThisAccountOnly",
                    actions=[
                        "ecr:BatchCheckLayerAvailability",
                        "ecr:BatchGetImage",
                        "ecr:GetDownloadUrlForLayer",
                    ],
                    resources=["*"],
                    principals={"AWS": [f"arn:aws:iam::{args.account_id}:root"]},
                ),
                trust=True,  # a repository's policy names no resource: the repository is it
            ),
            opts=child,
        )
        aws.ecr.LifecyclePolicy(
            f"{name}-lifecycle",
            repository=repository.name,
            policy=lifecycle(keep_images=args.keep_images, untagged_days=args.untagged_days),
            opts=child,
        )
        self.url = repository.repository_url
        self.arn = repository.arn
        self.register_outputs({"url": self.url, "arn": self.arn})


def lifecycle(*, keep_images: int, untagged_days: int) -> str:
    """Return which images go, and when. An image that one rule claims is out of reach of the later ones.

    Args:
        keep_images: Images that are kept of either kind.
        untagged_days: Days after which an image without any tag goes.
    """

    def rule(priority: int, description: str, **selection: object) -> dict[str, object]:
        return {
            "rulePriority": priority,
            "description": description,
            "selection": selection,
            "action": {"type": "expire"},
        }

    return json.dumps(
        {
            "rules": [
                rule(
                    1,
                    "Released images: the newest stay, so that there is always a way back",
                    tagStatus="tagged",
                    tagPrefixList=[RELEASE_PREFIX],
                    countType="imageCountMoreThan",
                    countNumber=keep_images,
                ),
                rule(
                    2,
                    "Images without a tag go",
                    tagStatus="untagged",
                    countType="sinceImagePushed",
                    countUnit="days",
                    countNumber=untagged_days,
                ),
                rule(
                    3,
                    "Of all others the newest stay",
                    tagStatus="any",
                    countType="imageCountMoreThan",
                    countNumber=keep_images * 2,
                ),
            ]
        }
    )
