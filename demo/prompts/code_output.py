"""Python snippets whose printed line the reader has to predict.

The references come from running the snippets here, at generation time, so they cannot disagree
with Python.
"""

import contextlib
import io
import re
from random import Random
from typing import Any

from demo.prompts.record import Collector, Difficulty, Endings, PromptRecord

OPENINGS = (
    "What does this Python code print?",
    "Give the output of this program.",
    "Say what comes out of the following code.",
    "Read the code below and state its result on screen.",
    "Which text will Python show here?",
    "You are the interpreter now: execute this.",
    "What is printed when this runs?",
    "Predict the output of this Python snippet.",
    "Run this in your head. What appears on the screen?",
)
ENDINGS = (
    "Answer with the output only.",
    "Only the printed text.",
    "Just the output, no explanation.",
    "Reply with the output alone.",
    "Nothing else, please.",
    "Write exactly the printed line.",
)

SNIPPETS: tuple[tuple[Difficulty, str], ...] = (
    ("easy", 'print("hello")'),
    ("easy", "print(2 + 3)"),
    (
        "easy",
        """
x = 5
print(x)
""",
    ),
    (
        "easy",
        """
name = "Mia"
print(name)
""",
    ),
    ("easy", "print(10 - 4)"),
    ("easy", 'print("good" + " " + "morning")'),
    (
        "easy",
        """
a = 3
b = 4
print(a * b)
""",
    ),
    ("easy", "print(len([1, 2, 3]))"),
    ("easy", "print(max(4, 11))"),
    ("easy", 'print("cat".replace("c", "h"))'),
    (
        "easy",
        """
n = 7
n = n + 1
print(n)
""",
    ),
    ("easy", "print(5 > 2)"),
    (
        "easy",
        """
fruits = ["apple", "plum"]
print(fruits[0])
""",
    ),
    (
        "easy",
        """
if 3 < 1:
    print("yes")
else:
    print("no")
""",
    ),
    ("easy", 'print("la" * 3)'),
    ("easy", "print(sum([1, 2, 3]))"),
    ("easy", 'print(str(12) + "!")'),
    ("medium", "print(17 % 5)"),
    ("medium", "print(7 // 2)"),
    (
        "medium",
        """
word = "python"
print(word[1:4])
""",
    ),
    (
        "medium",
        """
total = 0
for i in range(5):
    total += i
print(total)
""",
    ),
    (
        "medium",
        """
nums = [4, 1, 3]
nums.sort()
print(nums)
""",
    ),
    (
        "medium",
        """
d = {"a": 1, "b": 2}
d["a"] = 5
print(d["a"] + d["b"])
""",
    ),
    ("medium", "print([x * x for x in range(4)])"),
    (
        "medium",
        """
s = "banana"
print(s.count("a"))
""",
    ),
    (
        "medium",
        """
def f(x):
    return x * 2 + 1
print(f(f(3)))
""",
    ),
    (
        "medium",
        """
i = 1
while i < 50:
    i = i * 3
print(i)
""",
    ),
    (
        "medium",
        """
words = "one two three".split()
print(words[-1])
""",
    ),
    (
        "medium",
        """
items = [1, 2, 3, 4, 5, 6]
print(items[::2])
""",
    ),
    ("medium", 'print("-".join(["x", "y", "z"]))'),
    (
        "medium",
        """
a, b = 1, 2
a, b = b, a + b
print(a, b)
""",
    ),
    ("medium", "print(2 ** 3 ** 1 + 10 / 5)"),
    ("medium", "print(bool([]) or len('four') == 4)"),
    (
        "hard",
        """
x = [1, 2]
y = x
y.append(3)
print(len(x))
""",
    ),
    (
        "hard",
        """
def g(v, box=[]):
    box.append(v)
    return len(box)
g(1)
g(2)
print(g(3))
""",
    ),
    (
        "hard",
        """
n = 27
steps = 0
while n > 1 and steps < 8:
    n = n // 2 if n % 2 == 0 else 3 * n + 1
    steps += 1
print(n)
""",
    ),
    (
        "hard",
        """
r = 0
for i in range(1, 6):
    for j in range(i):
        if (i + j) % 3 == 0:
            r += i * j
print(r)
""",
    ),
    (
        "hard",
        """
def h(n):
    return n if n < 3 else h(n - 1) + h(n - 3)
print(h(9))
""",
    ),
    (
        "hard",
        """
fs = [lambda: i for i in range(4)]
print(sum(f() for f in fs))
""",
    ),
    (
        "hard",
        """
s = "abcdefgh"
print(s[6:1:-2] + s[-2])
""",
    ),
    (
        "hard",
        """
from functools import reduce
print(reduce(lambda a, b: a * 10 + b % 4, [5, 6, 7, 8]))
""",
    ),
    (
        "hard",
        """
m = [[1, 2, 3], [4, 5, 6]]
print([sum(c) * i for i, c in enumerate(zip(*m))])
""",
    ),
    (
        "hard",
        """
try:
    v = int("4x")
except ValueError:
    v = -1
else:
    v = 10
finally:
    v = v * 3
print(v)
""",
    ),
    (
        "hard",
        """
seen = {}
for w in 'mississippi':
    seen[w] = seen.get(w, 0) + 1
print(sorted(seen.values(), reverse=True)[1:])
""",
    ),
    (
        "hard",
        """
def walk(n):
    while n:
        yield n & 3
        n >>= 2
print(list(walk(114)))
""",
    ),
)


def output_of(snippet: str) -> str:
    """Run one of the snippets above and return what it prints."""
    printed = io.StringIO()
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(printed):
        exec(snippet, names)
    return printed.getvalue().strip()


def make() -> list[PromptRecord]:
    """Return the output prediction prompts."""
    rng = Random(106)
    openings, endings = Endings(rng, OPENINGS), Endings(rng, ENDINGS)
    out = Collector("code_output")
    for difficulty, stored in SNIPPETS:
        snippet = stored.strip()
        reference = output_of(snippet)
        grader = "numeric" if re.fullmatch(r"-?\d+(\.\d+)?", reference) else "exact"
        text = f"{openings.next()} {endings.next()}\n\n{snippet}"
        out.add(difficulty, text, grader, reference)
    return out.records
