"""Requests and answers of the service."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

SIDE = 8
"""Pixels in a row and rows in an image, as in the data."""

DARKEST = 16
"""Value of a wholly inked pixel; 0 is paper. Each counts the inked of 4 x 4 pixels of the scan."""

Pixel = Annotated[int, Field(ge=0, le=DARKEST)]
Row = Annotated[list[Pixel], Field(min_length=SIDE, max_length=SIDE)]
Outcome = Literal["read", "refer_to_human"]
Reason = Literal["sure", "unsure", "unlike_training"]


class Image(BaseModel):
    """One image of one digit."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    pixels: Annotated[list[Row], Field(min_length=SIDE, max_length=SIDE)] = Field(
        description=f"{SIDE} rows from the top, each of {SIDE} pixels from the left, 0 (paper) to {DARKEST}."
    )


class Reading(BaseModel):
    """The answer to one image."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    request_id: str = Field(description="Identifies this answer in the logs.")
    decision: Outcome = Field(description="Whether the digit counts as read, or a person has to look.")
    reasons: list[Reason] = Field(description="Why.")
    digit: int = Field(ge=0, le=9, description="The likeliest digit, also where a person has to look.")
    confidence: float = Field(ge=0, le=1, description="Probability of that digit.")
    unlikeness: float = Field(ge=0, description="Distance from the training images; 1 is the border.")
    model_digest: str = Field(description="SHA-256 of the model file that gave the probability.")
