"""The checks before a deployment: each rule of the platform, and that the real entry file keeps them all.

Rows of docs/acceptance.md: A003-01, A003-02, A003-03.
"""

from configparser import ConfigParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.chute import checks

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "gpu_count": 1,
    "concurrency": 64,
    "max_instances": 1,
    "scaling_threshold": 0.75,
    "shutdown_after_seconds": 300,
    "revision": None,
}


@pytest.mark.parametrize("name", ["abc", "my-gateway2", "a" * 63])
def test_good_names(name: str) -> None:
    assert checks.check_texts(name, "me", "tagline", "readme") == []


@pytest.mark.parametrize("name", ["", "ab", "-abc", "abc-", "Abc", "a_b", "a.b", "a" * 64, "a b", "äbc", "abc\n"])
def test_bad_names(name: str) -> None:
    assert "chute name" in checks.check_texts(name, "me", "tagline", "readme")[0]


@pytest.mark.parametrize("username", ["", "-me", "Me", "me_too", "m" * 64])
def test_bad_usernames(username: str) -> None:
    assert "username" in checks.check_texts("abc", username, "tagline", "readme")[0]


def test_texts_have_limits() -> None:
    assert checks.check_texts("abc", "me", "t" * 99, "r" * 16_384) == []
    assert len(checks.check_texts("abc", "me", "t" * 100, "r" * 16_385)) == 2
    assert len(checks.check_texts("abc", "me", "", "")) == 2


def code(tmp_path: Path, text: str, name: str = "entry.py") -> Path:
    (tmp_path / "helper").mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_a_helper_package_that_is_missing_from_the_image_is_caught(tmp_path: Path) -> None:
    path = code(tmp_path, "import os\nimport helper.part\nfrom helper import x\n")
    assert checks.check_code(path, ["helper"]) == []
    assert checks.check_code(path, ["other"]) == ["entry.py imports helper, which is not in the image"]


def test_code_rules(tmp_path: Path) -> None:
    assert "torch" in checks.check_code(code(tmp_path, "import torch.cuda\n"), [])[0]
    assert checks.check_code(code(tmp_path, "def f():\n    import torch\n"), []) == []
    assert "lower case" in checks.check_code(code(tmp_path, "", "Entry.py"), [])[0]
    assert "150001" in checks.check_code(code(tmp_path, "#" * 150_001), [])[0]


def cord(path: str = "/a", public: str = "/v1/a-b", method: str = "POST") -> Any:
    return SimpleNamespace(path=path, public_api_path=public, method=method)


@pytest.mark.parametrize(
    "cords",
    [
        [cord("/A")],
        [cord("/a.b")],
        [cord("/a-b")],
        [cord("/1")],
        [cord("/")],
        [cord(public="/v1/{id}")],
        [cord(public="/v1/")],
        [cord(public=None)],  # type: ignore[arg-type]
        [cord(public="/evidence")],
        [cord(method="OPTIONS")],
        [cord("/a"), cord("/b")],
        [],
    ],
)
def test_bad_cords(cords: list[Any]) -> None:
    assert checks.check_cords(cords, [])


def test_cords_or_jobs() -> None:
    assert checks.check_cords([cord()], []) == []
    assert checks.check_cords([cord(), cord("/b", method="GET")], []) == []
    assert checks.check_cords([cord()], ["job"])


def test_image_rules() -> None:
    assert checks.check_image("gateway", "0a1b2c", "FROM parachutes/python:3.12\nRUN x", "0a1b2c") == []
    assert checks.check_image("gateway", "v1-0a1b2c", "FROM parachutes/python:3.12", "0a1b2c") == []
    assert "never builds a tag twice" in checks.check_image("gateway", "v1", "FROM parachutes/x", "0a1b2c")[0]
    assert "parachutes" in checks.check_image("gateway", "0a", "FROM python:3.12", "0a")[0]
    assert len(checks.check_image("ga", "0", "FROM parachutes/x", "0")) == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("gpu_count", 0),
        ("gpu_count", 9),
        ("concurrency", 257),
        ("max_instances", 101),
        ("scaling_threshold", 1.5),
        ("shutdown_after_seconds", 59),
        ("revision", "main"),
    ],
)
def test_scaling_rules(field: str, value: Any) -> None:
    assert checks.check_scaling(GOOD) == []
    assert field in checks.check_scaling({**GOOD, field: value})[0]


def account(**changes: str) -> ConfigParser:
    auth = dict.fromkeys(checks.AUTH_FIELDS, "x") | {"username": "me", "hotkey_seed": "1" * 64}
    parser = ConfigParser()
    parser.read_dict({"auth": {name: value for name, value in {**auth, **changes}.items() if value}})
    return parser


@pytest.mark.parametrize(
    ("include", "exclude", "least", "problem"),
    [
        (["pro_6000"], [], 80, ""),
        ([], [], 140, ""),
        ([], ["h200"], 80, ""),
        (["newest"], [], 140, ""),
        (["pro_6000", "newest"], [], 140, ""),
        (["pro_6000"], ["pro_6000"], 80, "include and exclude leave no GPU: pro_6000"),
        (["pro_6000", "a100"], ["h200"], 120, "has 120 GB (min_vram_gb_per_gpu): pro_6000 has 96, a100 has 80"),
        ([], ["h200"], 140, "no GPU that may be used has 140 GB"),
    ],
)
def test_a_node_selector_that_no_gpu_fits(include: list[str], exclude: list[str], least: int, problem: str) -> None:
    memories = {"pro_6000": 96, "a100": 80, "h200": 140}
    found = checks.check_gpus(include, exclude, least, memories)
    assert (problem in found[0]) if problem else found == []


def test_account_rules() -> None:
    path = Path("config.ini")
    assert checks.check_account(account(), path, "me") == []
    assert "register" in checks.check_account(ConfigParser(), path, "me")[0]
    assert "hotkey_name" in checks.check_account(account(hotkey_name=""), path, "me")[0]
    assert "32 bytes" in checks.check_account(account(hotkey_seed="11"), path, "me")[0]
    assert "names me" in checks.check_account(account(), path, "you")[0]


def test_a_key_written_into_a_baked_file_is_caught() -> None:
    document = {
        "master_api_key": "sk-1",
        "providers": {"a": {"api_key": "${A}", "base_url": "x"}, "b": {"api_key": "gsk_1"}, "c": {"api_keys": ["x"]}},
        "keys": [{"key": "sk-2", "name": "n"}, {"key": "${B:-}"}],
        "chute": {"require_key": True, "username": "me"},
    }
    found = " ".join(checks.check_baked_config(document, "gateway.yaml"))
    assert [
        name in found for name in ("master_api_key", "providers.b.api_key", "providers.c.api_keys", "keys.key")
    ] == [True] * 4
    assert "providers.a" not in found
    assert "require_key" not in found


@pytest.mark.parametrize("name", ["PYTHONPATH", "LD_PRELOAD", "HTTPS_PROXY", "SGL_X"])
def test_secrets_that_the_platform_refuses(name: str) -> None:
    assert checks.check_secrets([name])
    assert checks.check_secrets(["CHUTES_API_KEY"]) == []
