"""What deploy.sh says about the platform's words."""

import pytest

from gateway.chute.advice import advise


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("DEPLOYMENT FEE NOTICE: ... re-run the deployment command with `--accept-fee`", "--accept-fee"),
        ("the deployment fee is $5.4, but you have a balance of 1.0.\nPlease top up your account", "add balance"),
        ("No supported GPUs based on node selector!", "CHUTE_INCLUDE"),
        ("You are not allowed to require consumer GPUs exclusively.", "CHUTE_INCLUDE"),
        ("TEE private deployments are limited at this time", "CHUTE_TEE"),
        ("Non-TEE deployments are no longer allowed, set tee=True.", "CHUTE_TEE"),
        ("Invalid signature for hotkey 5x", "hotkey"),
        ("GET /users/me: 401 {}", "hotkey"),
        ("Authorization error, please check your credentials.", "hotkey"),
        ("Chute with name=x already exists", "CHUTE_NAME"),
        ("This chute is immutable and cannot be modified.", "--delete"),
        ("You may create or update 24 chutes and images a day.", "wait"),
        ("the image was not built: error", "--rebuild"),
        ("Chute image not found, or does not belong to you", "--rebuild"),
        ("Chute not found, or does not belong to you", "--accept-fee"),
        ("User not found: x", "username"),
        ("https://api.chutes.ai: [Errno 111] Connection refused", "cannot be reached"),
        ("No instances available (yet)", "--status"),
        ("2026-11-21 08:18:22.429 | deploying: took 0.401 s", ""),
        ("something nobody has heard of", ""),
    ],
)
def test_every_known_refusal_has_its_advice(words: str, advice: str) -> None:
    assert advice in advise(words)
    assert bool(advise(words)) is bool(advice)
