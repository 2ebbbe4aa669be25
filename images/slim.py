"""The image of a pure router: the gateway and its few dependencies, no engines."""

from chutes.image import Image

from images.recipe import APP, Recipe, finish, start

REQUIREMENTS = "images/gateway.txt"


def build(recipe: Recipe) -> Image:
    image = start(recipe)
    image.add(REQUIREMENTS, f"{APP}/{REQUIREMENTS}")
    image.run_command(f"pip install --no-cache-dir -r {APP}/{REQUIREMENTS}")
    return finish(image, recipe)
