"""Synthetic series of what a laptop has not: GPUs, backups, bills. For pictures that say so."""

import math
import time
from collections.abc import Callable, Mapping

DAY = 86_400.0
GPUS = 4
_BEGIN = time.time()


def _wave(period: float, low: float, high: float, shift: float = 0.0) -> float:
    share = 0.5 + 0.5 * math.sin(2 * math.pi * ((time.time() - _BEGIN) / period + shift))
    return round(low + (high - low) * share, 3)


def gpus() -> str:
    """Return what a DCGM exporter would tell of four cards, and kube-state-metrics of a waiting pod."""
    lines = []
    for number in range(GPUS):
        labels = f'{{gpu="{number % 2}",Hostname="gpu-{number // 2}"}}'
        busy = _wave(240, 5, 95, number / GPUS) if number < GPUS - 1 else 0.0
        used = round(8_000 + 600 * busy)
        lines += [
            f"DCGM_FI_DEV_GPU_UTIL{labels} {busy}",
            f"DCGM_FI_DEV_FB_USED{labels} {used}",
            f"DCGM_FI_DEV_FB_FREE{labels} {80_000 - used}",
            f"DCGM_FI_DEV_GPU_TEMP{labels} {round(38 + busy * 0.4, 1)}",
            f"DCGM_FI_DEV_POWER_USAGE{labels} {round(70 + busy * 5.5, 1)}",
            f"DCGM_FI_DEV_XID_ERRORS{labels} 0",
        ]
    waiting = int(_wave(240, 0, 1.99))
    lines.append(f'kube_pod_status_phase{{namespace="gpu",pod="training-7",phase="Pending"}} {waiting}')
    return "\n".join(lines) + "\n"


def operations(services: Mapping[str, int]) -> Callable[[], str]:
    """Return what an operations exporter would tell.

    Args:
        services: Pods by service.
    """

    def page() -> str:
        now = time.time()
        lines = [
            'plinth_audit_recording{record="trail"} 1',
            'plinth_cost_spent_share{stack="prod"} 0.41',
            'plinth_month_elapsed_share{stack="prod"} 0.47',
            f'plinth_backup_age_seconds{{vault="prod"}} {now - _BEGIN + 5 * 3600:.0f}',
            f'plinth_audit_silence_seconds{{record="trail"}} {_wave(300, 20, 320):.0f}',
            'plinth_audit_recording{record="trail"} 1',
            f'plinth_certificate_expires_timestamp_seconds{{certificate="gateway"}} {now + 61 * DAY:.0f}',
            'plinth_fairness_ratio{service="credit-risk",attribute="age"} 0.55',
            'plinth_fairness_limit{service="credit-risk",attribute="age"} 0.45',
        ]
        for number, (service, pods) in enumerate(services.items()):
            own = f'{{service="{service}"}}'
            lines += [
                f"plinth_contract_valid{own} 1",
                f"plinth_contract_expires_timestamp_seconds{own} {now + (190 + number) * DAY:.0f}",
                f"plinth_decision_log_unshipped_seconds{own} {_wave(60, 1, 58, number / 2):.0f}",
                f"plinth_review_waiting_cases{own} {round(_wave(600, 3, 40, number / 2))}",
                f"plinth_review_oldest_seconds{own} {round(_wave(900, 600, 14_000, number / 2))}",
                *(f"plinth_service_pods_{state}{own} {pods}" for state in ("wanted", "ready", "updated")),
            ]
        return "\n".join(lines) + "\n"

    return page
