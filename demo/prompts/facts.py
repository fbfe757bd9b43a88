"""Common knowledge with one short answer, from capitals to lesser known names.

All answers are stable facts; alternatives cover spellings, not different opinions.
"""

from random import Random

from demo.prompts.record import Collector, Difficulty, Endings, PromptRecord

ENDINGS = (
    "Answer in one or two words.",
    "Only the answer, please.",
    "Keep it very short.",
    "Just the answer.",
    "Reply with the name only.",
)

ITEMS: tuple[tuple[Difficulty, str, str], ...] = (
    ("easy", "What is the capital of France?", "Paris"),
    ("easy", "Which planet do people live on?", "Earth"),
    ("easy", "What is the capital city of Italy?", "Rome"),
    ("easy", "Name the star at the centre of our solar system.", "Sun"),
    ("easy", "What is frozen water called?", "ice"),
    ("easy", "Who wrote the play Romeo and Juliet?", "Shakespeare"),
    ("easy", "Which ocean lies between Europe and North America?", "Atlantic"),
    ("easy", "What is the largest planet in our solar system?", "Jupiter"),
    ("easy", "In which country is the city of Tokyo?", "Japan"),
    ("easy", "What language is mainly spoken in Brazil?", "Portuguese"),
    ("easy", "Which gas do people need to breathe in to live?", "oxygen"),
    ("easy", "What is the capital of Spain?", "Madrid"),
    ("easy", "On which continent is Egypt?", "Africa"),
    ("easy", "Which planet is known as the Red Planet?", "Mars"),
    ("easy", "Who was the first president of the United States?", "Washington"),
    ("easy", "Name the capital of Germany.", "Berlin"),
    ("easy", "Which animal says meow?", "cat | cats"),
    ("easy", "What do bees make that people eat?", "honey"),
    ("medium", "What is the chemical symbol for gold?", "Au"),
    ("medium", "What is the capital of Australia?", "Canberra"),
    ("medium", "Who painted the Mona Lisa?", "Leonardo | da Vinci"),
    ("medium", "Which is the largest ocean on Earth?", "Pacific"),
    ("medium", "Which organ pumps blood through the human body?", "heart"),
    ("medium", "In which year did the Second World War end?", "1945"),
    ("medium", "What is the tallest mountain above sea level?", "Everest"),
    ("medium", "Which scientist published the theory of general relativity?", "Einstein"),
    ("medium", "What is the currency of the United Kingdom?", "pound | pounds | sterling | GBP"),
    (
        "medium",
        "What do plants take in from the air for photosynthesis?",
        "carbon dioxide | CO2 | CO₂",
    ),
    ("medium", "Which city is Canada's seat of government?", "Ottawa"),
    ("medium", "Who was the first person to walk on the Moon?", "Armstrong"),
    ("medium", "Which language has the most native speakers in Mexico?", "Spanish"),
    ("medium", "What is the hardest natural mineral?", "diamond | diamonds"),
    ("medium", "Which metal is liquid at room temperature and has the symbol Hg?", "mercury"),
    ("hard", "What is the capital of Mongolia?", "Ulaanbaatar | Ulan Bator | Ulan Baator"),
    ("hard", "Which element has atomic number 26?", "iron | Fe"),
    ("hard", "Who discovered penicillin in 1928?", "Fleming"),
    ("hard", "Which novel begins with the words 'Call me Ishmael'?", "Moby Dick | Moby-Dick"),
    ("hard", "Which mathematician proved Fermat's Last Theorem in the 1990s?", "Wiles"),
    ("hard", "What is the deepest lake in the world?", "Baikal"),
    ("hard", "Who composed the four violin concertos called The Four Seasons?", "Vivaldi"),
    (
        "hard",
        "In which city is the headquarters of the International Court of Justice?",
        "The Hague | Hague | Den Haag",
    ),
    ("hard", "Which hormone, made in the pancreas, lowers blood sugar?", "insulin"),
    ("hard", "What is the capital of Burkina Faso?", "Ouagadougou"),
    ("hard", "Which strait separates Asia from North America?", "Bering"),
    (
        "hard",
        "Who wrote the novel One Hundred Years of Solitude?",
        "García Márquez | Garcia Marquez | Márquez | Marquez",
    ),
)


def make() -> list[PromptRecord]:
    """Return the fact questions."""
    endings = Endings(Random(103), ENDINGS)
    out = Collector("facts")
    for difficulty, text, reference in ITEMS:
        out.add(difficulty, f"{text} {endings.next()}", "contains", reference)
    return out.records
