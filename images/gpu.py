"""The image with local engines: vLLM and OCR in an environment of their own, beside the gateway.

Two environments, because the SDK that the platform installs and vLLM pin different versions of the same packages.
"""

from chutes.image import Image

from images import slim
from images.recipe import APP, Recipe, finish, start

ENGINES = "/opt/engines"
ENGINE_PYTHON = f"{ENGINES}/bin/python"
REQUIREMENTS = "images/engines-gpu.txt"


def build(recipe: Recipe) -> Image:
    image = start(recipe)
    image.set_user("root").run_command(f"mkdir -p {ENGINES} && chown chutes {ENGINES}").set_user("chutes")
    image.add(REQUIREMENTS, f"{APP}/{REQUIREMENTS}")
    image.run_command(
        f"python -m venv {ENGINES} && {ENGINE_PYTHON} -m pip install --no-cache-dir -r {APP}/{REQUIREMENTS}"
    )
    image.add(slim.REQUIREMENTS, f"{APP}/{slim.REQUIREMENTS}")
    image.run_command(f"pip install --no-cache-dir -r {APP}/{slim.REQUIREMENTS}")
    image.with_env("CHUTE_ENGINE_PYTHON", ENGINE_PYTHON)
    return finish(image, recipe)
