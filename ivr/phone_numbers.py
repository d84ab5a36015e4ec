"""Telephone numbers: which are any, who may be texted or rung at them, and how they are found in a text.

Who somebody is, is another question than whether the line may reach them: a phone from anywhere keeps its
STOP, its DELETE, its block and its limits.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from phonenumbers import (
    NumberParseException,
    PhoneNumberType,
    is_valid_number,
    number_type,
    parse,
    region_code_for_number,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

E164 = re.compile(r"\+[1-9][0-9]{6,14}")  # Not \d: a digit of another script is no digit on a keypad.
NORTH_AMERICAN = re.compile(r"\+1[0-9]{10}")
REGIONS = frozenset({"CA", "US"})  # Others with +1, such as Jamaica, are dear to call.
PERSONAL = frozenset(
    {PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
)
AGENCY = PERSONAL | {PhoneNumberType.TOLL_FREE}


def is_e164(number: str) -> bool:
    """Whether it is written as E.164 wants it, wherever in the world it is."""
    return bool(E164.fullmatch(number))


def may_reach(number: str, *, united_states: bool = False) -> bool:
    """Whether the line may text or ring whoever has this number, once they ask for it.

    An ordinary number of Canada, or of the United States where our number is registered there: none that
    costs, none that is free to call and so belongs to a company, none that follows a person around the world.
    """
    if _why_never(number) or number_type(parse(number)) not in PERSONAL:
        return False
    return united_states or region_code_for_number(parse(number)) == "CA"


def why_not(number: str) -> str:
    """Say why a number is none at which an agency may be rung; nothing when it is one."""
    if fault := _why_never(number):
        return fault
    return "" if number_type(parse(number)) in AGENCY else "is not an ordinary or toll-free number"


def _why_never(number: str) -> str:
    """Say why a number is never rung, whoever has it; nothing when it may be."""
    if not NORTH_AMERICAN.fullmatch(number):
        return "is not +1 and ten digits"
    exchange = number[5:8]
    if exchange.endswith("11"):
        return f"has the exchange {exchange}, which is kept for short numbers such as 911"
    if exchange == "976" or number.startswith("+1900"):
        return "is charged to whoever calls it"
    try:
        parsed = parse(number)
    except NumberParseException:
        return "is not a telephone number"
    if not is_valid_number(parsed):
        return "is not a number that exists in Canada or the United States"
    if region_code_for_number(parsed) not in REGIONS:
        return "is outside Canada and the United States, and dear to call"
    return ""


# Finding numbers in what somebody wrote, however they are disguised.
#
# Seven digits or more make a number, whatever stands between them that is no word: spaces, dots, slashes,
# dashes, brackets, letters that are not seen. A digit may be of any script, in a circle or on a keycap, or a
# letter that looks like one, or a word for one in a language of the line.

FEWEST_DIGITS = 7
SHORTEST_GLUED = 3  # Letters of a word for a number that may stand within another word.
LOOK_ALIKES = frozenset("OoQDIilLZzSsbGBgq")  # Latin letters that are read as a digit beside digits,
LOOK_ALIKES |= frozenset("ОоСсІіӀЗзЧчЅѕбВΟοΙιΒՕօ")
ALONE = frozenset("OoIlОоΟοІΙ")  # noqa: RUF001 - and those that are read so even as a word of one letter.
UNSEEN = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")  # Letters and signs without a shape.
WITHIN_CYRILLIC = re.compile(r"(?<=[\u0400-\u04ff])['\u2019\u02bc](?=[\u0400-\u04ff])")  # It parts no word.
KEYCAP_TEN = "\U0001f51f"

# A word for a number -> how many digits it stands for at most. Accents are left out.
NUMBER_WORDS: Mapping[str, Mapping[str, int]] = {
    "en": {
        **dict.fromkeys(
            [
                "zero",
                "oh",
                "nought",
                "one",
                "two",
                "three",
                "four",
                "five",
                "six",
                "seven",
                "eight",
                "nine",
                "double",
            ],
            1,
        ),
        **dict.fromkeys(
            [
                "ten",
                "eleven",
                "twelve",
                "thirteen",
                "fourteen",
                "fifteen",
                "sixteen",
                "seventeen",
                "eighteen",
            ],
            2,
        ),
        **dict.fromkeys(
            ["nineteen", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2
        ),
        **dict.fromkeys(("triple", "hundred"), 2),
    },
    "fr": {
        **dict.fromkeys(
            ["zero", "un", "une", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "double"],
            1,
        ),
        **dict.fromkeys(
            ["dix", "onze", "douze", "treize", "quatorze", "quinze", "seize", "vingt", "vingts", "trente"], 2
        ),
        **dict.fromkeys(
            ["quarante", "cinquante", "soixante", "septante", "huitante", "octante", "nonante"], 2
        ),
        **dict.fromkeys(("triple", "cent", "cents"), 2),
    },
    "es": {
        **dict.fromkeys(
            [
                "cero",
                "un",
                "uno",
                "una",
                "dos",
                "tres",
                "cuatro",
                "cinco",
                "seis",
                "siete",
                "ocho",
                "nueve",
                "doble",
            ],
            1,
        ),
        **dict.fromkeys(
            ["diez", "once", "doce", "trece", "catorce", "quince", "dieciseis", "diecisiete", "dieciocho"], 2
        ),
        **dict.fromkeys(
            ["diecinueve", "veinte", "treinta", "cuarenta", "cincuenta", "sesenta", "setenta"], 2
        ),
        **dict.fromkeys(["ochenta", "noventa", "cien", "ciento", "triple"], 2),
    },
}
# Zero to nine in the other languages of the line; Chinese writes them with signs that are digits already.
DIGITS: Mapping[str, str] = {
    "pt": "zero um uma dois duas três quatro cinco seis meia sete oito nove",
    "pl": "zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć",
    "hu": "nulla egy kettő két három négy öt hat hét nyolc kilenc",
    "fil": "sero isa dalawa tatlo apat lima anim pito walo siyam",
    "vi": "không một hai ba bốn năm sáu bảy tám chín",
    "uk": "нуль один два три чотири п'ять п’ять пять шість сім вісім дев'ять дев’ять девять",  # noqa: RUF001 - Ukrainian
    "ar": "صفر واحد اثنان اثنين ثلاثة تلاتة أربعة خمسة ستة سبعة ثمانية تمانية تسعة",
    "fa": "صفر یک دو سه چهار پنج شش هفت هشت نه",
    "ur": "صفر ایک دو تین چار پانچ چھ چھے سات آٹھ نو",
    "hi": "शून्य ज़ीरो एक दो तीन चार पांच पाँच छह छः छे सात आठ नौ",
    "pa": "ਸਿਫ਼ਰ ਜ਼ੀਰੋ ਇੱਕ ਇਕ ਦੋ ਤਿੰਨ ਚਾਰ ਪੰਜ ਛੇ ਸੱਤ ਅੱਠ ਨੌਂ ਨੌ",
}
LANGUAGES = ("en", "fr")  # Those of the line; a word of another counts in its own prompts alone.
LINKS = frozenset({"and", "et", "y"})  # As in "vingt et un": they neither count nor part.


class _Token(NamedTuple):
    """What stands together: how many digits it is, and whether more may come before it and after."""

    start: int
    end: int
    digits: int
    follows: bool = True
    goes_on: bool = True


A_WORD = (_Token(0, 0, 0, follows=False, goes_on=False),)  # One that is no number, and parts.


def holds_number(text: str, language: str = "") -> bool:
    """Whether there is a telephone number in a text, or what can be read as one."""
    return bool(find_numbers(text, language))


def find_numbers(text: str, language: str = "") -> list[tuple[int, int]]:
    """Give where each telephone number begins and ends in a text, which is perhaps in another language."""
    if not _holds_any(text, language):
        return []
    spans, start, end, digits = [], 0, 0, 0
    for token in (*_tokens(text, language), _Token(len(text), len(text), 0, follows=False)):
        if not token.follows:
            if digits >= FEWEST_DIGITS:
                spans.append((start, end))
            digits = 0
        if token.digits:
            start, end = (start if digits else token.start), token.end
            digits += token.digits
        if not token.goes_on:
            if digits >= FEWEST_DIGITS:
                spans.append((start, end))
            digits = 0
    return spans


def mask_numbers(text: str, mask: str) -> str:
    """Put a mask in place of each telephone number."""
    for start, end in reversed(find_numbers(text)):
        text = text[:start] + mask + text[end:]
    return text


class _AsRead(dict[int, str]):
    """Writes a text as it is read, with a space where something parts."""

    def __missing__(self, sign: int) -> str:
        read = _as_read(chr(sign))
        written = self[sign] = "" if read is None else read or " "
        return written


_AS_READ = _AsRead()


def _holds_any(text: str, language: str) -> bool:
    """Whether a text holds a number, wherever: most hold none, and their words were read before."""
    read, digits = WITHIN_CYRILLIC.sub("\u034f", text).translate(_AS_READ), 0
    for piece in read.split():
        for token in _tokens_of(piece, language):
            before, digits = digits, token.digits + (digits if token.follows else 0)
            if max(before, digits) >= FEWEST_DIGITS:
                return True
            if not token.goes_on:
                digits = 0
    return False


@lru_cache(maxsize=65536)  # Words of all languages, which come again and again.
def _tokens_of(piece: str, language: str) -> tuple[_Token, ...]:
    words, glued = _words_of(language)
    if piece.isalpha() and not LOOK_ALIKES.issuperset(piece):
        word = piece.casefold()
        if word not in words and word not in LINKS and not glued.fullmatch(word):
            return A_WORD
    return tuple(_read([*map(_Letter, range(len(piece)), piece)], words, glued))


def _tokens(text: str, language: str) -> Iterator[_Token]:
    """Take a text apart into what can be a digit, or parts those that can."""
    words, glued = _words_of(language)
    for piece in _pieces(WITHIN_CYRILLIC.sub("\u034f", text)):
        yield from _read(piece, words, glued)


@cache
def _words_of(language: str) -> tuple[Mapping[str, int], re.Pattern[str]]:
    """Give the words for numbers, and a pattern of several that are written as one: "ninezerofive"."""
    words = {word: n for each in (*LANGUAGES, language) for word, n in NUMBER_WORDS.get(each, {}).items()}
    for word in DIGITS.get(language, "").split():
        read = (_as_read(sign) for sign in WITHIN_CYRILLIC.sub("", word))
        words["".join(each for each in read if each).casefold()] = 1
    return words, re.compile(f"(?:{'|'.join(word for word in words if len(word) >= SHORTEST_GLUED)})+")


class _Letter(NamedTuple):
    """One letter or digit as it is read, and where it stands."""

    at: int
    read: str


def _pieces(text: str) -> Iterator[list[_Letter]]:
    """Give the runs of letters and digits; marks and what is not seen part nothing."""
    piece: list[_Letter] = []
    for at, sign in enumerate(text):
        read = _as_read(sign)
        if read:
            piece += [_Letter(at, each) for each in read]
        elif read is not None and piece:
            yield piece
            piece = []
    if piece:
        yield piece


@lru_cache(maxsize=4096)
def _as_read(sign: str) -> str | None:
    """Read one sign as letters and digits; nothing of what parts, None of what is not seen."""
    if sign in UNSEEN or unicodedata.category(sign) in {"Mn", "Mc", "Me", "Cf"}:
        return None
    if sign == KEYCAP_TEN:
        return "10"
    value = unicodedata.numeric(sign, None)
    if value is not None:
        return str(int(value)) if value == int(value) else ""
    kept = [each for each in unicodedata.normalize("NFKD", sign) if each.isalnum()]
    digits = all(each in ALONE or unicodedata.digit(each, None) is not None for each in kept)
    if not sign.isalnum() and not digits:
        return ""  # A sign such as that for "bar" is no word, and hides nothing.
    return "".join(map(_plain_digit, kept))


def _plain_digit(sign: str) -> str:
    value = unicodedata.digit(sign, None)
    return sign if value is None else str(value)


def _read(piece: list[_Letter], words: Mapping[str, int], glued: re.Pattern[str]) -> Iterator[_Token]:
    """Say what a run of letters and digits is: a number, a word for one, or a word that parts."""
    start, end = piece[0].at, piece[-1].at + 1
    read = "".join(each.read for each in piece)
    word, digits = read.casefold(), [n for n, each in enumerate(read) if each.isdecimal()]
    if word in LINKS:
        return
    if word in words:
        yield _Token(start, end, words[word])
    elif _is_digits(read, found=bool(digits)):
        yield _Token(start, end, len(read))
    elif glued.fullmatch(word):
        yield _Token(start, end, _digits_of_glued(word, words))
    elif len(digits) >= FEWEST_DIGITS:
        yield _Token(start, end, len(digits), follows=False, goes_on=False)
    else:  # Digits at either end of a word go on, or have come before: "a905 555 0177x".
        leading = len(read) - len(read.lstrip("0123456789"))
        trailing = len(read) - len(read.rstrip("0123456789"))
        yield _Token(start, piece[leading - 1].at + 1 if leading else start, leading, goes_on=False)
        yield _Token(piece[-trailing].at if trailing else end, end, trailing, follows=False)


def _is_digits(read: str, *, found: bool) -> bool:
    """Whether all of it is read as digits: look-alikes beside a digit, or two capitals and more."""
    if not all(each.isdecimal() or each in LOOK_ALIKES for each in read):
        return False
    return found or (read in ALONE if len(read) == 1 else read.upper() == read)


def _digits_of_glued(word: str, words: Mapping[str, int]) -> int:
    """Count the digits of words that were written as one, where it can be taken apart: the most."""
    most: dict[int, int] = {0: 0}  # Up to which letter -> for how many digits.
    for at in range(len(word)):
        for each, digits in words.items():
            if at in most and len(each) >= SHORTEST_GLUED and word.startswith(each, at):
                end = at + len(each)
                most[end] = max(most.get(end, 0), most[at] + digits)
    return most.get(len(word), 0)
