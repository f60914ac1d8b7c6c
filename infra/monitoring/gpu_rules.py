"""GPUs, as the DCGM exporter and kube-state-metrics tell of them. Pure."""

from infra.monitoring.model import Alert, Group, Proof, Severity
from infra.monitoring.thresholds import THRESHOLDS, number, seconds

NO_GPU = "the local platform offers simulated GPUs, which have no driver that could tell"
_ON = '{gpu="0",Hostname="n"}'


def _alert(  # noqa: PLR0917 - a row of a table
    name: str, expr: str, after: int, severity: Severity, summary: str, description: str, proof: Proof
) -> Alert:
    return Alert(
        name=name,
        expr=expr,
        for_seconds=after,
        severity=severity,
        summary=summary,
        description=description,
        proof=proof,
        cause="synthetic",
        why_synthetic=NO_GPU,
    )


def rules() -> Group:
    """Return the rules of GPU pools."""
    idle, waiting = seconds("gpu_idle_minutes"), seconds("gpu_pending_minutes")
    used, free = f"DCGM_FI_DEV_FB_USED{_ON}", f"DCGM_FI_DEV_FB_FREE{_ON}"
    pod = '{namespace="gpu",pod="p",phase="Pending"}'
    return Group(
        name="gpu",
        alerts=(
            _alert(
                "GpuIdle",
                f"max_over_time(DCGM_FI_DEV_GPU_UTIL[15m]) < {number('gpu_idle_percent')}",
                idle,
                "ticket",
                "GPU {{ $labels.gpu }} of {{ $labels.Hostname }} does nothing and is paid for",
                f"Below {THRESHOLDS['gpu_idle_percent'].words} of compute; the node should have gone.",
                Proof(
                    firing={f"DCGM_FI_DEV_GPU_UTIL{_ON}": "1x120"},
                    silent={f"DCGM_FI_DEV_GPU_UTIL{_ON}": "40x120"},
                    at=idle + 900,
                ),
            ),
            _alert(
                "GpuSaturated",
                f"avg_over_time(DCGM_FI_DEV_GPU_UTIL[15m]) > {number('gpu_busy_percent')}",
                900,
                "ticket",
                "GPU {{ $labels.gpu }} of {{ $labels.Hostname }} is {{ $value | humanize }} percent busy",
                "Work waits for it; a larger pool or a smaller batch helps.",
                Proof(
                    firing={f"DCGM_FI_DEV_GPU_UTIL{_ON}": "99x120"},
                    silent={f"DCGM_FI_DEV_GPU_UTIL{_ON}": "60x120"},
                    at=2400,
                ),
            ),
            _alert(
                "GpuMemoryFull",
                "DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE) "
                f"> {number('gpu_memory_share')}",
                300,
                "ticket",
                "the memory of GPU {{ $labels.gpu }} of {{ $labels.Hostname }} is {{ $value | humanizePercentage }} full",
                "The next allocation fails, and the process with it.",
                Proof(firing={used: "98x40", free: "2x40"}, silent={used: "50x40", free: "50x40"}, at=600),
            ),
            _alert(
                "GpuXidError",
                "DCGM_FI_DEV_XID_ERRORS > 0",
                0,
                "page",
                "GPU {{ $labels.gpu }} of {{ $labels.Hostname }} reports XID {{ $value }}",
                "The driver reports a fault of the card, its memory or the program; some need a new node.",
                Proof(
                    firing={f"DCGM_FI_DEV_XID_ERRORS{_ON}": "79x20"},
                    silent={f"DCGM_FI_DEV_XID_ERRORS{_ON}": "0x20"},
                    at=300,
                ),
            ),
            _alert(
                "GpuThrottled",
                f"DCGM_FI_DEV_SM_CLOCK < {number('gpu_clock_share')} * max_over_time(DCGM_FI_DEV_SM_CLOCK[1d]) "
                f"and DCGM_FI_DEV_GPU_UTIL > {number('gpu_working_percent')}",
                600,
                "ticket",
                "GPU {{ $labels.gpu }} of {{ $labels.Hostname }} works at {{ $value }} MHz only",
                "It works and yet runs far below the fastest clock of the day: heat or power slows it.",
                Proof(
                    firing={
                        f"DCGM_FI_DEV_SM_CLOCK{_ON}": "1700x40 900x80",
                        f"DCGM_FI_DEV_GPU_UTIL{_ON}": "80x130",
                    },
                    silent={f"DCGM_FI_DEV_SM_CLOCK{_ON}": "1700x130", f"DCGM_FI_DEV_GPU_UTIL{_ON}": "80x130"},
                    at=3000,
                ),
            ),
            _alert(
                "GpuHot",
                f"DCGM_FI_DEV_GPU_TEMP > {number('gpu_hot_celsius')}",
                300,
                "ticket",
                "GPU {{ $labels.gpu }} of {{ $labels.Hostname }} is {{ $value }} degrees hot",
                "It slows down to protect itself.",
                Proof(
                    firing={f"DCGM_FI_DEV_GPU_TEMP{_ON}": "92x40"},
                    silent={f"DCGM_FI_DEV_GPU_TEMP{_ON}": "60x40"},
                    at=600,
                ),
            ),
            _alert(
                "GpuPoolStarved",
                'sum by (namespace, pod) (kube_pod_status_phase{namespace="gpu",phase="Pending"}) > 0',
                waiting,
                "ticket",
                "pod {{ $labels.pod }} has waited {{ $labels.namespace }} for a GPU",
                "The pool is full, its quota is spent, or AWS has no capacity of this type.",
                Proof(
                    firing={f"kube_pod_status_phase{pod}": "1x60"},
                    silent={f"kube_pod_status_phase{pod}": "0x60"},
                    at=waiting + 60,
                ),
            ),
        ),
    )
