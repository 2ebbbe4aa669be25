"""OCR answers: parsed from the shapes that engines and chutes give, rendered in our own and in Mistral's shape."""

from dataclasses import dataclass
from enum import StrEnum


class OcrShape(StrEnum):
    """The shape of the answer follows from that of the request."""

    SIMPLE = "simple"
    MISTRAL = "mistral"


@dataclass(frozen=True, slots=True)
class Line:
    """One found line in reading order. `box` are four corners (x, y) in pixels of the page, clockwise from top-left."""

    text: str
    score: float | None = None
    box: tuple[tuple[float, float], ...] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """`width` and `height` in pixels, None where unknown."""

    text: str
    width: int | None = None
    height: int | None = None
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class OcrResult:
    pages: tuple[Page, ...]

    @property
    def text(self) -> str:
        return "\n\n".join(page.text for page in self.pages if page.text)
