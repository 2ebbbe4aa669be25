"""Languages of speech models: ISO codes and the English names that Whisper and OpenAI's answers use."""

import re

NAMES = {
    "af": "afrikaans", "am": "amharic", "ar": "arabic", "as": "assamese", "az": "azerbaijani", "ba": "bashkir",
    "be": "belarusian", "bg": "bulgarian", "bn": "bengali", "bo": "tibetan", "br": "breton", "bs": "bosnian",
    "ca": "catalan", "cs": "czech", "cy": "welsh", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish", "fo": "faroese",
    "fr": "french", "ga": "irish", "gl": "galician", "gu": "gujarati", "ha": "hausa", "haw": "hawaiian",
    "he": "hebrew", "hi": "hindi", "hr": "croatian", "ht": "haitian creole", "hu": "hungarian", "hy": "armenian",
    "id": "indonesian", "is": "icelandic", "it": "italian", "ja": "japanese", "jw": "javanese", "ka": "georgian",
    "kk": "kazakh", "km": "khmer", "kn": "kannada", "ko": "korean", "la": "latin", "lb": "luxembourgish",
    "ln": "lingala", "lo": "lao", "lt": "lithuanian", "lv": "latvian", "mg": "malagasy", "mi": "maori",
    "mk": "macedonian", "ml": "malayalam", "mn": "mongolian", "mr": "marathi", "ms": "malay", "mt": "maltese",
    "my": "myanmar", "ne": "nepali", "nl": "dutch", "nn": "nynorsk", "no": "norwegian", "oc": "occitan",
    "pa": "punjabi", "pl": "polish", "ps": "pashto", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sa": "sanskrit", "sd": "sindhi", "si": "sinhala", "sk": "slovak", "sl": "slovenian", "sn": "shona",
    "so": "somali", "sq": "albanian", "sr": "serbian", "su": "sundanese", "sv": "swedish", "sw": "swahili",
    "ta": "tamil", "te": "telugu", "tg": "tajik", "th": "thai", "tk": "turkmen", "tl": "tagalog", "tr": "turkish",
    "tt": "tatar", "uk": "ukrainian", "ur": "urdu", "uz": "uzbek", "vi": "vietnamese", "yi": "yiddish",
    "yo": "yoruba", "yue": "cantonese", "zh": "chinese",
}  # fmt: skip
"""Whisper's languages (`jw`, `haw` and `yue` are its own spellings)."""

_OTHER_ISO_639_1 = re.compile(
    r"aa|ab|ae|ak|an|av|ay|bh|bi|bm|ce|ch|co|cr|cu|cv|dv|dz|ee|eo|ff|fj|fy|gd|gn|gv|ho|hz|ia|ie|ig|ii|ik|io|iu|"
    r"jv|kg|ki|kj|kl|kr|ks|ku|kv|kw|ky|lg|li|lu|mh|na|nb|nd|ng|nr|nv|ny|oj|om|or|os|pi|qu|rm|rn|rw|sc|se|sg|sm|"
    r"ss|st|ti|tn|to|ts|tw|ty|ug|ve|vo|wa|wo|xh|za|zu"
)
_CODES = {name: code for code, name in NAMES.items()} | {
    "mandarin": "zh", "castilian": "es", "flemish": "nl", "burmese": "my", "haitian": "ht", "moldovan": "ro",
    "valencian": "ca", "pushto": "ps", "panjabi": "pa", "sinhalese": "si", "letzeburgesch": "lb", "jv": "jw",
}  # fmt: skip


def language_code(text: str) -> str | None:
    """The code for a code (`en`, `EN`, `en-US`) or an English name (`english`); None for anything else."""
    low = text.strip().lower()
    if low in _CODES:
        return _CODES[low]
    code = low.replace("_", "-").partition("-")[0]
    return code if code in NAMES or _OTHER_ISO_639_1.fullmatch(code) else None


def language_name(text: str) -> str:
    """The English name OpenAI's verbose_json uses, or the text itself where it is no known language."""
    return NAMES.get(language_code(text) or "", text)
