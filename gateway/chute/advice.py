"""What to do about what the platform said. Facts as data, read by `deployment`; its words come first."""

import re

_ADVICE: tuple[tuple[str, str], ...] = (
    (
        r"deployment fee notice|--accept-fee|accept_fee",
        "a new chute costs a one-time fee: if you accept it, run ./deploy.sh --accept-fee",
    ),
    (
        r"but you have a balance of|top up your account|account balance is",
        "add balance to the account (https://chutes.ai), then run ./deploy.sh again; what was built stays",
    ),
    (
        r"invalid signature|invalid nonce|authorization error|could not find user|must be signed|who are you"
        r"|(?<![\d.:-])401\b",
        "the hotkey, user_id and username of the chutes config file must be one account's,"
        " and this machine's clock right; `chutes register` makes a new one",
    ),
    (
        r"node ?selector|no supported gpus|gpu price range|consumer gpus|required? > ?140",
        "choose GPUs with CHUTE_INCLUDE, CHUTE_GPU_COUNT and CHUTE_MIN_VRAM_GB_PER_GPU; prices: GET /pricing",
    ),
    (r"\btee\b", "the platform's rule about trusted execution differs from CHUTE_TEE: set it to true or false"),
    (
        r"public chutes",
        "chutes are private: share it with ./deploy.sh --share USER",
    ),
    (
        r"image not found|is not available to be used",
        "the image is not built: look at the build log above, then ./deploy.sh --rebuild",
    ),
    (
        r"immutable",
        "this chute cannot be changed: ./deploy.sh --delete, or another CHUTE_NAME",
    ),
    (
        r"already exists|is taken|must be unique",
        "the name is used by something else: set CHUTE_NAME, or ./deploy.sh --delete if it is yours",
    ),
    (
        r"a day\.|too many|(?<![\d.:-])429\b",
        "the platform allows 24 deployments and images a day: wait, then run it again",
    ),
    (
        r"the image was not built|build failed|ERROR:",
        "mend what the build log says; the same content again: ./deploy.sh --rebuild",
    ),
    (r"chute not found", "nothing is deployed under this name: ./deploy.sh --accept-fee deploys it"),
    (r"user not found", "no such user: give a username or user id of the platform"),
    (
        r"no instances available|cold|not hot",
        "it starts on demand: wait a little, then ./deploy.sh --status and --logs",
    ),
    (
        r"connect|resolve|unreachable|timed out|refused",
        "the platform cannot be reached: check the network and [api] base_url in the chutes config file",
    ),
)
"""The first pattern that is found wins."""


def advise(words: str) -> str:
    """Empty where nothing is known."""
    return next((what for pattern, what in _ADVICE if re.search(pattern, words, re.IGNORECASE)), "")
