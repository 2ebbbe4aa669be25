"""Who stands behind a provider slug: name, site and the key of a logo. Data for the UI, which loads no third party's
files: a key names a picture of our own, and without one the UI draws the initials."""

from collections.abc import Mapping
from dataclasses import dataclass

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
