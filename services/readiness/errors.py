"""Errors of services and of their builds."""


class ServiceError(Exception):
    """A mistake that the reader can act on.

    Args:
        what: One sentence that names the thing and shows the value. Never holds what a client sent.
        where: The file or key in which it was found.
        fix: What to do next, best a command.
    """

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        """Keep the parts, so that a program can show them apart."""
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        """Return the whole message, one line for each of what, where and fix."""
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.fix:
            lines.append(f"  fix:   {self.fix}")
        return "\n".join(lines)


class DataError(ServiceError):
    """A data set is missing or is not what its schema says."""


class TrainingError(ServiceError):
    """A trained model missed a limit, so it was not written."""


class ModelRefusedError(ServiceError):
    """A model folder is incomplete, altered, or made for other features; it was not loaded."""


class ContractError(ServiceError):
    """A readiness contract is missing, wrong, or not signed as it must be."""
