"""Four-option questions on general knowledge, science and common sense.

The right option is written first in the table below; placing it is the program's work, so that
the letters A to D are right equally often and the author's habits leave no pattern.
"""

from random import Random

from demo.prompts.record import Collector, Difficulty, Endings, PromptRecord

ENDINGS = (
    "Answer with the letter only.",
    "Reply with A, B, C or D.",
    "Which letter is right? Give just the letter.",
    "Write only the letter of the correct option.",
)

ITEMS: tuple[tuple[Difficulty, str, tuple[str, str, str, str]], ...] = (
    ("easy", "Which of these is a fruit?", ("Banana", "Hammer", "Shirt", "Chair")),
    ("easy", "What colour is fresh grass?", ("Green", "Purple", "Black", "Pink")),
    ("easy", "Which animal can fly?", ("Sparrow", "Horse", "Dog", "Shark")),
    ("easy", "What do you use to cut paper?", ("Scissors", "Spoon", "Pillow", "Cup")),
    ("easy", "Where do fish live?", ("In water", "In trees", "In the clouds", "In ovens")),
    ("easy", "Which number is the largest?", ("90", "12", "45", "7")),
    ("easy", "What is the opposite of hot?", ("Cold", "Tall", "Loud", "Soft")),
    ("easy", "Which season is the coldest in Canada?", ("Winter", "Summer", "Spring", "Autumn")),
    ("easy", "Which day comes after Monday?", ("Tuesday", "Sunday", "Friday", "Saturday")),
    ("easy", "What is 2 + 5?", ("7", "10", "3", "25")),
    ("easy", "Which of these do you wear on your feet?", ("Shoes", "Gloves", "Hat", "Scarf")),
    ("easy", "Who treats sick people?", ("Doctor", "Baker", "Pilot", "Painter")),
    ("easy", "Which of these is a vehicle?", ("Bus", "Apple", "River", "Book")),
    ("easy", "What do cows drink when they are thirsty?", ("Water", "Coffee", "Petrol", "Paint")),
    ("easy", "Which shape has three sides?", ("Triangle", "Square", "Circle", "Pentagon")),
    ("easy", "Which city is the capital of England?", ("London", "Madrid", "Oslo", "Cairo")),
    ("easy", "Which part of the body do you see with?", ("Eyes", "Knees", "Elbows", "Hair")),
    ("easy", "What falls from the sky when it rains?", ("Water", "Sand", "Milk", "Leaves")),
    (
        "medium",
        "Which gas do green plants give off in sunlight?",
        ("Oxygen", "Helium", "Methane", "Chlorine"),
    ),
    ("medium", "Which of these is a mammal?", ("Whale", "Salmon", "Eagle", "Frog")),
    (
        "medium",
        "What force pulls a dropped stone to the ground?",
        ("Gravity", "Friction", "Magnetism", "Electricity"),
    ),
    ("medium", "Which planet is closest to the Sun?", ("Mercury", "Venus", "Earth", "Neptune")),
    (
        "medium",
        "Which instrument measures temperature?",
        ("Thermometer", "Barometer", "Compass", "Ruler"),
    ),
    (
        "medium",
        "Your bread has green fuzz on it. What is it most likely?",
        ("Mould", "Paint", "Frost", "Sugar"),
    ),
    ("medium", "Which of these numbers is prime?", ("17", "15", "21", "27")),
    (
        "medium",
        "Which continent is the largest by area?",
        ("Asia", "Europe", "Australia", "South America"),
    ),
    (
        "medium",
        "What is the main job of red blood cells?",
        ("Carrying oxygen", "Fighting infection", "Digesting food", "Storing memories"),
    ),
    ("medium", "Which word is an adverb?", ("Quickly", "Table", "Yellow", "Run")),
    (
        "medium",
        "Ice melts into water. What kind of change is this?",
        ("Physical", "Chemical", "Nuclear", "Biological"),
    ),
    ("medium", "Which material conducts electricity best?", ("Copper", "Wood", "Glass", "Rubber")),
    (
        "medium",
        "Which country has the Great Wall as a landmark?",
        ("China", "Peru", "Greece", "Kenya"),
    ),
    (
        "medium",
        "A phone battery is at 2% before a long trip. What should its owner do first?",
        ("Charge it", "Watch films on it", "Paint it", "Throw it away"),
    ),
    (
        "medium",
        "What does a fraction's denominator tell you?",
        (
            "Into how many equal parts the whole is split",
            "How many parts are taken",
            "Whether the number is negative",
            "The sum of all parts",
        ),
    ),
    (
        "hard",
        "Which part of a plant cell carries out photosynthesis?",
        ("Chloroplast", "Mitochondrion", "Nucleus", "Vacuole"),
    ),
    (
        "hard",
        (
            "A ball is thrown straight up. What is its acceleration at the highest point, ignoring"
            " air?"
        ),
        ("9.8 m/s² downwards", "Zero", "9.8 m/s² upwards", "19.6 m/s² downwards"),
    ),
    ("hard", "Which of these is not a noble gas?", ("Nitrogen", "Argon", "Neon", "Krypton")),
    (
        "hard",
        "In which data structure is the last item added the first to be removed?",
        ("Stack", "Queue", "Hash table", "Linked graph"),
    ),
    (
        "hard",
        "What is the worst-case number of comparisons of binary search on 1000 sorted items?",
        ("About 10", "About 500", "Exactly 1000", "About 100"),
    ),
    (
        "hard",
        "If a price rises by 20% and then falls by 20%, how does it compare with the start?",
        ("4% lower", "The same", "4% higher", "2% lower"),
    ),
    (
        "hard",
        "A fair coin has landed heads five times running. How likely is heads on the next toss?",
        ("1/2", "1/6", "1/32", "1/64"),
    ),
    (
        "hard",
        "Which sentence is in the passive voice?",
        (
            "The song was sung by Ida.",
            "Ida was singing a song.",
            "Ida has sung the song.",
            "Ida sang songs all day.",
        ),
    ),
    (
        "hard",
        "Two resistors of 6 ohms are connected in parallel. What is their total resistance?",
        ("3 ohms", "12 ohms", "6 ohms", "36 ohms"),
    ),
    (
        "hard",
        "Which blood vessels carry oxygen-rich blood from the lungs to the heart?",
        ("Pulmonary veins", "Pulmonary arteries", "Coronary arteries", "Venae cavae"),
    ),
    (
        "hard",
        "All dunks are velts, and some velts are mirks. What must then be true?",
        (
            "Nothing certain about dunks and mirks",
            "All dunks are mirks",
            "Some dunks are mirks",
            "No dunks are mirks",
        ),
    ),
)

LETTERS = "ABCD"


def make() -> list[PromptRecord]:
    """Return the multiple choice prompts with evenly spread right letters."""
    rng = Random(104)
    endings = Endings(rng, ENDINGS)
    places = [number % 4 for number in range(len(ITEMS))]
    rng.shuffle(places)
    out = Collector("multiple_choice")
    for (difficulty, question, options), place in zip(ITEMS, places, strict=True):
        others = list(options[1:])
        rng.shuffle(others)
        shown = [*others[:place], options[0], *others[place:]]
        lines = [f"{letter}) {option}" for letter, option in zip(LETTERS, shown, strict=True)]
        text = "\n".join([question, *lines, endings.next()])
        out.add(difficulty, text, "choice", LETTERS[place])
    return out.records
