"""The documentation against the code: whatever people can set, call, meet or run is on a page, and examples work.

Rows of docs/acceptance.md: A000-22, A002-19.
"""

import argparse
import ast
import importlib
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Collection, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, get_args

import pytest
import yaml

import gateway
from chute_models.plan import read_defaults
from chute_models.spec import EngineConfig, read_config
from gateway.api import health, listing
from gateway.api.calls import MISSING
from gateway.api.paths import INFERENCE
from gateway.cli import _parser
from gateway.errors import ConfigError, GatewayError
from gateway.openai_api.operations import OPERATIONS
from gateway.providers.engines import EngineState
from gateway.settings import (
    ChuteSettings,
    KeyConfig,
    ModelConfig,
    ModelEntry,
    ProviderConfig,
    Settings,
    TargetConfig,
    load_settings,
)
from gateway.settings.models import PriceConfig
from gateway.settings.providers import ModelTypeName, Performance
from gateway.state import build_snapshot
from tests.api.running import MASTER, RunningGateway
from tests.api.test_files import pdf, picture, tone
from tests.fakes.board import FakeBoard, FakeEngine
from tests.fakes.upstream import Upstream

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = {path.name: path.read_text() for path in sorted(DOCS.glob("*.md"))}
FRONT = "../README.md"
TEXTS = {FRONT: (ROOT / "README.md").read_text(), **PAGES}
OURS = sorted(PAGES.keys() - {"chute.md", "demo-models.md"})
"""Pages whose YAML is all `gateway.yaml`; the two others show other files too."""
EVERYTHING = "\n".join(PAGES.values())
_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FILE = re.compile(
    r"`((?:gateway|chute_models|tests|docs|ui|deploy|images|requirements|examples|bench)/[\w./-]*\w)(?:::(\w+))?`"
)
_FORBIDDEN = re.compile(
    rf"{re.escape(str(ROOT.parent))}/|/(?:root|home|Users)/\w|\b(?:files|registry|index)\.\w+\.(?:org|com)\b"
)
"""Paths of whoever's machine this is, and hosts of package indexes."""


class Example(NamedTuple):
    page: str
    language: str
    mark: str
    text: str
    following: str
    """The block after it, for examples that fail and the message they give."""


def examples() -> list[Example]:
    found = []
    for page, text in TEXTS.items():
        blocks = [*_FENCE.findall(text), ("", "", "")]
        for (language, mark, body), (_, _, following) in pairwise(blocks):
            found.append(Example(page, language, mark.strip(), body, following))
    return found


EXAMPLES = examples()
RUN = [FRONT, "api.md", "jobs.md", "messages.md", "responses.md"]
"""Pages whose programs and calls are run as they stand, but for the address."""


def pick(*languages: str, pages: Collection[str] = TEXTS.keys(), begins: str = "") -> list[Any]:
    chosen = [e for e in EXAMPLES if e.language in languages and e.page in pages and e.text.startswith(begins)]
    return [pytest.param(example, id=f"{example.page}-{n}") for n, example in enumerate(chosen)]


def rows(page: str) -> list[list[str]]:
    """The cells of every table row of a page, without backticks."""
    lines = (line for line in PAGES[page].splitlines() if line.startswith("| "))
    return [[cell.strip().replace("`", "") for cell in line.strip("| ").split(" | ")] for line in lines]


def missing(words: Iterator[str] | list[str] | set[str], text: str) -> list[str]:
    return sorted(word for word in words if f"`{word}" not in text)


def generator() -> ModuleType:
    spec = spec_from_file_location("generate", DOCS / "generate.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- nothing is left out ---------------------------------------------------------------------------------


def test_the_generated_tables_are_current() -> None:
    rewrite = generator().rewrite
    stale = [name for name, text in PAGES.items() if rewrite(text) != text]
    assert not stale, "run .venv/bin/python docs/generate.py"


def test_every_setting_is_documented() -> None:
    page = PAGES["configuration.md"]
    in_file = generator().IN_FILE_ONLY
    assert missing({name.upper() for name in Settings.model_fields if name not in in_file}, page) == []
    assert missing({f"CHUTE_{name.upper()}" for name in ChuteSettings.model_fields}, page) == []
    sections = {name for name in in_file if not name.startswith("engine_")} | {"engines"}
    assert [name for name in sections if f"### {name}\n" not in page] == []


def test_every_key_of_the_file_is_documented() -> None:
    page = PAGES["configuration.md"]
    for part in (ProviderConfig, ModelEntry, Performance, TargetConfig, ModelConfig, KeyConfig, PriceConfig):
        names = part.model_fields.keys() - {"provider", "model", "upstream_model"}
        assert missing(set(names), page) == [], part.__name__
    assert missing(set(EngineConfig.__dataclass_fields__), PAGES["engines.md"]) == []


def test_every_choice_of_the_file_is_documented() -> None:
    page = PAGES["configuration.md"]
    assert missing([str(kind) for kind in get_args(ModelTypeName)], page) == []
    for part, name in ((ModelConfig, "policy"), (Performance, "retry_backoff")):
        assert missing([str(one) for one in get_args(part.model_fields[name].annotation)], page) == []


def test_the_default_engines_are_documented() -> None:
    for profile in read_defaults()["profiles"]:
        for name, engine in profile["engines"].items():
            assert any(engine["model"] in row for row in rows("engines.md")), (profile["name"], name)


def errors() -> list[type[GatewayError]]:
    """All classes of the tree, wherever in the package they are declared."""
    for module in pkgutil.walk_packages(gateway.__path__, "gateway."):
        if not module.name.endswith("__main__") and ".migrations." not in module.name:
            importlib.import_module(module.name)
    tree = [GatewayError]
    for one in tree:
        tree += one.__subclasses__()
    return [one for one in dict.fromkeys(tree) if one.__module__.startswith("gateway.")]


def codes() -> set[str]:
    """The codes of the classes, and those that are given by `code="…"` where an error is raised."""
    found = {str(one.code) for one in errors()}
    for path in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "code" and isinstance(node.value, ast.Constant):
                found.add(str(node.value.value))
    return found | set(MISSING.values())


def test_every_error_class_is_in_the_table_as_it_is() -> None:
    said = {row[0]: row[1:] for row in rows("errors.md") if len(row) == 6}
    word = {True: "yes", False: "no"}
    told = {
        one.__name__: [str(one.status), one.type, str(one.code), word[one.retryable], word[one.passes]]
        for one in errors()
    }
    del said["class"]
    assert said == told


def test_every_error_code_has_a_meaning_and_a_remedy() -> None:
    explained = {row[0] for row in rows("errors.md") if len(row) == 3 and all(row)}
    assert codes() - explained == set()


def test_every_endpoint_is_documented() -> None:
    page = PAGES["api.md"]
    routes = {route.path for route in listing.router.routes}  # type: ignore[attr-defined]
    paths = {*INFERENCE, *health.CHECKS, *routes}
    assert [path for path in paths if path.replace(":path", "") not in page] == []
    assert missing({operation.name for operation in OPERATIONS.values()}, page) == []


def command_words(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    """Every command, also those below another, and their options."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below, command in action.choices.items():
                yield f"{name} {below}"
                yield from command_words(f"{name} {below}", command)
        elif name != "gateway":
            yield from action.option_strings


def test_every_command_and_option_is_documented() -> None:
    page = PAGES["README.md"]
    words = list(command_words("gateway", _parser()))
    for script in ("chute_gateway.py", "deploy.sh"):
        words += re.findall(
            r"--[a-z][a-z-]+", "\n".join(re.findall(r"add_argument\(.*|^ +--.*\)", _text(script), re.M))
        )
    undocumented = [word for word in set(words) - {"-h", "--help"} if f"`{word}" not in page]
    assert undocumented == []


def _text(name: str) -> str:
    path = ROOT / name
    return path.read_text() if path.exists() else ""


def test_every_make_target_is_documented() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):(?!=)", _text("Makefile"), re.MULTILINE))
    assert missing({f"make {target}" for target in targets}, PAGES["README.md"]) == []


def test_every_direct_dependency_has_its_line() -> None:
    project = tomllib.loads(_text("pyproject.toml"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    for path in (ROOT / "requirements").glob("*.in"):
        wanted += [line for line in path.read_text().splitlines() if re.match(r"[A-Za-z]", line)]
    names = {re.split(r"[\[<>=;!~ ]", one, maxsplit=1)[0] for one in wanted}
    assert missing(names, PAGES["dependencies.md"]) == []


def test_every_state_of_an_engine_is_documented() -> None:
    assert missing({str(state) for state in EngineState}, PAGES["engines.md"]) == []


# --- pages hold together ---------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [DOCS / name for name in PAGES] + [ROOT / "README.md"], ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text() if page.exists() else ""
    for link in _LINK.findall(text):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), link


def test_every_page_is_in_the_index() -> None:
    assert [name for name in PAGES if name != "README.md" and f"({name})" not in PAGES["README.md"]] == []


@pytest.mark.parametrize("page", TEXTS)
def test_nothing_of_one_machine_is_in_a_page(page: str) -> None:
    assert not _FORBIDDEN.findall(TEXTS[page])


@pytest.mark.parametrize("page", TEXTS)
def test_files_that_a_page_names_exist(page: str) -> None:
    for name, function in _FILE.findall(TEXTS[page]):
        assert (ROOT / name).exists() or "NNNN" in name, name
        assert not function or f"def {function}(" in _text(name), f"{name}::{function}"


def test_functions_on_the_path_of_a_request_exist() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "gateway").rglob("*.py"))
    steps = [row[1] for row in rows("architecture.md") if row[0].isalnum() and row[0][0].isdigit()]
    assert len(steps) > 10
    for name in re.findall(r"[A-Za-z_.]+", " ".join(steps)):
        module = ROOT / "gateway" / name.replace(".", "/")
        known = module.is_dir() or module.with_suffix(".py").exists()
        assert known or re.search(rf"\b(?:def|class) {name.rpartition('.')[2]}\b", code), name


# --- examples work ---------------------------------------------------------------------------------------


def configure(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Load a `gateway.yaml` as the gateway would, with engines of the names that the pages use."""
    (folder / "gateway.yaml").write_text(text)
    monkeypatch.chdir(folder)
    given = set(re.findall(r"\$\{(\w+)\}", text)) - {"A_VARIABLE_NOBODY_SET"}
    loaded = load_settings(dict.fromkeys(given, "sk-0123456789abcdef"), Path("gateway.yaml"))
    for name, value in loaded.settings.engine_config.items():
        read_config(name, value)
    names = dict.fromkeys(["chat", "embedding", "whisper", "ocr", *loaded.settings.engine_config])
    kinds = {"embedding": "embedding", "whisper": "transcription", "ocr": "ocr"}
    board = FakeBoard(*(FakeEngine(name, kinds.get(name, "chat"), f"{name}-model", "") for name in names))
    build_snapshot(loaded.settings, board, MASTER)


@pytest.mark.parametrize("example", pick("yaml", pages=[FRONT, *OURS]))
def test_yaml_examples_load(example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if example.mark == "fails":
        with pytest.raises(ConfigError) as caught:
            configure(example.text, tmp_path, monkeypatch)
        assert caught.value.message == example.following.strip()
    else:
        configure(example.text, tmp_path, monkeypatch)


def test_the_example_file_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(_text("gateway.example.yaml"), tmp_path, monkeypatch)


def test_one_line_changes_of_engines_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = PAGES["engines.md"].partition("## One-line changes")[2].partition("\n## ")[0]
    lines = re.findall(r"^\|[^|]+\| `(\w+: .+)` \|$", section, re.MULTILINE)
    assert len(lines) >= 6
    for line in lines:
        yaml.safe_load(line)
        provider = 'providers: {chutes: {api_key: "${CHUTES_API_KEY}"}}'
        configure(f"{provider}\nengines:\n  {line}\n", tmp_path, monkeypatch)


@pytest.mark.parametrize("example", pick("json"))
def test_json_examples_parse(example: Example) -> None:
    json.loads(example.text)


@pytest.mark.parametrize("example", pick("python"))
def test_python_examples_compile(example: Example) -> None:
    compile(example.text, example.page, "exec")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, upstream_server: Upstream) -> Iterator[str]:
    """A gateway that has the model names of the pages, before a real upstream."""
    upstream_server.reset()
    url = upstream_server.url
    running = RunningGateway(
        tmp_path_factory.mktemp("state"),
        providers={
            "main": {"base_url": url, "models": [{"id": "gpt-x", "name": "chat", "type": "chat"}]},
            "more": {"base_url": url, "models": {
                "embedding": {"id": "text-embed", "name": "embedding"},
                "transcription": {"id": "whisper-1", "name": "whisper"},
            }},
            "pages": {"type": "chutes", "base_url": url, "models": [{"id": "dots-ocr", "name": "ocr", "type": "ocr"}]},
        },
        models={
            "demo-chat": {"provider": "main", "model": "gpt-x"},
            "all-MiniLM-L6-v2": {"provider": "more", "model": "text-embed"},
            "demo-whisper": {"provider": "more", "model": "whisper-1"},
        },
    )  # fmt: skip
    yield running.url
    running.stop()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the examples send."""
    folder = tmp_path_factory.mktemp("desk")
    for name, data in (("speech.wav", tone()), ("page.png", picture()), ("document.pdf", pdf(2))):
        (folder / name).write_bytes(data)
    (folder / "tests").symlink_to(ROOT / "tests")
    (folder / "state").mkdir()
    (folder / "state/master_key").write_text(MASTER)
    return folder


def run(command: list[str], desk: Path) -> str:
    environment = {"PATH": os.environ["PATH"], "GATEWAY_KEY": MASTER}
    done = subprocess.run(command, cwd=desk, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout and not re.search(r'"error":(?! ?null)', done.stdout)
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("example", pick("bash", "sh", pages=RUN, begins="curl "))
def test_curl_examples_work(example: Example, address: str, desk: Path) -> None:
    run(["bash", "-euc", example.text.replace("http://127.0.0.1:8000", address)], desk)


@pytest.mark.parametrize("example", pick("python", pages=RUN))
def test_python_examples_work(example: Example, address: str, desk: Path) -> None:
    run([sys.executable, "-c", example.text.replace("http://127.0.0.1:8000", address)], desk)


@pytest.mark.node
@pytest.mark.skipif(not (ROOT / "tests/node/node_modules/openai").is_dir(), reason="tests/node is not installed")
@pytest.mark.parametrize("example", pick("js", pages=RUN))
def test_node_examples_work(example: Example, address: str, desk: Path) -> None:
    if not (desk / "node_modules").exists():
        (desk / "node_modules").symlink_to(ROOT / "tests/node/node_modules")
    (desk / "example.mjs").write_text(example.text.replace("http://127.0.0.1:8000", address))
    run(["node", "example.mjs"], desk)
