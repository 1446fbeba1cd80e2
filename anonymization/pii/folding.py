"""Words as they are compared: without case, accents or apostrophes, and across two scripts."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

#: A word: letters with their marks, apostrophes inside. Hyphens part words, as registries split them
#: differently.
WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f\u064b-\u065f\u0670])*(?:['’ʼ`][^\W\d_]+)*")
_STOP = frozenset(".!?؟۔:;\n\r•|")
_SHORT = frozenset(
    {"mr", "mrs", "ms", "dr", "sr", "sra", "bi", "bw", "gng", "bb", "st", "sta", "hj", "tk", "prof"}
)
_LETTERS = str.maketrans(
    {
        "ı": "i",
        "ß": "ss",
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "æ": "ae",
        "œ": "oe",
        "ي": "ی",
        "ك": "ک",
        "ة": "ہ",
        "ه": "ہ",
        "أ": "ا",
        "إ": "ا",
        "ؤ": "و",
        "ئ": "ی",
        "'": None,
        "’": None,
        "ʼ": None,
        "`": None,
    }
)


class _Plain(dict[int, str | int]):
    """str.translate's table of `ascii_digits`, filled as characters come: one character for one character."""

    def __missing__(self, code: int) -> str | int:
        character = chr(code)
        digit = unicodedata.digit(character, None)
        if digit is not None:
            plain: str | int = str(digit)
        elif 0xFF01 <= code <= 0xFF5E:
            plain = chr(code - 0xFEE0)
        elif code > 0x7F and unicodedata.category(character) == "Pd":
            plain = "-"
        elif code > 0x7F and unicodedata.category(character) == "Zs":
            plain = " "
        else:
            plain = code
        self[code] = plain
        return plain


_PLAIN = _Plain({0x2212: "-", 0x066B: ".", 0x066C: ","})
#: What sits on a digit and is no part of it (lines, rings, keycaps).
_ON_DIGITS = re.compile(r"(?<=\d)[\u0300-\u036f\u20d0-\u20ff\ufe00-\ufe0f]+")
_SOUNDS = [
    (re.compile(pattern), by)
    for pattern, by in (
        (r"ph", "f"),
        (r"[ck]h|q|ck|c(?![ehiy])", "k"),
        (r"sh|sch|ch|c(?=[eiy])", "s"),
        (r"gh", "g"),
        (r"th", "t"),
        (r"dh", "d"),
        (r"bh", "b"),
        (r"z|x", "s"),
        (r"w", "v"),
        (r"ou|oo", "u"),
        (r"ee|ie|y|j(?![aeiou])", "i"),
        (r"(?<=.)h", ""),
        (r"(.)\1+", r"\1"),
    )
]
_ARABIC = dict(zip("بپتٹثجچخدڈذرڑزژسشصضطظغفقکگلمنں", "bpttsjCKddzrrzZsSsztzGfkkglmnn", strict=True))
_LATIN = [
    (re.compile(pattern), by)
    for pattern, by in (
        (r"sh", "S"),
        (r"ch", "C"),
        (r"kh", "K"),
        (r"gh", "G"),
        (r"zh", "Z"),
        (r"ph", "f"),
        (r"c(?=[eiy])", "s"),
        (r"[cq]", "k"),
        (r"x", "ks"),
        (r"[aeiouvwyh]", ""),
        (r"(.)\1+", r"\1"),
    )
]


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a text.

    Args:
        start, end: positions.
        folded: as compared.
        cap: has a capital letter.
        upper: all capitals.
        opens: it opens a sentence, so that its capital says nothing.
    """

    start: int
    end: int
    folded: str
    cap: bool
    upper: bool
    opens: bool


#: Letters of Cyrillic and Greek that look like Latin ones; folded only in words that hold Latin letters as well.
_LOOK_ALIKE = dict(
    zip(
        "АВЕЅІЈКМНОРСТУХѕіјаеорсухһԁѵ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧονρι",
        "ABESIJKMHOPCTYXsijaeopcyxhdv" + "ABEZHIKMNOPTYXovpi",
        strict=True,
    )
)
_MIXED = re.compile(r"(?=[^\W\d_]*[A-Za-z])(?=[^\W\d_]*[\u0370-\u03ff\u0400-\u052f])[^\W\d_]+")
_STYLES = frozenset({"<font>", "<circle>", "<wide>", "<square>"})


def clean(text: str) -> str:
    """NFC, without what hides words and numbers from every detector.

    Invisible characters, stretched Arabic letters and marks on digits go; mathematical, circled and full-width letters
    become plain ones, and so do Cyrillic and Greek look-alikes inside words that are otherwise Latin.
    """
    text = unicodedata.normalize("NFC", text)
    if text.isascii():
        return text
    text = _ON_DIGITS.sub("", "".join(map(_shown, text)))
    return _MIXED.sub(lambda m: "".join(_LOOK_ALIKE.get(c, c) for c in m.group()), text)


@lru_cache(maxsize=8_192)
def _shown(character: str) -> str:
    """What a character shows a reader: nothing, a plain letter, or itself."""
    if character.isascii():
        return character
    if character == "\u0640" or unicodedata.category(character) == "Cf":
        return ""
    style, _, rest = unicodedata.decomposition(character).partition(" ")
    if style in _STYLES and len(rest) == 4 and (plain := chr(int(rest, 16))).isascii() and plain.isalpha():
        return plain
    return character


def ascii_digits(text: str) -> str:
    """The same text, position for position: every script's digits as 0-9, full-width forms, dashes, spaces plain."""
    return text if text.isascii() else text.translate(_PLAIN)


@lru_cache(maxsize=200_000)
def fold(word: str) -> str:
    """The word as it is compared: Turkish İ and ı, accents, case and apostrophes levelled."""
    if word.isascii():
        return word.lower().replace("'", "").replace("`", "")
    marks = unicodedata.normalize("NFKD", word.replace("İ", "i").replace("آ", "ا"))
    bare = "".join(c for c in marks if unicodedata.category(c) != "Mn")
    return bare.lower().translate(_LETTERS)


def tokens(text: str) -> list[Token]:
    """The words of a text, in order."""
    out: list[Token] = []
    last = 0
    for match in WORD.finditer(text):
        start, end = match.span()
        word = match.group()
        between = text[last:start]
        opens = last == 0 or not _STOP.isdisjoint(between)
        # A full stop after an initial or a title is no end of a sentence.
        if (
            opens
            and out
            and between.strip() == "."
            and (last - out[-1].start == 1 or out[-1].folded in _SHORT)
        ):
            opens = False
        out.append(
            Token(
                start,
                end,
                fold(word),
                word != word.lower(),
                len(word) > 1 and word.isupper(),
                opens,
            )
        )
        last = end
    return out


def words(value: str) -> list[str]:
    """The folded words of a registry value."""
    return [fold(m.group()) for m in WORD.finditer(clean(value))]


@lru_cache(maxsize=200_000)
def sound(folded: str) -> str:
    """A key on which spelling variants of a name agree (sh/ch, ph/f, kh/q/k, z/s, w/v, y/i, ou/u)."""
    for pattern, by in _SOUNDS:
        folded = pattern.sub(by, folded)
    return folded


@lru_cache(maxsize=200_000)
def skeleton(folded: str) -> str:
    """The consonants of a word in Arabic or Latin script, on which a name and its transliteration agree."""
    if folded and folded[0] > "\u05ff":
        bare = "".join(_ARABIC.get(c, "") for c in folded)
        return re.sub(r"(.)\1+", r"\1", bare)
    for pattern, by in _LATIN:
        folded = pattern.sub(by, folded)
    return folded


def is_arabic(folded: str) -> bool:
    return bool(folded) and "\u0600" <= folded[0] <= "\u06ff"


def one_slip(a: str, b: str) -> bool:
    """Whether one insertion, deletion, substitution or swap of neighbours makes a into b."""
    if a == b:
        return True
    if abs(len(a) - len(b)) > 1:
        return False
    i = 0
    while i < min(len(a), len(b)) and a[i] == b[i]:
        i += 1
    if len(a) == len(b):
        swapped = i + 1 < len(a) and a[i] == b[i + 1] and a[i + 1] == b[i] and a[i + 2 :] == b[i + 2 :]
        return swapped or a[i + 1 :] == b[i + 1 :]
    longer, shorter = (a, b) if len(a) > len(b) else (b, a)
    return longer[i + 1 :] == shorter[i:]
