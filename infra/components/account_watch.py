"""Who watches the account while nobody looks: threats, weak settings, access from outside."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

FEATURES: dict[str, tuple[str, ...]] = {
    "S3_DATA_EVENTS": (),
    "EKS_AUDIT_LOGS": (),
    "EBS_MALWARE_PROTECTION": (),
    "RUNTIME_MONITORING": ("EKS_ADDON_MANAGEMENT",),
}
"""GuardDuty features to the parts of each; runtime monitoring brings its agent to EKS as an add-on."""
STANDARD = "aws-foundational-security-best-practices/v/1.0.0"
"""Security Hub standard; its controls are updated by AWS without a new version."""


@dataclass(frozen=True, kw_only=True)
class AccountWatchArgs:
    """What the watch needs to know.

    Args:
        watch_name: Name of the analyzer.
        region: Region that is watched.
        threat_detection: Whether GuardDuty looks for threats.
        posture: Whether Security Hub compares settings with the standard.
        access_analyzer: Whether Access Analyzer reports what identities outside the account can reach.
    """

    watch_name: str
    region: str
    threat_detection: bool
    posture: bool
    access_analyzer: bool


class AccountWatch(pulumi.ComponentResource):
    """GuardDuty with its EKS features, Security Hub with the foundational standard, Access Analyzer."""

    region: pulumi.Output[str]
    """Region that is watched."""

    def __init__(self, name: str, args: AccountWatchArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place what the settings ask for."""
        super().__init__("plinth:audit:AccountWatch", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        if args.threat_detection:
            _threat_detection(self, name)
        if args.posture:
            hub = aws.securityhub.Account(
                f"{name}-hub",
                enable_default_standards=False,  # the standard below is the one that is looked after
                control_finding_generator="SECURITY_CONTROL",
                auto_enable_controls=True,
                opts=child,
            )
            aws.securityhub.StandardsSubscription(
                f"{name}-standard",
                standards_arn=f"arn:aws:securityhub:{args.region}::standards/{STANDARD}",
                opts=pulumi.ResourceOptions(parent=self, depends_on=[hub]),
            )
        if args.access_analyzer:
            aws.accessanalyzer.Analyzer(
                f"{name}-analyzer", analyzer_name=args.watch_name, type="ACCOUNT", opts=child
            )
        self.region = pulumi.Output.from_input(args.region)
        self.register_outputs({"region": self.region})


def _threat_detection(parent: pulumi.Resource, name: str) -> None:
    detector = aws.guardduty.Detector(
        f"{name}-detector",
        enable=True,
        finding_publishing_frequency="FIFTEEN_MINUTES",  # the shortest; what is found again waits that long
        opts=pulumi.ResourceOptions(parent=parent),
    )
    before: list[pulumi.Resource] = []
    for feature, parts in FEATURES.items():
        # Each one changes the same detector; two at once would be refused.
        before = [
            aws.guardduty.DetectorFeature(
                f"{name}-{feature.lower().replace('_', '-')}",
                detector_id=detector.id,
                name=feature,
                status="ENABLED",
                additional_configurations=[
                    aws.guardduty.DetectorFeatureAdditionalConfigurationArgs(name=part, status="ENABLED")
                    for part in parts
                ],
                opts=pulumi.ResourceOptions(parent=parent, depends_on=before),
            )
        ]
