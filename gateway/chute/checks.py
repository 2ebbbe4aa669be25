"""What must hold before a deployment is sent. Pure: facts in, problems out. Called by `preflight`.

Each rule repeats one of the platform's own (platform-contract §4), because its tools tell late or exit 0 on errors.
"""

import ast
import re
from collections.abc import Collection, Mapping, Sequence
from configparser import ConfigParser
from pathlib import Path
from typing import Any

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
CORD_PATH = re.compile(r"(/[a-z][a-z0-9_]*)+\Z")
PUBLIC_PATH = re.compile(r"(/[a-z][a-z0-9_-]*)+\Z")
IMAGE_PART = re.compile(r"[a-z0-9][a-z0-9_.-]*\Z")
RESERVED = frozenset({"/evidence", "/hf_info"})
METHODS = frozenset({"GET", "POST"})
HEAVY = frozenset({"torch", "vllm", "transformers", "sglang", "diffusers"})
REFUSED_SECRET = re.compile(r"python|sglang|^sgl_|^ld_|proxy", re.IGNORECASE)
REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-[^}]*)?\}")

MAX_TAGLINE, MAX_README, MAX_CODE = 100, 16_384, 150_000
AUTH_FIELDS = ("username", "user_id", "hotkey_seed", "hotkey_name", "hotkey_ss58address")


def check_texts(name: str, username: str, tagline: str, readme: str) -> list[str]:
    problems = []
    if not NAME.match(name) or len(name) < 3:
        problems.append(f"chute name {name!r}: 3 to 63 lower-case letters, digits and hyphens, none at either end")
    if not NAME.match(username):
        problems.append(
            f"username {username!r}: lower-case letters, digits and hyphens, at most 63, none at either end"
        )
    if not 0 < len(tagline) < MAX_TAGLINE:
        problems.append(f"tagline has {len(tagline)} characters: 1 to {MAX_TAGLINE - 1}")
    if not 0 < len(readme) <= MAX_README:
        problems.append(f"readme has {len(readme)} characters: 1 to {MAX_README}")
    return problems


def check_code(path: Path, baked: Collection[str]) -> list[str]:
    """Only this one file is uploaded: what it imports of ours must be in the image."""
    code = path.read_text()
    problems = []
    if path.name != path.name.lower():
        problems.append(f"{path.name}: the file name must be lower case")
    if len(code) > MAX_CODE:
        problems.append(f"{path.name} has {len(code)} characters: at most {MAX_CODE}")
    imported = _top_level_imports(code)
    problems += [f"{path.name} imports {name} at top level: it runs on this machine too" for name in imported & HEAVY]
    ours = {name for name in imported if (path.parent / name).is_dir() or (path.parent / f"{name}.py").is_file()}
    problems += [f"{path.name} imports {name}, which is not in the image" for name in sorted(ours - set(baked))]
    return problems


def _top_level_imports(code: str) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(code).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def check_cords(cords: Sequence[Any], jobs: Sequence[Any]) -> list[str]:
    """`cords` have `path`, `public_api_path` and `method`."""
    problems = []
    if bool(cords) == bool(jobs):
        problems.append("a chute has either cords or jobs")
    for cord in cords:
        if not CORD_PATH.match(cord.path):
            problems.append(f"cord path {cord.path}: words of a-z, 0-9 and _ that begin with a letter")
        if not PUBLIC_PATH.match(cord.public_api_path or ""):
            problems.append(f"public path {cord.public_api_path}: words of a-z, 0-9, _ and - that begin with a letter")
        if RESERVED & {cord.path, cord.public_api_path}:
            problems.append(f"path {cord.public_api_path} is the platform's own")
        if cord.method not in METHODS:
            problems.append(f"{cord.public_api_path}: method {cord.method} is not carried, only GET and POST")
    pairs = [(cord.public_api_path, cord.method) for cord in cords]
    problems += [
        f"two cords answer {method} {path}" for path, method in sorted({p for p in pairs if pairs.count(p) > 1})
    ]
    return problems


def check_image(name: str, tag: str, dockerfile: str, content: str) -> list[str]:
    """`content` is the tag that follows from what is baked."""
    problems = []
    if len(name) < 3 or not IMAGE_PART.match(name):
        problems.append(f"image name {name!r}: at least 3 of a-z, 0-9, '.', '_' and '-'")
    if len(tag) < 2 or not IMAGE_PART.match(tag):
        problems.append(f"image tag {tag!r}: at least 2 of a-z, 0-9, '.', '_' and '-'")
    base = dockerfile.partition("\n")[0].removeprefix("FROM ").strip()
    if not base.startswith("parachutes/"):
        problems.append(f"base image {base}: the platform builds only FROM parachutes/*")
    if content not in tag:
        problems.append(
            f"image tag {tag!r} does not carry the content's hash {content}: the platform never builds a tag twice,"
            " so a change would not reach the instances (leave CHUTE_IMAGE_TAG empty)"
        )
    return problems


def check_scaling(facts: Mapping[str, Any]) -> list[str]:
    """`facts`: gpu_count, concurrency, max_instances, scaling_threshold, shutdown_after_seconds, revision."""
    ranges = {
        "gpu_count": (1, 8),
        "concurrency": (1, 256),
        "max_instances": (1, 100),
        "scaling_threshold": (0, 1),
        "shutdown_after_seconds": (60, 604_800),
    }
    problems = [
        f"{name} is {facts[name]}: {low} to {high}"
        for name, (low, high) in ranges.items()
        if not low <= facts[name] <= high
    ]
    revision = facts.get("revision")
    if revision is not None and not re.match(r"[0-9a-f]{40}\Z", revision):
        problems.append(f"revision {revision!r}: 40 hexadecimal digits or none")
    return problems


def check_gpus(
    include: Collection[str], exclude: Collection[str], least: int, memories: Mapping[str, int]
) -> list[str]:
    """`least` is the memory that a GPU must have, `memories` that of the GPUs we know of, both in GB. One that we do
    not know may have any."""
    left = [name for name in include or memories if name not in exclude]
    if include and not left:
        return [f"include and exclude leave no GPU: {', '.join(include)}"]
    too_small = [name for name in left if memories.get(name, least) < least]
    if left != too_small:
        return []
    told = ", ".join(f"{name} has {memories[name]}" for name in too_small)
    return [f"no GPU that may be used has {least} GB (min_vram_gb_per_gpu): {told}"]


def check_account(config: ConfigParser, path: Path, username: str) -> list[str]:
    """Build and deploy sign with the hotkey of the config file, never with an API key."""
    if not config.has_section("auth"):
        return [f"{path} has no [auth] section: run `chutes register`, or set CHUTES_CONFIG_PATH"]
    problems = [
        f"{path}: [auth] {field} is missing" for field in AUTH_FIELDS if not config.get("auth", field, fallback="")
    ]
    seed = config.get("auth", "hotkey_seed", fallback="").removeprefix("0x")
    if seed and not re.match(r"[0-9a-fA-F]{64}\Z", seed):
        problems.append(f"{path}: [auth] hotkey_seed is not 32 bytes in hexadecimal")
    owner = config.get("auth", "username", fallback="")
    if owner and owner != username:
        problems.append(f"the chute names {username} as its user, {path} names {owner}")
    return problems


def check_baked_config(document: Any, name: str) -> list[str]:
    """A key written out in a baked file would be in the image for good."""
    found: list[str] = []

    def visit(value: Any, key: str) -> None:
        if isinstance(value, dict):
            for inner, item in value.items():
                visit(item, f"{key}.{inner}" if key else str(inner))
        elif isinstance(value, list):
            for item in value:
                visit(item, key)
        elif _secret_field(key) and isinstance(value, str) and value and not REFERENCE.fullmatch(value):
            found.append(key)

    visit(document, "")
    return [f"{name}: {key} is written out and would be baked into the image; use ${{VARIABLE}}" for key in found]


def _secret_field(key: str) -> bool:
    last = key.rpartition(".")[2].lower()
    return last in {"key", "api_key", "apikey", "api_keys", "master_api_key", "secret_key", "chutes_api_key"} or (
        last.endswith(("_password", "_secret", "_token"))
    )


def check_secrets(names: Collection[str]) -> list[str]:
    return [f"the platform refuses a secret named {name}" for name in sorted(names) if REFUSED_SECRET.search(name)]
