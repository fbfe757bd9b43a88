"""Which texts may share an answer: near as vectors, and equal in what vectors hardly see.

Vectors put "rain in Paris in 2023" next to "rain in Rome in 2024". So numbers, names, quotations,
negations, opposites and the words of a question must be equal in addition; the distance says the
rest. English is what the words are listed in: of other languages numbers, quotations, capitals,
signs and every word in another script than Latin are held against each other.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b

from routewright.encoders.frozen import FrozenEncoder, fingerprint_of
from routewright.encoders.named import make
from routewright.errors import ConfigError

MOST_CHARS = 500  # every encoder reads so much to its end
_RULES = 1  # counted up when texts are told apart otherwise: a calibration then holds no more

_QUOTED = re.compile(
    r'"([^"\n]+)"|“([^”\n]+)”|„([^“”\n]+)[“”]|«([^»\n]+)»|`([^`\n]+)`|(?<!\w)\'([^\'\n]+)\'(?!\w)'
)
_WORD = re.compile(r"[^\W_]+(?:[-'’._,:][^\W_]+)*|_\w+|[^\w\s]")
_ENDS = frozenset(".!?:;")
_SIGNS = frozenset("*/%&#@")  # and all that Unicode calls a symbol


def _words(told: str) -> frozenset[str]:
    return frozenset(told.split())


_NUMBERS = _words("""
    zero one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty
    sixty seventy eighty ninety hundred thousand million billion half third quarter double twice
    triple once dozen first second fourth fifth last next previous
""")
_OPPOSED = _words("""
    not no never none nothing nobody neither nor without except unless cannot only but against
    when where who whom whose why how many much before after more less most least fewer larger
    smaller largest smallest bigger biggest highest lowest higher lower max min maximum minimum
    increase decrease up down out off over under above below left right north south east west
    from buy sell open close start stop true false yes and or all any some every
    each best worst better worse good bad old new young hot cold long short fast slow always
    positive negative even odd add remove enable disable allow deny than male female he she
    his her son daughter father mother today tomorrow yesterday morning evening
""")
_OPENERS = _words("""
    a an the what which is are was were be am can could do does did will would shall should may
    might must have has had please tell explain write give list name show describe define find
    calculate compute translate summarise summarize i my me we our you your it this that these
    those there if of for let help make create hello hi hey thanks suppose consider
""")


def comparable(text: str) -> bool:
    """Whether a text can be like another: one short line.

    What has several lines is a form with something in it, a table, a program, a puzzle, which is
    most of the text's meaning and little of its vector.
    """
    said = text.strip()
    return 0 < len(said) <= MOST_CHARS and len(said.splitlines()) == 1


def marks(text: str) -> bytes:
    """A digest of what must be equal in two texts before their distance counts (16 bytes)."""
    names: list[str] = []
    numbers: list[str] = []
    counted: list[str] = []
    quoted = [found[found.lastindex or 0] for found in _QUOTED.finditer(text)]
    begins = True
    for word in _WORD.findall(text):
        low = word.casefold()
        if word in _ENDS:
            begins = True
            continue
        if any(map(str.isdigit, word)) or low in _NUMBERS:
            numbers.append(low)
        elif low in _OPPOSED or low.endswith(("n't", "n’t")):
            counted.append(low)
        elif _is_foreign(word) or _is_name(word, low, begins=begins):
            names.append(low)
        elif word in _SIGNS or unicodedata.category(word[0]).startswith("S"):
            numbers.append(word)  # signs stand between numbers, and their order tells
        begins = False
    told = "\0".join(["\1".join(part) for part in (quoted, numbers, names, sorted(counted))])
    return blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def opened(name: str) -> tuple[FrozenEncoder, str]:
    """An encoder that can be calibrated, ready to use, and its name with what identifies it.

    Raises:
        ConfigError: it learns from texts, so that it is another one after each training.
        WeightsError: its weights are not here.
    """
    encoder = make(name)
    if not isinstance(encoder, FrozenEncoder):
        raise ConfigError(f"encoder {name!r} learns from texts; take one that is fixed: static")
    encoder.fit(())
    identity = fingerprint_of("alike", _RULES, MOST_CHARS, encoder.fingerprint_.hex())
    return encoder, f"{name}@{identity.hex()[:12]}"


def calibrated(identity: str) -> FrozenEncoder:
    """The encoder that a threshold was found for.

    Args:
        identity: the name with its identity, as ``opened`` gives it.

    Raises:
        ConfigError: the encoder here, or how texts are told apart, is another.
    """
    encoder, here = opened(identity.rpartition("@")[0] or identity)
    if here != identity:
        raise ConfigError(
            f"gateway.cache.encoder is {identity!r}, and here is {here}: the threshold was not "
            "found for it; run routewright cache calibrate again"
        )
    return encoder


def _is_name(word: str, low: str, *, begins: bool) -> bool:
    """Whether a word is written as a name; one that may begin a sentence anyhow is none there."""
    if "_" in word or any(map(str.isupper, word[1:])):
        return True
    return word[0].isupper() and word != "I" and not (begins and low in _OPENERS)


def _is_foreign(word: str) -> bool:
    """Whether a letter is of another script than Latin, which not every encoder reads."""
    return not word.isascii() and any(c.isalpha() and ord(c) > 0x24F for c in word)
