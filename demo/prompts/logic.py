"""Short deductions with one certain answer: yes or no, or a name.

Answers with a closed set of candidates use the label grader, so that naming every candidate
earns nothing.
"""

import json
from random import Random

from demo.prompts.record import Collector, Difficulty, Endings, PromptRecord

YES_NO = (
    "Answer yes or no.",
    "Yes or no?",
    "Reply with one word: yes or no.",
    "Just say yes or no.",
)
NAME = (
    "Answer with one word.",
    "Only the answer, one word.",
    "Reply with a single word.",
    "One word, please.",
)

ITEMS: tuple[tuple[Difficulty, str, str, str], ...] = (
    ("easy", "All dogs are animals. Rex is a dog. Is Rex an animal?", "yes", "yes no"),
    ("easy", "Is a whale bigger than a mouse?", "yes", "yes no"),
    ("easy", "Tom is taller than Sam. Who is taller?", "Tom", "Tom Sam"),
    ("easy", "The box is empty. Is there a ball in the box?", "no", "yes no"),
    (
        "easy",
        "If it rains, the street gets wet. It rains. Does the street get wet?",
        "yes",
        "yes no",
    ),
    ("easy", "Mia has 5 coins and Leo has 2. Who has more coins?", "Mia", "Mia Leo"),
    ("easy", "Can a square have five corners?", "no", "yes no"),
    ("easy", "The cat is black. Is the cat white?", "no", "yes no"),
    (
        "easy",
        "Every bird in the yard is a duck. Donna is a bird in the yard. Is Donna a duck?",
        "yes",
        "yes no",
    ),
    (
        "easy",
        "Monday comes before Tuesday. Which of the two days is later?",
        "Tuesday",
        "Monday Tuesday",
    ),
    ("easy", "Ann ran the race in 10 minutes, Bob in 15. Who won?", "Ann", "Ann Bob"),
    (
        "easy",
        "A key is in the drawer. The drawer is in the kitchen. Is the key in the kitchen?",
        "yes",
        "yes no",
    ),
    ("easy", "Is 3 greater than 8?", "no", "yes no"),
    ("easy", "Lily is the mother of Max. Is Max the child of Lily?", "yes", "yes no"),
    ("easy", "No fish can sing. Goldie is a fish. Can Goldie sing?", "no", "yes no"),
    (
        "easy",
        "The red cup is full, the blue cup is empty. Which cup can you drink from?",
        "red",
        "red blue",
    ),
    (
        "medium",
        "Ava is older than Ben. Ben is older than Cleo. Who is the youngest?",
        "Cleo",
        "Ava Ben Cleo",
    ),
    (
        "medium",
        "If the shop is open, the light is on. The light is off. Is the shop open?",
        "no",
        "yes no",
    ),
    (
        "medium",
        "Some teachers play chess. Ms Hill is a teacher. Must Ms Hill play chess?",
        "no",
        "yes no",
    ),
    (
        "medium",
        "Red is left of blue, and blue is left of green. Which colour is in the middle?",
        "blue",
        "red blue green",
    ),
    ("medium", "All roses are plants. Are all plants therefore roses?", "no", "yes no"),
    ("medium", "Hana sits north of Ivo. Is Ivo south of Hana?", "yes", "yes no"),
    (
        "medium",
        (
            "A ring lies in the top, middle or bottom drawer. It is not in the top one. It is not"
            " in the bottom one. Which drawer holds it?"
        ),
        "middle",
        "top middle bottom",
    ),
    (
        "medium",
        "Kim finished before Lee but after Moe. Who came first of the three?",
        "Moe",
        "Kim Lee Moe",
    ),
    (
        "medium",
        "Either the cook or the driver has the key. The cook does not have it. Who has it?",
        "driver",
        "cook driver",
    ),
    ("medium", "Yesterday was Friday. Is tomorrow Sunday?", "yes", "yes no"),
    (
        "medium",
        "Sara's mother has two children: Sara and Dan. Is Dan Sara's cousin?",
        "no",
        "yes no",
    ),
    (
        "medium",
        "A bag weighs more than a box, and a crate weighs more than a bag. Which is lightest?",
        "box",
        "bag box crate",
    ),
    (
        "medium",
        "No reptiles have fur. Every bear has fur. Can a bear be a reptile?",
        "no",
        "yes no",
    ),
    (
        "medium",
        "Gus is facing north and turns right twice. Which way does he face now?",
        "south",
        "north south east west",
    ),
    (
        "medium",
        "You overtake the runner in second place. Are you now in first place?",
        "no",
        "yes no",
    ),
    (
        "hard",
        (
            "Only members may swim. Rita swims, and all who swim follow the rules. Is Rita"
            " certainly a member?"
        ),
        "yes",
        "yes no",
    ),
    (
        "hard",
        (
            "Three friends own a cat, a dog and a bird, one each. Uma is allergic to fur. Vic does"
            " not own the dog. Wes owns neither the bird nor the cat. What does Vic own?"
        ),
        "cat",
        "cat dog bird",
    ),
    (
        "hard",
        "If Eli goes, Fay goes. If Fay goes, Gil stays home. Gil did not stay home. Did Eli go?",
        "no",
        "yes no",
    ),
    (
        "hard",
        (
            "Jo always lies, Kay always tells the truth. One of them says: 'I am Kay, or snow is"
            " green.' Can it have been Jo?"
        ),
        "yes",
        "yes no",
    ),
    (
        "hard",
        (
            "Nora is Otto's sister. Otto's son is Pit. Pit's daughter is Quin. Is Nora the"
            " great-aunt of Quin?"
        ),
        "yes",
        "yes no",
    ),
    (
        "hard",
        (
            "Five people queue. Rob is right behind Sue. Tia is first. Uri is last. Val is right"
            " before Uri. Who is second?"
        ),
        "Sue",
        "Rob Sue Tia Uri Val",
    ),
    (
        "hard",
        (
            "Some artists are pilots. All pilots are brave. Does it follow that some artists are"
            " brave?"
        ),
        "yes",
        "yes no",
    ),
    (
        "hard",
        (
            "Exactly one of these three tells the truth. Abe: 'Bea lies.' Bea: 'Cal lies.' Cal:"
            " 'Abe and Bea both lie.' Who tells the truth?"
        ),
        "Bea",
        "Abe Bea Cal",
    ),
    (
        "hard",
        (
            "Facing east, Zoe turns left, left again, then right, and walks backwards. In which"
            " direction does she move?"
        ),
        "south",
        "north south east west",
    ),
    (
        "hard",
        "If no glims are tarn and all porps are tarn, can any porp be a glim?",
        "no",
        "yes no",
    ),
    (
        "hard",
        (
            "All labels are wrong: one box says 'apples', one 'pears', one 'mixed'. You draw a pear"
            " from the box labelled 'mixed'. What is in the box labelled 'pears'?"
        ),
        "apples",
        "apples pears mixed",
    ),
    (
        "hard",
        (
            "The green house is right of the white one and left of the grey one. The pink house is"
            " right of the grey one. Which of the four houses is second from the right?"
        ),
        "grey",
        "green white grey pink",
    ),
)


def make() -> list[PromptRecord]:
    """Return the logic prompts."""
    rng = Random(111)
    yes_no, name = Endings(rng, YES_NO), Endings(rng, NAME)
    out = Collector("logic")
    for difficulty, text, label, candidates in ITEMS:
        options = candidates.split()
        ending = yes_no if options == ["yes", "no"] else name
        reference = json.dumps({"label": label, "options": options})
        out.add(difficulty, f"{text} {ending.next()}", "label", reference)
    return out.records
