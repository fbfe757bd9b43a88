"""Arithmetic from single sums to multi-step word problems.

Every reference is the value of the Python expression stored beside the text, so a wrong key can
only come from a wrong expression, never from a slip in calculating it.
"""

from collections.abc import Callable
from random import Random

from demo.prompts.record import (
    NUMBER_ONLY,
    Collector,
    Difficulty,
    Endings,
    PromptRecord,
    show_number,
)

FIXED: tuple[tuple[Difficulty, str, float], ...] = (
    ("easy", "What is 3 + 4?", 3 + 4),
    ("easy", "10 - 6 = ?", 10 - 6),
    ("easy", "Please add 20 and 15.", 20 + 15),
    ("easy", "Calculate 5 times 2.", 5 * 2),
    ("easy", "What do you get if you double 8?", 2 * 8),
    ("easy", "Half of 12 is what number?", 12 / 2),
    ("easy", "Compute 1 + 1 + 1.", 3),
    ("easy", "Subtract 5 from 9.", 9 - 5),
    ("easy", "Which number comes right after 99 when counting?", 100),
    ("easy", "How much is 100 divided by 10?", 100 / 10),
    ("easy", "6 × 7 equals", 6 * 7),
    ("easy", "I have two apples and you give me three more. How many apples do I have?", 2 + 3),
    ("medium", "Evaluate 47 + 38.", 47 + 38),
    ("medium", "Find the product of 12 and 13.", 12 * 13),
    ("medium", "What is 15% of 200?", 0.15 * 200),
    ("medium", "Work out (8 + 4) * 3.", (8 + 4) * 3),
    ("medium", "What is the square root of 144?", 12),
    ("medium", "Take 258 away from 1000.", 1000 - 258),
    ("medium", "What is 2 to the power of 7?", 2**7),
    ("medium", "Give the remainder when 29 is divided by 6.", 29 % 6),
    ("medium", "20 - 3 * 4 + 2 = ?", 20 - 3 * 4 + 2),
    ("medium", "Write three quarters of 60 as a whole number.", 60 * 3 / 4),
    ("medium", "What is the average of 4, 8 and 12?", (4 + 8 + 12) / 3),
    ("hard", "Multiply 347 by 26.", 347 * 26),
    ("hard", "Evaluate ((15 - 7) * 9 - 12) / 4 + 2**5.", ((15 - 7) * 9 - 12) / 4 + 2**5),
    ("hard", "What is the sum of all whole numbers from 1 to 40?", sum(range(1, 41))),
    ("hard", "Find the greatest common divisor of 84 and 126.", 42),
    ("hard", "What is the smallest prime number greater than 90?", 97),
    ("hard", "What is 7 factorial minus 6 factorial?", 5040 - 720),
)

Template = tuple[Difficulty, Callable[[Random], tuple[str, float]]]


def _shop(rng: Random) -> tuple[str, float]:
    n, p = rng.randint(3, 6), rng.randint(2, 5)
    return f"A notebook costs {p} dollars. What do {n} of them cost in dollars?", n * p


def _bus(rng: Random) -> tuple[str, float]:
    a, off, on = rng.randint(18, 30), rng.randint(4, 9), rng.randint(2, 8)
    text = f"A bus carries {a} people. At one stop {off} get off and {on} get on."
    return f"{text} How many people are on the bus now?", a - off + on


def _eggs(rng: Random) -> tuple[str, float]:
    boxes, broken = rng.randint(4, 9), rng.randint(3, 8)
    text = f"Nadia buys {boxes} boxes with 12 eggs in each, and {broken} eggs break on the way."
    return f"{text} How many whole eggs are left?", boxes * 12 - broken


def _discount(rng: Random) -> tuple[str, float]:
    price, cut = rng.choice((40, 60, 80)), rng.choice((15, 25, 35))
    text = f"A coat has a price tag of {price} euros and is sold at {cut}% off."
    return f"{text} How many euros does a buyer pay?", price * (100 - cut) / 100


def _fence(rng: Random) -> tuple[str, float]:
    w, h = rng.randint(6, 14), rng.randint(15, 24)
    text = f"A garden is a rectangle {w} metres wide and {h} metres long."
    return f"{text} What length of fence, in metres, goes all the way around it?", 2 * (w + h)


def _share(rng: Random) -> tuple[str, float]:
    kids, each, left = rng.randint(4, 7), rng.randint(5, 9), rng.randint(1, 3)
    text = f"{kids} children share {kids * each + left} marbles equally, as many each as possible."
    return f"{text} How many marbles remain over?", left


def _saving(rng: Random) -> tuple[str, float]:
    start, weekly, goal = rng.randint(10, 40), rng.randint(6, 9), rng.randint(8, 14)
    text = f"Omar has {start} dollars and saves {weekly} dollars every week for a bike."
    price = start + weekly * goal
    return f"{text} The bike costs {price} dollars. After how many weeks can he buy it?", goal


def _tank(rng: Random) -> tuple[str, float]:
    fill, leak, hours = rng.randint(12, 18), rng.randint(2, 5), rng.randint(6, 9)
    text = f"A pump fills an empty tank with {fill} litres an hour while a leak loses {leak}."
    size = (fill - leak) * hours
    return f"{text} The tank holds {size} litres. How many hours until it is full?", hours


def _ages(rng: Random) -> tuple[str, float]:
    child, gap = rng.randint(7, 12), rng.randint(22, 30)
    total = child + child + gap
    text = f"A father is {gap} years older than his daughter; together they are {total}."
    return f"{text} How old is the daughter?", child


def _mixed_cart(rng: Random) -> tuple[str, float]:
    pens, cards, bill = rng.randint(3, 7), rng.randint(2, 5), 50
    text = f"Lea buys {pens} pens at 2.50 each and {cards} cards at 3.20 each."
    paid = pens * 2.5 + cards * 3.2
    return f"{text} How much change does she get from a {bill} euro note?", bill - paid


def _trains(rng: Random) -> tuple[str, float]:
    a, b, hours = rng.randint(60, 90), rng.randint(91, 120), rng.randint(2, 4)
    text = f"Two trains {(a + b) * hours} km apart drive towards each other at {a} and {b} km/h."
    return f"{text} After how many hours do they meet?", hours


WORD_PROBLEMS: tuple[Template, ...] = (
    ("easy", _shop),
    ("medium", _bus),
    ("medium", _eggs),
    ("medium", _fence),
    ("medium", _share),
    ("hard", _discount),
    ("hard", _saving),
    ("hard", _tank),
    ("hard", _ages),
    ("hard", _mixed_cart),
    ("hard", _trains),
)

MORE: tuple[tuple[Difficulty, str, float], ...] = (
    ("easy", "Tom had 8 balloons. Two flew away. How many balloons does Tom still have?", 8 - 2),
    ("easy", "There are 4 chairs at one table and 4 at another. How many chairs in all?", 4 + 4),
    ("easy", "A cat has four legs. How many legs do 2 cats have together?", 8),
    ("easy", "A box holds 10 candles. How many candles are in 3 boxes?", 30),
    (
        "medium",
        "A baker made 144 rolls and packed them in bags of six. How many bags did he fill?",
        144 / 6,
    ),
    (
        "hard",
        "A class of 28 has three girls for every four boys. How many girls are in the class?",
        28 * 3 / 7,
    ),
    (
        "hard",
        (
            "A worker earns 14 dollars an hour and one and a half times that after 8 hours a day. "
            "How many dollars does he earn for an 11-hour day?"
        ),
        14 * 8 + 14 * 1.5 * 3,
    ),
)


def make() -> list[PromptRecord]:
    """Return the arithmetic prompts."""
    rng = Random(101)
    endings = Endings(rng, NUMBER_ONLY)
    out = Collector("arithmetic")
    for difficulty, text, value in FIXED + MORE:
        out.add(difficulty, f"{text} {endings.next()}", "numeric", show_number(value))
    for difficulty, template in WORD_PROBLEMS:
        text, value = template(rng)
        out.add(difficulty, f"{text} {endings.next()}", "numeric", show_number(value))
    return out.records
