"""Errors of the policy system that a person can act on."""


class PolicyError(Exception):
    """Something that was given to the policy system cannot be used.

    Args:
        what: One sentence that names the thing.
        where: File, key or resource in which it was found.
        fix: What to do next.
    """

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
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
