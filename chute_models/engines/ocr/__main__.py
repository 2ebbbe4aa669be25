"""`python -m chute_models.engines.ocr --kind ocr --model rapidocr: --name NAME --port P`."""

import sys

from chute_models.engines.arguments import read_arguments
from chute_models.engines.ocr.api import OcrApi
from chute_models.engines.server import Served, serve


def main() -> int:
    """The engine library is imported by `load`, on the compute thread, while the server already answers."""
    arguments = read_arguments()
    served = Served(arguments)
    api = OcrApi(served)
    return serve(arguments, served, api.load, api.routes())


if __name__ == "__main__":
    sys.exit(main())
