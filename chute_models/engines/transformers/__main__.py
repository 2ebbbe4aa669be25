"""`python -m chute_models.engines.transformers --kind chat --model DIR --name NAME --port P`."""

import sys

from chute_models.engines.arguments import Arguments, read_arguments
from chute_models.engines.server import Served, serve
from chute_models.engines.transformers.loading import device_memory


def main(arguments: Arguments) -> int:
    """The engine library is imported by `load`, on the compute thread, while the server already answers."""
    served = Served(arguments)
    served.metrics.device_memory = device_memory(arguments)
    if arguments.kind == "chat":
        from chute_models.engines.transformers.chat_api import ChatApi

        chat = ChatApi(served)
        return serve(arguments, served, chat.load, chat.routes())
    if arguments.kind == "embedding":
        from chute_models.engines.transformers.embedding_api import EmbeddingApi

        embedding = EmbeddingApi(served)
        return serve(arguments, served, embedding.load, embedding.routes())
    from chute_models.engines.transformers.audio_api import AudioApi

    audio = AudioApi(served)
    return serve(arguments, served, audio.load, audio.routes())


if __name__ == "__main__":
    sys.exit(main(read_arguments()))
