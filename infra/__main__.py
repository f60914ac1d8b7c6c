"""The Pulumi program: settings, guards, providers, the system, its outputs."""

import os

import pulumi

from infra import emulation, gate, program, providers, rehearsal, sdk
from infra.errors import PlinthError
from infra.settings import Settings

sdk.lighten()
try:
    settings = Settings.load()
    emulation.require_loopback(settings, os.environ)
    gate.require_accepted_preview(settings)
    rehearsal.require_judged(settings)
    program.build(settings, providers.build(settings)).export()
except PlinthError as error:
    raise pulumi.RunError(str(error)) from None  # the engine shows the message alone, no traceback
