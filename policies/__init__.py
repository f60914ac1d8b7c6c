"""Controls that every change must pass before it touches anything.

One catalog, one core of pure checks over normalised properties, and several fronts that use it:
the Pulumi policy pack in this folder, :func:`policies.judge.evaluate` for tests and the command
line, and loaders for previews, state exports and Kubernetes manifests.
"""
