"""Requests and answers of the service."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.readiness.answers import AnswerBase

SIDE = 8
"""Pixels in a row and rows in an image, as in the data."""

DARKEST = 16
"""Value of a wholly inked pixel; 0 is paper. Each counts the inked of 4 x 4 pixels of the scan."""

Pixel = Annotated[int, Field(ge=0, le=DARKEST)]
Row = Annotated[list[Pixel], Field(min_length=SIDE, max_length=SIDE)]
Outcome = Literal["read", "refer_to_human"]


class Image(BaseModel):
    """One image of one digit."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    pixels: Annotated[list[Row], Field(min_length=SIDE, max_length=SIDE)] = Field(
        description=f"{SIDE} rows from the top, each of {SIDE} pixels from the left, 0 (paper) to {DARKEST}."
    )


class Reading(AnswerBase):
    """The answer to one image."""

    decision: Outcome = Field(description="Whether the digit counts as read, or a person has to look.")
    digit: int | None = Field(
        ge=0,
        le=9,
        description="The likeliest digit, also where a person has to look; null when there is no model.",
    )
