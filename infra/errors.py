"""Errors that a person can act on.

Every mistake that a user can make ends in a :class:`PlinthError`: it names the thing, shows the
value, and says the next command. The command line prints it without a traceback and exits with
its code, so scripts can tell a refused change from a broken machine.
"""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of ``./plinth``; scripts may rely on them."""

    OK = 0
    FAILED = 1
    """Something that should have worked did not."""
    USAGE = 2
    """The command line itself is wrong."""
    SETTINGS = 3
    """A stack file or an environment variable holds a mistake."""
    REFUSED = 4
    """A policy, a gate or a missing approval forbids the change; nothing was touched."""
    BUSY = 5
    """Another run holds the environment; try again when it has ended."""
    PLATFORM = 6
    """The local platform, the toolchain or the machine is not fit (port, disk, download)."""
    STATE = 7
    """The stack's state cannot be read (corrupt file, wrong passphrase)."""
    DIFFERS = 8
    """What is there is not what was promised, or not what the program left."""
    STOPPED = 130
    """Somebody pressed Ctrl-C; what was done is kept."""


class Stopped(BaseException):
    """The run was asked to stop. Passes every ``except Exception`` on its way out."""


class PlinthError(Exception):
    """A mistake or a refusal that the reader can act on.

    Args:
        what: One sentence that names the thing and shows the value (secrets masked).
        where: The file, key or resource in which it was found.
        fix: What to do next, best a command.
        code: The exit code with which the command line ends.
    """

    code: Exit = Exit.FAILED

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        fix: str | None = None,
        code: Exit | None = None,
    ) -> None:
        """Keep the parts, so that a program may ask for them."""
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        """Return the whole message, one line for each of what, where and fix."""
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.fix:
            lines.append(f"  fix:   {self.fix}")
        return "\n".join(lines)


class SettingsError(PlinthError):
    """All mistakes of a stack file at once."""

    code = Exit.SETTINGS


class RefusedError(PlinthError):
    """A gate said no before any resource was touched."""

    code = Exit.REFUSED


class BusyError(PlinthError):
    """Another run holds the lock."""

    code = Exit.BUSY


class PlatformError(PlinthError):
    """A part of the local platform or of the toolchain is missing or broken."""

    code = Exit.PLATFORM


class StateError(PlinthError):
    """The stack's state cannot be read."""

    code = Exit.STATE
