"""Which fixtures a few controls cannot have, and why; all others need one of each."""

NEVER_UNKNOWN = {
    "key-is-protected": "an option of the engine, always known",
    **dict.fromkeys(
        (
            "log-is-encrypted",
            "queue-is-encrypted",
            "secret-is-encrypted",
            "topic-is-encrypted",
            "trail-is-encrypted-and-sent",
        ),
        "being set is the proof: the key may be yet to be made",
    ),
    "backup-restore-is-rehearsed": "that something exists is always known",
}
"""Controls that have no fixture with a value unknown at preview, and why there can be none."""
NEVER_ABSENT = {
    "pod-is-unprivileged": "absent is safe: Kubernetes' own default",
    "key-deletion-waits": "absent is safe: KMS itself waits for 30 days",
    "pod-takes-secrets-as-files": "absent is safe: no variable, no secret in it",
    "rbac-binds-no-cluster-admin": "absent is safe: Kubernetes refuses a binding without role",
    "rbac-gives-no-master-key": "absent is safe: no rule, no right",
    "rbac-names-what-it-allows": "absent is safe: no rule, no right",
    "secret-object-holds-no-value": "absent is what is asked for",
    "network-subnet-gives-no-public-address": "absent is safe: AWS gives none",
    "node-is-private": "absent is safe: the subnet decides, which is judged itself",
    "secret-is-not-in-the-program": "absent is safe: the value comes from elsewhere",
    "identity-is-no-user": "absent is safe: no user, or a policy attached to none",
}
"""Controls that have no violating fixture with an absent block, and why there can be none."""
