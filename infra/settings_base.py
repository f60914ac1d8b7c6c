"""What every part of the settings tree is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}[a-z0-9]$")]
NAME_RULE = (
    "a name has 2 to 32 lower-case letters, digits and dashes: it becomes part of names that AWS limits"
)
REGION_PATTERN = r"^[a-z]{2}(-[a-z]+)+-\d$"
IMAGE_PATTERN = r"^[a-z0-9][a-z0-9./_-]*@sha256:[0-9a-f]{64}$"


class Frozen(BaseModel):
    """A part of the settings: cannot be changed, refuses unknown keys, converts nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
