"""Lists to put in order: numbers, words, dates, sizes and events.

Items are stored in the right order and shown shuffled, so that reading the table is enough to
check a reference.
"""

from random import Random

from demo.prompts.record import Collector, Difficulty, Endings, PromptRecord

ENDINGS = (
    "Answer with the list only, separated by commas.",
    "Only the ordered list, please.",
    "Give just the items in order, with commas.",
    "Reply with the sorted list and nothing else.",
)

ITEMS: tuple[tuple[Difficulty, str, str], ...] = (
    ("easy", "Sort these numbers from smallest to largest", "1 > 2 > 3"),
    ("easy", "Put the numbers in increasing order", "4 > 6 > 9"),
    ("easy", "Order from low to high", "10 > 20 > 30"),
    ("easy", "Sort the letters alphabetically", "a > b > c"),
    ("easy", "Arrange these letters as in the alphabet", "D > K > M > T"),
    ("easy", "Write these words in alphabetical order", "apple > banana > cherry"),
    ("easy", "Order by size, smallest animal first", "ant > cat > horse"),
    ("easy", "Sort largest number first", "8 > 5 > 2"),
    (
        "easy",
        "Put the days in the order of the week, starting with Monday",
        "Monday > Tuesday > Wednesday",
    ),
    ("easy", "Order these meals as they come in a day", "breakfast > lunch > dinner"),
    ("easy", "Arrange from youngest to oldest", "baby > teenager > grandmother"),
    ("easy", "List the months as they come in the year", "January > February > March"),
    ("easy", "Order these medals, best first", "gold > silver > bronze"),
    ("easy", "Sort ascending", "15 > 27 > 33 > 48"),
    ("easy", "Alphabetical order for these names", "Ben > Carl > Dora"),
    ("easy", "From coldest to hottest", "ice > warm water > fire"),
    ("medium", "Sort these in descending order", "91 > 72 > 56 > 38 > 14"),
    ("medium", "Put these numbers in ascending order", "-7 > -2 > 0 > 3 > 11"),
    ("medium", "Alphabetise", "garden > lemon > mirror > pencil > tiger"),
    (
        "medium",
        "Order the planets by distance from the Sun, nearest first",
        "Mercury > Earth > Jupiter > Neptune",
    ),
    (
        "medium",
        "Sort the months by their place in the calendar",
        "March > June > August > November",
    ),
    ("medium", "From shortest to longest time", "second > minute > hour > day > week"),
    ("medium", "Order the words by length, shortest first", "ox > cow > goat > tiger > monkey"),
    (
        "medium",
        "Arrange the units from lightest to heaviest",
        "milligram > gram > kilogram > tonne",
    ),
    ("medium", "Sort the years from earliest to latest", "1492 > 1789 > 1914 > 1969 > 2001"),
    (
        "medium",
        (
            "Order by price, cheapest first. The price is in brackets; list only the names. pen"
            " (2), bag (30), cup (8), book (12)"
        ),
        "pen > cup > book > bag",
    ),
    (
        "medium",
        "Put these steps of making tea in order",
        "boil water > pour water > let it steep > drink",
    ),
    ("medium", "Sort these decimals upwards", "0.5 > 1.25 > 2.75 > 3.1"),
    ("medium", "Order by size from small to big", "village > town > country > continent"),
    ("medium", "Sort these times from early to late", "06:30 > 09:15 > 13:00 > 21:45"),
    (
        "medium",
        "Arrange the life stages of a butterfly, first one first",
        "egg > caterpillar > chrysalis > butterfly",
    ),
    (
        "hard",
        "Sort these numbers, smallest first (mind the decimals)",
        "0.09 > 0.3 > 0.305 > 0.35 > 0.5",
    ),
    ("hard", "Order these fractions from smallest to largest", "1/5 > 1/3 > 3/8 > 1/2 > 2/3"),
    ("hard", "Sort these words alphabetically", "stable > stack > staff > stage > stamp > starch"),
    (
        "hard",
        "Arrange these dates (day/month/year) from earliest to latest",
        "30/11/2019 > 02/12/2019 > 15/01/2020 > 09/03/2020",
    ),
    ("hard", "Sort by the last letter of each word, A to Z", "sofa > club > bread > hotel > piano"),
    (
        "hard",
        "Put these lengths in order, shortest first",
        "45 mm > 0.2 m > 35 cm > 1.1 m > 0.004 km",
    ),
    (
        "hard",
        "Order these inventions from earliest to latest",
        "wheel > printing press > steam engine > telephone > television",
    ),
    ("hard", "Sort descending", "1002 > 998 > 201 > 120 > 102 > 89 > -15 > -51"),
    (
        "hard",
        (
            "Kai is taller than Lou. Lou is taller than Ann. Max is taller than Kai. List the"
            " people from tallest to shortest"
        ),
        "Max > Kai > Lou > Ann",
    ),
    (
        "hard",
        "Order by number of letters, most letters first",
        "watermelon > blueberry > cherries > apricot > banana > melon > plum",
    ),
    ("hard", "Sort by the sum of the digits, smallest sum first", "100 > 21 > 13 > 32 > 15 > 70"),
    (
        "hard",
        "Order these elements by atomic number, lowest first",
        "helium > carbon > oxygen > sodium > iron > gold",
    ),
    (
        "hard",
        "Arrange these durations, shortest first",
        "200 seconds > 5 minutes > half an hour > 45 minutes > 1.5 hours",
    ),
)


def make() -> list[PromptRecord]:
    """Return the ordering prompts, each list shown in a shuffled order."""
    rng = Random(110)
    endings = Endings(rng, ENDINGS)
    out = Collector("ordering")
    for difficulty, text, reference in ITEMS:
        right = reference.split(" > ")
        shown = list(right)
        while shown == right:
            rng.shuffle(shown)
        listing = "." if "(2)" in text or "Kai" in text else f": {', '.join(shown)}."
        prompt = f"{text}{listing} {endings.next()}"
        out.add(difficulty, prompt, "list", reference)
    return out.records
