"""The image definitions: what is baked, and a tag that follows from it."""

import tomllib
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
