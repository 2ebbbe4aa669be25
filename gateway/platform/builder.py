"""What stands in for building an image: the context is unpacked as the Dockerfile's ADD lines say, and checked.

There is no container runtime here: nothing of a RUN line is executed and no base image is fetched. What is recorded is
a folder with the files that the image would hold below its root, and its environment. Called by `images`.
"""

import io
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

MAX_CONTEXT = 2 * 2**30
MAX_FILES = 100_000


class BuildFailed(Exception):
    """The message is the line of the log that says why."""


def build(dockerfile: str, context: bytes, root: Path) -> Iterator[str]:
    """Yields the lines of the log while it works; raises BuildFailed. `read_environment` gives the environment."""
    shutil.rmtree(root, ignore_errors=True)
    unpacked = root.with_name(f"{root.name}.context")
    try:
        yield f"unpacking {len(context) / 2**20:.1f} MB of build context"
        _unpack(context, unpacked)
        lines = [line for line in dockerfile.splitlines() if line.strip()]
        for number, line in enumerate(lines, 1):
            yield f"STEP {number}/{len(lines)}: {line}"
            yield from _step(line, unpacked, root)
        yield "not built: this platform has no container runtime; files and instructions were checked and recorded"
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


def read_environment(dockerfile: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in dockerfile.splitlines():
        if line.startswith("ENV "):
            name, _, value = line[4:].partition("=")
            found[name.strip()] = value.strip()
    return found


def _step(line: str, context: Path, root: Path) -> Iterator[str]:
    word, _, rest = line.partition(" ")
    if word == "FROM":
        if not rest.startswith("parachutes/"):
            raise BuildFailed(f"base image {rest}: only parachutes/* may be used")
    elif word in ("ADD", "COPY"):
        yield f"  {_add(rest, context, root)} files"
    elif word == "RUN":
        _check_requirements(rest, root)
        yield "  (checked, not executed)"
    elif word not in ("ENV", "USER", "WORKDIR", "ENTRYPOINT", "MAINTAINER", "LABEL"):
        raise BuildFailed(f"unknown instruction: {word}")


def _unpack(context: bytes, folder: Path) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(context)) as archive:
            infos = archive.infolist()
            if len(infos) > MAX_FILES or sum(info.file_size for info in infos) > MAX_CONTEXT:
                raise BuildFailed("the build context is too large")
            for info in infos:
                if PurePosixPath(info.filename).is_absolute() or ".." in PurePosixPath(info.filename).parts:
                    raise BuildFailed(f"{info.filename}: a path outside the build context")
            archive.extractall(folder)
    except zipfile.BadZipFile:
        raise BuildFailed("the build context is no zip file") from None


def _add(arguments: str, context: Path, root: Path) -> int:
    """Copies a file, or what a folder holds, as Docker does. The number of files."""
    words = [word for word in arguments.split() if not word.startswith("--")]
    if len(words) != 2:
        raise BuildFailed(f"ADD takes a source and a destination: {arguments}")
    source, target = (context / words[0]).resolve(), _inside(root, words[1])
    if not source.is_relative_to(context.resolve()) or not source.exists():
        raise BuildFailed(f'failed to compute cache key: "/{words[0]}": not found')
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
        return sum(1 for file in source.rglob("*") if file.is_file())
    if words[1].endswith("/"):
        target = target / source.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    return 1


def _check_requirements(command: str, root: Path) -> None:
    """`pip install -r FILE` needs the file in the image by then."""
    words = command.split()
    for n, word in enumerate(words[:-1]):
        if word in ("-r", "--requirement") and not _inside(root, words[n + 1]).is_file():
            raise BuildFailed(f"could not open requirements file: {words[n + 1]}")


def _inside(root: Path, path: str) -> Path:
    target = (root / path.lstrip("/")).resolve()
    if not target.is_relative_to(root.resolve()):
        raise BuildFailed(f"{path}: outside the image")
    return target
