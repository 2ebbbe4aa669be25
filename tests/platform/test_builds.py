"""What stands in for building an image, and the rules before a deployment."""

import base64
import gzip
import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest

from gateway.platform import rules
from gateway.platform.builder import BuildFailed, build, read_environment
from gateway.platform.direct import arguments
from gateway.platform.identity import Refused
from gateway.platform.world import Account

DOCKERFILE = """\
FROM parachutes/python:3.12
WORKDIR /app
ADD req.txt /app/req.txt
RUN pip install -r /app/req.txt
ENV A=1
ADD pkg /app/pkg
"""
FILES = {"req.txt": "httpx", "pkg/a.py": "1", "pkg/sub/b.py": "2"}


def context(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


def test_the_files_lie_where_the_image_would_have_them(tmp_path: Path) -> None:
    log = list(build(DOCKERFILE, context(FILES), tmp_path / "image"))
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"image/app/req.txt", "image/app/pkg/a.py", "image/app/pkg/sub/b.py"}
    assert log[-1].startswith("not built")
    assert read_environment(DOCKERFILE) == {"A": "1"}


@pytest.mark.parametrize(
    ("dockerfile", "files", "words"),
    [
        (DOCKERFILE.replace("parachutes/", ""), FILES, "parachutes"),
        (DOCKERFILE, {"req.txt": ""}, '"/pkg": not found'),
        (DOCKERFILE.replace("ADD req.txt /app/req.txt\n", ""), FILES, "requirements file"),
        (DOCKERFILE + "ADD ../secret /app/x", FILES, "not found"),
        (DOCKERFILE + "ADD pkg /app/../../x", FILES, "outside the image"),
        (DOCKERFILE + "MOUNT x", FILES, "unknown instruction"),
        (DOCKERFILE, {"../evil": "x", **FILES}, "outside the build context"),
    ],
)
def test_a_build_that_would_fail_fails(tmp_path: Path, dockerfile: str, files: dict[str, str], words: str) -> None:
    with pytest.raises(BuildFailed, match=words):
        list(build(dockerfile, context(files), tmp_path / "image"))
    assert not (tmp_path / "evil").exists()


def test_a_context_must_be_a_zip(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="no zip"):
        list(build(DOCKERFILE, b"tar", tmp_path / "image"))


def request(**changes: Any) -> dict[str, Any]:
    cord = {"path": "/a", "public_api_path": "/v1/a", "public_api_method": "POST"}
    good = {"name": "chute", "filename": "a.py", "tagline": "", "readme": "", "code": "", "tee": True, "cords": [cord]}
    return {**good, "jobs": [], "node_selector": {"gpu_count": 1, "include": ["pro_6000"]}, **changes}


CORD = {"path": "/a", "public_api_path": "/v1/a"}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"name": "a"}, 422),
        ({"tagline": "x" * 1025}, 422),
        ({"readme": "x" * 16_385}, 422),
        ({"code": "x" * 150_001}, 422),
        ({"filename": "A.py"}, 422),
        ({"revision": "main"}, 422),
        ({"cords": []}, 400),
        ({"jobs": [{"name": "j"}]}, 400),
        ({"cords": [{**CORD, "path": "/A"}]}, 422),
        ({"cords": [{**CORD, "public_api_path": "/v1/{id}"}]}, 422),
        ({"cords": [{**CORD, "public_api_path": "/evidence"}]}, 422),
        ({"cords": [{**CORD, "public_api_method": "OPTIONS"}]}, 422),
        ({"public": True}, 400),
        ({"tee": False}, 403),
        ({"node_selector": {"gpu_count": 1, "include": ["h100"]}}, 403),
        ({"node_selector": {"gpu_count": 2, "include": ["pro_6000"]}}, 403),
        ({"node_selector": {"gpu_count": 1, "include": ["toaster"]}}, 400),
        ({"node_selector": {"gpu_count": 1, "include": ["pro_6000"], "min_vram_gb_per_gpu": 140}}, 400),
    ],
)
def test_what_the_platform_refuses(changes: dict[str, Any], status: int) -> None:
    rules.check_deployment(request(), open_rules=False)
    with pytest.raises(Refused) as refused:
        rules.check_deployment(request(**changes), open_rules=False)
    assert refused.value.status == status


def test_older_rules_allow_other_gpus_and_no_tee() -> None:
    rules.check_deployment(request(tee=False, node_selector={"gpu_count": 4, "include": ["h100"]}), open_rules=True)


def test_the_fee_is_three_hours_of_the_price_and_only_once() -> None:
    account = Account("u", "me", "5x", "cpk", balance=6.0)
    selector = request()["node_selector"]
    assert rules.check_fee(account, None, selector, accepted=True) == 5.4
    with pytest.raises(Refused, match="DEPLOYMENT FEE NOTICE"):
        rules.check_fee(account, None, selector, accepted=False)
    account.balance = 5.0
    with pytest.raises(Refused, match=r"balance of 5\.0"):
        rules.check_fee(account, None, selector, accepted=True)


def test_twenty_four_a_day() -> None:
    account = Account("u", "me", "5x", "cpk", deployed_at=[100.0] * 24)
    with pytest.raises(Refused, match="24"):
        rules.check_rate(account, 200.0)
    rules.check_rate(account, 100.0 + 86_401)


@pytest.mark.parametrize("name", ["PYTHONPATH", "HTTPS_PROXY", "LD_PRELOAD", "SGL_X"])
def test_secrets_that_would_change_the_runtime_are_refused(name: str) -> None:
    with pytest.raises(Refused):
        rules.check_secret(name)


def packed(value: object) -> str:
    return base64.b64encode(gzip.compress(pickle.dumps(value))).decode()


def test_arguments_of_the_sdk_are_read_as_plain_values() -> None:
    assert arguments({"args": packed(({"a": 1},)), "kwargs": packed({})}) == {"a": 1}
    assert arguments({"args": packed(()), "kwargs": packed({"a": [1, "x"]})}) == {"a": [1, "x"]}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"args": "no base64", "kwargs": packed({})},
        {"args": packed((os.system,)), "kwargs": packed({})},
        {"args": packed((Path("x"),)), "kwargs": packed({})},
        {"args": packed((1, 2)), "kwargs": packed(7)},
    ],
)
def test_arguments_that_are_more_than_plain_values_are_refused(document: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        arguments(document)
