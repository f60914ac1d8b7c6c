"""What every service uses: digests, verified models, quiet request errors, metrics."""

import os

# Since 1.29 ONNX Runtime tells its maker about process, device, model and errors unless this stands in the
# environment before it is loaded. It is loaded below this package only (``model.py``), so this is the place.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
