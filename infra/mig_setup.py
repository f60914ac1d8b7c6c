"""The script that partitions the GPUs of a node before it joins the cluster. Pure.

Not run on hardware by this project; ``./plinth doctor`` says so. It follows NVIDIA's MIG user guide: MIG mode
is switched on, which some GPUs take over only after a restart, and instances are made anew at each start,
since they do not outlive one. EKS's AL2023 images start the kubelet after cloud-init, so the service below is
done before any pod can ask for a GPU; when it fails, the node does not join.
"""

UNIT = "plinth-mig.service"

_SCRIPT = """\
#!/bin/bash
set -euo pipefail

cat > /usr/local/sbin/plinth-mig <<'SCRIPT'
#!/bin/bash
# Every GPU of this node in {instances} instances of {profile}.
set -euo pipefail
nvidia-smi --multi-instance-gpu=1
if nvidia-smi --query-gpu=mig.mode.current --format=csv,noheader | grep -qv Enabled; then
  # Taken over with a restart; a second time would be a loop.
  [[ -e /var/lib/plinth-mig-restarted ]] && exit 1
  touch /var/lib/plinth-mig-restarted
  systemctl reboot
  sleep infinity
fi
nvidia-smi mig --destroy-compute-instance || true
nvidia-smi mig --destroy-gpu-instance || true
nvidia-smi mig --create-gpu-instance {wanted} --default-compute-instance
SCRIPT
chmod 0755 /usr/local/sbin/plinth-mig

cat > /etc/systemd/system/{unit} <<'SERVICE'
[Unit]
Description=Partition the GPUs
After=nvidia-persistenced.service
Before=kubelet.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/plinth-mig
[Install]
WantedBy=multi-user.target
RequiredBy=kubelet.service
SERVICE
systemctl daemon-reload
systemctl enable --now {unit}
"""


def script(profile: str, instances: int) -> str:
    """Return the script.

    Args:
        profile: MIG profile, such as ``1g.10gb``; checked by the settings, so that it is no shell code.
        instances: How many instances of it fit on one GPU.
    """
    wanted = ",".join([profile] * instances)
    return _SCRIPT.format(profile=profile, instances=instances, wanted=wanted, unit=UNIT)
