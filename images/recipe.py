"""What goes into an image, and the tag that follows from it. Called by the entry file and by both image definitions."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chutes.image import Image

APP = "/app"
"""Where the platform puts the entry file and starts it."""

_PLAIN_VALUE = re.compile(r"[\w./:@,-]*\Z", re.ASCII)
_BUILT = frozenset({"__pycache__"})


@dataclass(frozen=True)
class Recipe:
    """`baked` are files and folders of the project root, copied to the same place below `/app`.

    `environment` holds what the instance must know of the deployer's settings: only the entry file is uploaded, so
    they would else be defaults there. Values may hold no spaces or quotes (Dockerfile ENV). Never secrets.
    """

    username: str
    name: str
    tag: str
    base: str
    readme: str
    baked: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def start(recipe: Recipe) -> Image:
    image = Image(username=recipe.username, name=recipe.name, tag=recipe.tag, readme=recipe.readme)
    return image.from_base(recipe.base).set_user("chutes").set_workdir(APP)


def finish(image: Image, recipe: Recipe) -> Image:
    """The parts that change most often come last, so that the layers before them stay cached."""
    for name, value in sorted({"PYTHONPATH": APP, **recipe.environment}.items()):
        if not _PLAIN_VALUE.match(value):
            raise ValueError(f"{name} cannot be an image's environment variable: {value!r}")
        image.with_env(name, value)
    for source in recipe.baked:
        image.add(source, f"{APP}/{source}")
    return image


def content_tag(root: Path, baked: Iterable[str], *recipe: str) -> str:
    """A tag that changes exactly when a baked file or a line of `recipe` does: the platform refuses to build a tag
    twice, and a changed package under an old tag would silently not be deployed. Same input, same tag, on any machine.
    """
    digest = hashlib.sha256()
    for path in sorted(_files(root, baked)):
        _feed(digest, path.relative_to(root).as_posix().encode())
        _feed(digest, path.read_bytes())
    for line in recipe:
        _feed(digest, line.encode())
    return digest.hexdigest()[:12]


def _files(root: Path, baked: Iterable[str]) -> Iterator[Path]:
    for name in baked:
        path = root / name
        found = path.rglob("*") if path.is_dir() else [path]
        yield from (file for file in found if file.is_file() and not _BUILT & set(file.parts))


def _feed(digest: "hashlib._Hash", part: bytes) -> None:
    digest.update(len(part).to_bytes(8, "big") + part)
