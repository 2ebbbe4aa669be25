"""The image definitions: what is baked, and a tag that follows from it.

Rows of docs/acceptance.md: A003-04.
"""

import ast
import re
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest

import images.gpu
import images.slim
from images import Recipe, content_tag

ROOT = Path(__file__).resolve().parents[2]


def tree(root: Path) -> Path:
    for name, text in {"gateway/a.py": "a", "gateway/static/x.html": "x", "models/b.py": "b"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def recipe(**environment: str) -> Recipe:
    return Recipe(
        "me", "chute-gateway", "abc123", "parachutes/python:3.12", "readme", ("gateway", "images"), environment
    )


def test_the_same_content_has_the_same_tag_anywhere(tmp_path: Path) -> None:
    one, two = tree(tmp_path / "one"), tree(tmp_path / "two")
    (two / "gateway" / "__pycache__").mkdir()
    (two / "gateway" / "__pycache__" / "a.pyc").write_text("compiled")
    (two / "elsewhere.py").write_text("not baked")
    assert content_tag(one, ["gateway", "models"], "x") == content_tag(two, ["models", "gateway"], "x")


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "gateway" / "a.py").write_text("A"),
        lambda root: (root / "gateway" / "new.py").write_text(""),
        lambda root: (root / "gateway" / "a.py").rename(root / "gateway" / "c.py"),
        lambda root: (root / "gateway" / "static" / "x.html").unlink(),
    ],
)
def test_any_change_of_what_is_baked_changes_the_tag(tmp_path: Path, change: object) -> None:
    root = tree(tmp_path)
    before = content_tag(root, ["gateway", "models"], "x")
    change(root)  # type: ignore[operator]
    assert content_tag(root, ["gateway", "models"], "x") != before


def test_the_recipe_is_part_of_the_tag(tmp_path: Path) -> None:
    root = tree(tmp_path)
    assert content_tag(root, ["gateway"], "x") != content_tag(root, ["gateway"], "y")
    assert content_tag(root, ["gateway"], "ab", "c") != content_tag(root, ["gateway"], "a", "bc")


@pytest.mark.parametrize("kind", [images.gpu, images.slim])
def test_an_image_holds_the_packages_and_the_settings(kind: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    dockerfile = str(kind.build(recipe(CHUTE_CONCURRENCY="7"))).splitlines()  # type: ignore[attr-defined]
    assert dockerfile[0] == "FROM parachutes/python:3.12"
    assert {"ADD gateway /app/gateway", "ADD images /app/images"} <= set(dockerfile)
    assert {"ENV PYTHONPATH=/app", "ENV CHUTE_CONCURRENCY=7"} <= set(dockerfile)
    assert [line for line in dockerfile if line.startswith("USER")][-1] == "USER chutes"


def test_only_the_gpu_image_has_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert "ENV CHUTE_ENGINE_PYTHON=/opt/engines/bin/python" in str(images.gpu.build(recipe()))
    assert "vllm" in (ROOT / images.gpu.REQUIREMENTS).read_text()
    assert "engines" not in str(images.slim.build(recipe()))


@pytest.mark.parametrize("value", ["two words", 'a"b', "a\nRUN x", "$(x)"])
def test_what_a_dockerfile_would_misread_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(ValueError, match="NAME"):
        images.slim.build(recipe(NAME=value))


def test_the_image_installs_what_the_project_declares() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    lines = (ROOT / images.slim.REQUIREMENTS).read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == declared


def _closure(names: set[str]) -> set[str]:
    """Distributions with all that they require, by their normal names."""
    found: set[str] = set()
    wanted = {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=;!~ ]", name, maxsplit=1)[0]).lower() for name in names}
    while wanted:
        name = wanted.pop()
        found.add(name)
        try:
            lines = requires(name) or []
        except PackageNotFoundError:
            continue
        plain = (re.split(r"[\[<>=;!~ (]", line, maxsplit=1)[0] for line in lines if "extra ==" not in line)
        wanted |= {re.sub(r"[-_.]+", "-", one).lower() for one in plain} - found
    return found


def test_what_the_instance_imports_is_installed_in_the_image() -> None:
    """Requirements of the image and what the platform's own SDK brings; the emulated platform runs here alone."""
    listed = (ROOT / "images" / "gateway.txt").read_text().splitlines()
    installed = _closure({line for line in listed if line and not line.startswith("#")} | {"chutes"})
    by_module = packages_distributions()
    missing = {}
    for path in [*(ROOT / "gateway").rglob("*.py"), ROOT / "chute_gateway.py"]:
        local = path.relative_to(ROOT)
        if local.parts[1:2] == ("platform",) or local.as_posix() == "gateway/chute/instance.py":
            continue
        for module in _imported(path):
            names = {re.sub(r"[-_.]+", "-", name).lower() for name in by_module.get(module, [])}
            if names and not names & (installed | {"chute-gateway"}):
                missing[local.as_posix()] = module
    assert missing == {}


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names
