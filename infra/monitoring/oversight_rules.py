"""Whether people keep a model out of service, and whether they still could. Pure."""

from infra.monitoring.model import Alert, Group, Proof
from infra.monitoring.thresholds import number

_STOPPED = 'plinth_stopped{service="s"}'
_UNREAD = 'plinth_stop_unread_seconds{service="s"}'


def shared() -> Group:
    """Return the rules of the stop control, which are the same for every service."""
    return Group(
        name="oversight",
        alerts=(
            Alert(
                name="ServiceStopped",
                expr="max by (service) (plinth_stopped) == 1",
                for_seconds=0,
                severity="ticket",
                summary="people keep the model of {{ $labels.service }} out of service",
                description="The service gives its designed fallback; who stopped it and why is in the log.",
                proof=Proof(firing={_STOPPED: "1x20"}, silent={_STOPPED: "0x20"}, at=120),
            ),
            Alert(
                name="StopSwitchUnread",
                expr=f"max by (service) (plinth_stop_unread_seconds) > {number('stop_unread_seconds')}",
                for_seconds=0,
                severity="page",
                summary="{{ $labels.service }} has not read its stop switch for {{ $value | humanizeDuration }}",
                description="After 300 s the model is not asked any more, since nobody could stop it.",
                cause="synthetic",
                why_synthetic="the table would have to be away, and every other store with it on the local AWS API",
                proof=Proof(firing={_UNREAD: "180x20"}, silent={_UNREAD: "1x20"}, at=120),
            ),
        ),
    )
