"""Reading a page with rapidocr: its settings, and its answer put in order."""

from dataclasses import dataclass
from typing import Any

from chute_models.engines.arguments import Arguments
from chute_models.engines.ocr.order import Box, from_top_left, page_turn, reading_order, turned

_DETECTION_SIDE = 960


@dataclass(frozen=True, slots=True)
class Line:
    """`box`: four corners in pixels of the page as given, clockwise from its top left."""

    text: str
    score: float
    box: Box


@dataclass(frozen=True, slots=True)
class Page:
    """`lines` in reading order; `text` joins what stands in one row with spaces and rows with newlines."""

    width: int
    height: int
    text: str
    lines: tuple[Line, ...]


class Reader:
    """Made and used on the compute thread. The models are inside the rapidocr package."""

    def __init__(self, arguments: Arguments) -> None:
        self._engine = _make_engine(arguments.threads)

    def read(self, image: Any) -> Page:
        """`image`: PIL, RGB. A page that lies on its side or head is turned and read again."""
        first = self._pass(image, classify=True)
        found = first
        turn = page_turn([line.box for line in first.lines], first.upside_down)
        if turn or any(first.upside_down):
            again = self._pass(image.rotate(turn, expand=True), classify=False)
            if again.mean_score >= first.mean_score:
                found = again.turned_back(turn, image.width, image.height)
        upright = [turned(line.box, turn, image.width, image.height) for line in found.lines]
        rows = reading_order(upright)
        text = "\n".join(" ".join(found.lines[at].text for at in row) for row in rows)
        return Page(image.width, image.height, text, tuple(found.lines[at] for row in rows for at in row))

    def _pass(self, image: Any, *, classify: bool) -> "_Pass":
        import numpy

        self._engine.upside_down = []
        found = self._engine(numpy.ascontiguousarray(numpy.asarray(image)[:, :, ::-1]), use_cls=classify)
        texts = getattr(found, "txts", None)
        if not texts or found.boxes is None:
            return _Pass((), ())
        lines = tuple(
            Line(str(text), round(float(score), 4), _corners(box))
            for text, score, box in zip(texts, found.scores, found.boxes, strict=True)
        )
        return _Pass(lines, tuple(self._engine.upside_down))


@dataclass(frozen=True, slots=True)
class _Pass:
    """What one reading found, unordered. `upside_down`: lines the classifier turned by half before reading."""

    lines: tuple[Line, ...]
    upside_down: tuple[bool, ...]

    @property
    def mean_score(self) -> float:
        return sum(line.score for line in self.lines) / len(self.lines) if self.lines else 0.0

    def turned_back(self, turn: int, width: float, height: float) -> "_Pass":
        """With boxes on the page as it was given (`width`, `height`) before it was turned."""
        across, down = (height, width) if turn in (90, 270) else (width, height)
        back = (360 - turn) % 360
        lines = tuple(
            Line(line.text, line.score, from_top_left(turned(line.box, back, across, down))) for line in self.lines
        )
        return _Pass(lines, self.upside_down)


def _corners(box: Any) -> Box:
    first, second, third, fourth = ((round(float(x), 1), round(float(y), 1)) for x, y in box)
    return first, second, third, fourth


def _make_engine(threads: int) -> Any:
    from rapidocr import RapidOCR

    class Engine(RapidOCR):  # type: ignore[misc]  # untyped
        """Remembers which lines the classifier found upside down: the library drops that."""

        upside_down: list[bool]

        def cls_and_rotate(self, images: Any) -> Any:
            upright, result = super().cls_and_rotate(images)
            self.upside_down = [str(label) == "180" for label, _ in result.cls_res or []]
            return upright, result

    # The default would scale small images up: twice to twenty times the work for the same accuracy.
    return Engine(
        params={
            "Det.limit_type": "max",
            "Det.limit_side_len": _DETECTION_SIDE,
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Global.log_level": "error",
        }
    )
