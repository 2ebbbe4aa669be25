"""Which espeak-ng voices the speech corpus uses: the ones to learn from, the ones kept back, and invented ones.

An espeak-ng voice is a language (accent) plus an optional variant, a small text file of formant settings.
"""

import random
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Voice:
    """`language` is an espeak-ng language such as en-us; `variant` a file of voices/!v, or empty."""

    language: str
    variant: str = ""

    def __str__(self) -> str:
        return f"{self.language}+{self.variant}" if self.variant else self.language


HELD_OUT = (
    Voice("en-gb-scotland"),
    Voice("en-us", "m6"),
    Voice("en-us", "f3"),
    Voice("en-gb", "victor"),
    Voice("en-us", "Alicia"),
    Voice("en-gb-x-gbcwmd", "m8"),
    Voice("en-us", "edward"),
    Voice("en-us", "anika"),
)
"""Never trained on, in any accent; two of the accents (Scotland, West Midlands) are not trained on either."""

ACCENTS = ("en-us", "en-us", "en", "en-gb-x-rp", "en-029", "en-gb-x-gbclan", "en-us-nyc")
SIBLINGS_OF_HELD_OUT = frozenset({"edward2", "anikaRobot"})
UNLIKE_SPEECH = frozenset({"Demonic", "UniRobot", "croak", "whisper", "whisperf", "Tweaky"})
INVENTED = 240
DATA_FILES = ("phondata", "phonindex", "phontab", "intonations", "en_dict")


def training_variants(data: Path) -> list[str]:
    """The variants of an espeak-ng data folder that may be trained on, sorted; "" is the plain voice."""
    shut_out = {voice.variant for voice in HELD_OUT} | SIBLINGS_OF_HELD_OUT | UNLIKE_SPEECH
    names = {path.name for path in (data / "voices" / "!v").iterdir()}
    return ["", *sorted(name for name in names - shut_out if not name.startswith("robosoft"))]


def build_voice_data(installed: Path, target: Path, seed: int) -> Path:
    """Copies the English part of `installed` (an espeak-ng-data folder) and adds `INVENTED` variants.

    Returns the folder to hand to `espeak-ng --path`.
    """
    data = target / "espeak-ng-data"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    for name in DATA_FILES:
        shutil.copy(installed / name, data / name)
    shutil.copytree(installed / "lang" / "gmw", data / "lang" / "gmw")
    shutil.copytree(installed / "voices" / "!v", data / "voices" / "!v")
    rng = random.Random(seed)
    for index in range(INVENTED):
        (data / "voices" / "!v" / f"x{index:03d}").write_text(_invented_variant(rng, f"x{index:03d}"))
    return target


def _invented_variant(rng: random.Random, name: str) -> str:
    """A variant file with formants, pitch, breath, echo and stress drawn at random.

    Formant lines are: number, frequency %, height %, width %. The ranges are those of the bundled variants.
    """
    low = rng.randint(60, 220)
    size = rng.uniform(0.88, 1.28)
    lines = ["language variant", f"name {name}", f"pitch {low} {int(low * rng.uniform(1.15, 1.8))}"]
    for formant in range(9):
        frequency = 100 * (size if 0 < formant < 6 else 1.0) * rng.uniform(0.93, 1.1)
        height, width = rng.randint(60, 170), rng.randint(70, 170)
        lines.append(f"formant {formant} {int(frequency)} {height} {width}")
    lines += rng.sample(_flavours(rng), rng.randint(1, 5))
    return "\n".join(lines) + "\n"


def _flavours(rng: random.Random) -> list[str]:
    def numbers(low: int, high: int, count: int, step: int = 1) -> str:
        return " ".join(str(rng.randrange(low, high + 1, step)) for _ in range(count))

    return [
        f"flutter {rng.randint(0, 8)}",
        f"roughness {rng.randint(0, 4)}",
        f"echo {rng.randint(20, 130)} {rng.randint(5, 50)}",
        f"voicing {rng.randint(30, 110)}",
        f"consonants {rng.randint(40, 120)} {rng.randint(20, 110)}",
        f"intonation {rng.randint(1, 4)}",
        f"breath {numbers(0, 10, 8)}\nbreathw {numbers(150, 400, 6, 50)}",
        f"stressAmp {numbers(12, 24, 8)}",
        f"stressAdd {numbers(-20, 130, 8, 10)}",
        f"tone 100 {rng.randint(180, 255)} 600 {rng.randint(50, 150)} 1200 {rng.randint(20, 90)} "
        f"2000 {rng.randint(30, 90)} 3000 {rng.randint(10, 60)}",
    ]
