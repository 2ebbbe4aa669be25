"""The order in which people read the lines found on a page: columns where there are any, else row by row. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

Point = tuple[float, float]
Box = tuple[Point, Point, Point, Point]
_GUTTER = 1.2
"""Of the line height: a narrower gap is a space between words."""
_PROSE = 4.0
"""Of the line height: shorter lines side by side are cells of a table, which is read across."""
_TALL = 1.5


@dataclass(frozen=True, slots=True)
class Extent:
    """The upright rectangle around a line; `index` is its place in the engine's answer."""

    left: float
    top: float
    right: float
    bottom: float
    index: int


def reading_order(boxes: Sequence[Box]) -> list[list[int]]:
    """Rows of line numbers, for the boxes of an upright page."""
    if not boxes:
        return []
    extents = [_extent(box, index) for index, box in enumerate(boxes)]
    line_height = median(extent.bottom - extent.top for extent in extents)
    return [[extent.index for extent in row] for row in _read(extents, line_height)]


def page_turn(boxes: Sequence[Box], upside_down: Sequence[bool]) -> int:
    """Degrees counter-clockwise that make the page upright: 0, 90, 180 or 270.

    `upside_down`: whether the engine turned a line by half to read it, after it had turned standing lines by a quarter.
    """
    if not boxes:
        return 0
    standing = sum(_is_tall(_extent(box, 0)) for box in boxes) > 0.6 * len(boxes)
    flipped = bool(upside_down) and sum(upside_down) > 0.5 * len(upside_down)
    return (90 if standing else 0) + (180 if flipped else 0)


def turned(box: Box, degrees: int, width: float, height: float) -> Box:
    """The box after its page of `width` and `height` was turned counter-clockwise."""
    moves: dict[int, Callable[[float, float], Point]] = {
        0: lambda x, y: (x, y),
        90: lambda x, y: (y, width - x),
        180: lambda x, y: (width - x, height - y),
        270: lambda x, y: (height - y, x),
    }
    first, second, third, fourth = (moves[degrees](x, y) for x, y in box)
    return first, second, third, fourth


def from_top_left(box: Box) -> Box:
    """The same corners, clockwise from the one nearest the top left."""
    start = min(range(4), key=lambda at: sum(box[at]))
    first, second, third, fourth = (box[(start + at) % 4] for at in range(4))
    return first, second, third, fourth


def _is_tall(extent: Extent) -> bool:
    return extent.bottom - extent.top > _TALL * (extent.right - extent.left)


def _extent(box: Box, index: int) -> Extent:
    across, down = [x for x, _ in box], [y for _, y in box]
    return Extent(min(across), min(down), max(across), max(down), index)


def _read(extents: list[Extent], line_height: float) -> list[list[Extent]]:
    """Blocks from top to bottom; in each the columns from left to right, in each of these again blocks."""
    rows: list[list[Extent]] = []
    for block in _blocks(_bands(extents), line_height):
        columns = _columns(block, line_height)
        if len(columns) > 1:
            rows += [row for column in columns for row in _read(column, line_height)]
        else:
            rows += _rows(block)
    return rows


def _bands(extents: list[Extent]) -> list[list[Extent]]:
    """Groups with nothing but white between them, from top to bottom."""
    bands: list[list[Extent]] = []
    bottom = float("-inf")
    for extent in sorted(extents, key=lambda one: one.top):
        if extent.top >= bottom or not bands:
            bands.append([])
        bands[-1].append(extent)
        bottom = max(bottom, extent.bottom)
    return bands


def _blocks(bands: list[list[Extent]], line_height: float) -> list[list[Extent]]:
    """Neighbouring bands joined while one gutter runs through them all; a band across it (a title) stands alone."""
    blocks: list[list[Extent]] = []
    for band in bands:
        if blocks and len(_split(blocks[-1] + band, line_height)) > 1:
            blocks[-1] = blocks[-1] + band
        else:
            blocks.append(band)
    return blocks


def _columns(block: list[Extent], line_height: float) -> list[list[Extent]]:
    """Columns of prose: at least two lines each, and long ones."""
    columns = _split(block, line_height)
    prose = all(
        len(column) > 1 and fmean(one.right - one.left for one in column) >= _PROSE * line_height for column in columns
    )
    return columns if prose else [block]


def _split(extents: list[Extent], line_height: float) -> list[list[Extent]]:
    """Groups with a gutter between them, from left to right."""
    groups: list[list[Extent]] = []
    right = float("-inf")
    for extent in sorted(extents, key=lambda one: one.left):
        if not groups or extent.left - right > _GUTTER * line_height:
            groups.append([])
        groups[-1].append(extent)
        right = max(right, extent.right)
    return groups


def _rows(extents: list[Extent]) -> list[list[Extent]]:
    """Lines whose middles are at the same height, from left to right."""
    rows: list[list[Extent]] = []
    for extent in sorted(extents, key=lambda one: one.top + one.bottom):
        middle = (extent.top + extent.bottom) / 2
        if rows and rows[-1][0].top <= middle <= rows[-1][0].bottom:
            rows[-1].append(extent)
        else:
            rows.append([extent])
    return [sorted(row, key=lambda one: one.left) for row in rows]
