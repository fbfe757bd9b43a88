"""Small operations on given words and sentences, computed with string methods.

The table stores the expression, so that a reference cannot contain a counting slip.
"""

import json
from random import Random

from demo.prompts.record import NUMBER_ONLY, Collector, Difficulty, Endings, PromptRecord

ENDINGS = (
    "Only the result.",
    "Answer with the result alone.",
    "Reply with just the text asked for.",
    "No explanation.",
)

Row = tuple[Difficulty, str, str | int]


def easy_rows() -> tuple[Row, ...]:
    """Return the easy questions."""
    return (
        ("easy", "Write the word 'cat' in capital letters.", "cat".upper()),
        ("easy", "Repeat the word 'tree'.", "tree"),
        ("easy", "What is the first letter of 'lamp'?", "lamp"[0]),
        ("easy", "Write 'HELLO' in lowercase letters.", "HELLO".lower()),
        ("easy", "What is the last word of this sentence: 'I like green tea'?", "tea"),
        ("easy", "How many letters are in the word 'dog'?", len("dog")),
        ("easy", "Join 'sun' and 'flower' into one word.", "sun" + "flower"),
        ("easy", "What is the first word in 'Birds sing early'?", "Birds"),
        ("easy", "Add the letter 's' to the end of 'book'.", "book" + "s"),
        ("easy", "Write the word 'ha' three times in a row without spaces.", "ha" * 3),
        ("easy", "How many words are in 'big red bus'?", len(["big", "red", "bus"])),
        ("easy", "Which letter does the word 'zebra' begin with?", "zebra"[0]),
        ("easy", "Write your answer in capitals: 'stop'.", "stop".upper()),
        (
            "easy",
            "Replace 'dog' by 'cat' in: 'The dog sleeps'.",
            "The dog sleeps".replace("dog", "cat"),
        ),
        ("easy", "Put the word 'very' in front of 'nice day'.", "very nice day"),
        ("easy", "Which letter is in the middle of 'cup'?", "cup"[1]),
        ("easy", "What is the last letter of 'bread'?", "bread"[-1]),
    )


def medium_rows() -> tuple[Row, ...]:
    """Return the medium questions."""
    return (
        ("medium", "Spell 'star' backwards.", "star"[::-1]),
        ("medium", "How many letters does 'elephant' have?", len("elephant")),
        (
            "medium",
            "What is the third word of 'We walked home slowly'?",
            ["We", "walked", "home", "slowly"][2],
        ),
        ("medium", "Remove all spaces from 'a b c d'.", "abcd"),
        ("medium", "How often does the letter 'a' occur in 'banana'?", "banana".count("a")),
        ("medium", "Delete the vowels from 'table'.", "tbl"),
        ("medium", "What is the fourth letter of 'garden'?", "garden"[3]),
        ("medium", "Replace every 'o' with '0' in 'foolproof'.", "foolproof".replace("o", "0")),
        (
            "medium",
            "Take the first letter of each word in 'red apples never drop' and join them.",
            "rand",
        ),
        ("medium", "Write 'snow white house' with hyphens instead of spaces.", "snow-white-house"),
        ("medium", "Reverse the order of the words in 'you love I'.", "I love you"),
        ("medium", "How many words does this have: 'The quick train left the old station'?", 7),
        ("medium", "Cut the last three letters off 'running'.", "running"[:-3]),
        ("medium", "Which word is longest: 'pear', 'orange', 'fig', 'plum'?", "orange"),
        ("medium", "Swap the two words: 'left right'.", "right left"),
        (
            "medium",
            "Give the initials of 'Nina Laura Berg' as capital letters without dots.",
            "NLB",
        ),
    )


def hard_rows() -> tuple[Row, ...]:
    """Return the hard questions."""
    return (
        ("hard", "Reverse the word 'dictionary'.", "dictionary"[::-1]),
        (
            "hard",
            "Count the letter 'e' in 'The eleven elves were never here'.",
            "The eleven elves were never here".lower().count("e"),
        ),
        (
            "hard",
            "Take every second letter of 'abcdefghij', beginning with the first.",
            "abcdefghij"[::2],
        ),
        (
            "hard",
            "Shift each letter of 'hello' one place forward in the alphabet.",
            "".join(chr(ord(c) + 1) for c in "hello"),
        ),
        (
            "hard",
            "Sort the letters of 'planet' alphabetically and write them as one word.",
            "".join(sorted("planet")),
        ),
        (
            "hard",
            "Spell each word backwards but keep the word order: 'open the door'.",
            " ".join(w[::-1] for w in ["open", "the", "door"]),
        ),
        (
            "hard",
            "How many consonants are in 'strawberry' (y counts as a consonant)?",
            sum(c not in "aeiou" for c in "strawberry"),
        ),
        (
            "hard",
            "Write each letter of 'moon' twice in a row, as one word.",
            "".join(c * 2 for c in "moon"),
        ),
        (
            "hard",
            (
                "Which letter stands exactly in the middle of 'microscope plan' once the space is"
                " removed and the first letter is dropped?"
            ),
            "microscopeplan"[1:][6],
        ),
        (
            "hard",
            (
                "Remove every letter that appears more than once in 'committee', keeping the others"
                " in order."
            ),
            "".join(c for c in "committee" if "committee".count(c) == 1),
        ),
        (
            "hard",
            "Move the first three letters of 'sandwich' to its end.",
            "sandwich"[3:] + "sandwich"[:3],
        ),
        (
            "hard",
            "How many times does 'an' occur in 'a banana and an orange can'?",
            "a banana and an orange can".count("an"),
        ),
    )


def text_check(question: str, answer: str) -> tuple[str, str]:
    """Return the grader and reference for a text answer.

    Answers about case need a check that sees case. An answer that is no part of the question
    cannot be met by repeating the question, so a sentence around it is fine; any other answer
    has to stand alone.
    """
    if "capital letters" in question or "capitals" in question or "lowercase" in question:
        case = "uppercase" if answer.isupper() else "lowercase"
        checks = [
            {"check": case},
            {"check": "contains", "text": answer},
            {"check": "words", "min": 1, "max": 3},
        ]
        return "format", json.dumps(checks)
    if len(answer) > 1 and answer.casefold() not in question.casefold():
        return "contains", answer
    return "exact", answer


def make() -> list[PromptRecord]:
    """Return the string manipulation prompts."""
    rng = Random(114)
    texts, numbers = Endings(rng, ENDINGS), Endings(rng, NUMBER_ONLY)
    out = Collector("string_manipulation")
    for difficulty, text, answer in easy_rows() + medium_rows() + hard_rows():
        if isinstance(answer, int):
            out.add(difficulty, f"{text} {numbers.next()}", "numeric", str(answer))
            continue
        grader, reference = text_check(text, answer)
        out.add(difficulty, f"{text} {texts.next()}", grader, reference)
    return out.records
