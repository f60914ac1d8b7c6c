"""The Pulumi program: settings, guards, providers, the system, its outputs."""

import os

import pulumi

from infra import collecting

collecting.rarely()  # before the imports that make most of what would be looked at

from infra import emulation, gate, program, providers, rehearsal, sdk  # noqa: E402 - see above
from infra.errors import PlinthError  # noqa: E402
from infra.settings import Settings  # noqa: E402

sdk.lighten()
try:
    settings = Settings.load()
    emulation.require_loopback(settings, os.environ)
    gate.require_accepted_preview(settings)
    rehearsal.require_judged(settings)
    program.build(settings, providers.build(settings)).export()
except PlinthError as error:
    raise pulumi.RunError(str(error)) from None  # the engine shows the message alone, no traceback
