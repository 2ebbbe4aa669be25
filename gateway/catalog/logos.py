"""Who stands behind a provider slug: name, site and mark. A mark is the maker's initials, drawn here: nobody's
trademark, nobody else's file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from gateway.catalog.facts import CHUTES
from gateway.catalog.model import CatalogModel


@dataclass(frozen=True, slots=True)
class Maker:
    name: str
    site: str
    logo: str
    """A key, as in `/logos/{key}.svg`."""


MAKERS: Mapping[str, Maker] = {
    slug: Maker(name, f"https://{host}", key)
    for slug, name, host, key in (
        ("alibaba-nlp", "Alibaba NLP", "github.com/Alibaba-NLP", "qwen"),
        ("baai", "BAAI", "www.baai.ac.cn", "baai"),
        ("chutes", "Chutes", "chutes.ai", "chutes"),
        ("chutesai", "Chutes", "chutes.ai", "chutes"),
        ("deepseek-ai", "DeepSeek", "www.deepseek.com", "deepseek"),
        ("google", "Google", "ai.google.dev", "google"),
        ("groq", "Groq", "groq.com", "groq"),
        ("intfloat", "intfloat", "huggingface.co/intfloat", "huggingface"),
        ("meituan-longcat", "Meituan LongCat", "longcat.chat", "longcat"),
        ("meta-llama", "Meta", "www.llama.com", "meta"),
        ("microsoft", "Microsoft", "www.microsoft.com", "microsoft"),
        ("minimaxai", "MiniMax", "www.minimax.io", "minimax"),
        ("mistralai", "Mistral AI", "mistral.ai", "mistral"),
        ("moonshotai", "Moonshot AI", "www.moonshot.ai", "moonshot"),
        ("nousresearch", "Nous Research", "nousresearch.com", "nous"),
        ("nvidia", "NVIDIA", "www.nvidia.com", "nvidia"),
        ("openai", "OpenAI", "openai.com", "openai"),
        ("opengvlab", "OpenGVLab", "github.com/OpenGVLab", "opengvlab"),
        ("qwen", "Qwen", "qwen.ai", "qwen"),
        ("rednote-hilab", "RedNote hi lab", "huggingface.co/rednote-hilab", "rednote"),
        ("sentence-transformers", "Sentence Transformers", "www.sbert.net", "huggingface"),
        ("stabilityai", "Stability AI", "stability.ai", "stability"),
        ("tngtech", "TNG", "www.tngtech.com", "tng"),
        ("unsloth", "Unsloth", "unsloth.ai", "unsloth"),
        ("zai-org", "Z.ai", "z.ai", "zai"),
    )
}
"""By lower-case slug."""


def logo(slug: str) -> str | None:
    maker = MAKERS.get(slug.lower())
    return f"/logos/{maker.logo}.svg" if maker else None


def site(model: CatalogModel) -> str | None:
    maker = MAKERS.get(model.provider_slug.lower())
    return maker.site if maker else "https://chutes.ai" if model.gateway == CHUTES else None


def mark(key: str) -> str | None:
    """The SVG behind `/logos/{key}.svg`; None for a key that no maker has."""
    maker = next((one for one in MAKERS.values() if one.logo == key), None)
    if maker is None:
        return None
    hue = int.from_bytes(blake2b(key.encode(), digest_size=2).digest()) % 360
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" role="img">'
        f'<title>{maker.name}</title><rect width="32" height="32" rx="7" fill="hsl({hue} 45% 36%)"/>'
        '<text x="16" y="21" text-anchor="middle" font-family="system-ui, sans-serif" font-size="13" font-weight="600" '
        f'fill="#fff">{_initials(maker.name)}</text></svg>'
    )


def _initials(name: str) -> str:
    """Two letters: of the first two words, or the first two of the only one."""
    words: list[str] = re.findall(r"[A-Za-z0-9]+", name)
    return (words[0][0] + words[1][0]).upper() if len(words) > 1 else words[0][:2].capitalize()
