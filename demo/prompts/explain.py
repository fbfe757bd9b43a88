"""Short explanations that a judge grades against a written rubric.

No program can verify these; the rubric names the facts a full answer needs, so that grades do
not depend on taste.
"""

from demo.prompts.record import Collector, Difficulty, PromptRecord

ITEMS: tuple[tuple[Difficulty, str, str], ...] = (
    (
        "easy",
        "What is a calendar used for? One sentence.",
        (
            "A 5 says that it shows days or dates and helps to plan or know what day it is. More"
            " than two sentences or wrong claims cost marks."
        ),
    ),
    (
        "easy",
        "Why do people wear coats in winter? Answer in one sentence.",
        (
            "A 5 says that coats keep the body warm in cold weather, in one clear sentence."
            " Off-topic or long answers cost marks."
        ),
    ),
    (
        "easy",
        "Explain to a small child what a bridge is, in one or two sentences.",
        (
            "A 5 says that a bridge lets people or cars cross over something such as water or a"
            " road, in simple words. Hard words or more than two sentences cost marks."
        ),
    ),
    (
        "easy",
        "Why should you brush your teeth? Two sentences at most.",
        (
            "A 5 names cleaning off food or bacteria and preventing cavities or gum trouble. Wrong"
            " claims or more than two sentences cost marks."
        ),
    ),
    (
        "easy",
        "What does a firefighter do? Keep it to one sentence.",
        (
            "A 5 says that a firefighter puts out fires and/or rescues people. Rambling or wrong"
            " claims cost marks."
        ),
    ),
    (
        "easy",
        "In a sentence, tell me what a refrigerator is good for.",
        (
            "A 5 says that it keeps food or drink cold so that it stays fresh longer. Omitting the"
            " purpose costs two marks."
        ),
    ),
    (
        "easy",
        "Why do we need sleep? Reply in two short sentences.",
        (
            "A 5 says that sleep lets body and brain rest and recover, or similar true reasons, in"
            " two short sentences."
        ),
    ),
    (
        "easy",
        "Describe what an umbrella is for in one sentence.",
        "A 5 says that it protects from rain or sun. More than one sentence costs one mark.",
    ),
    (
        "medium",
        "Explain in two sentences why we have day and night.",
        (
            "A 5 says that the Earth rotates on its axis, so a place faces the Sun or turns away"
            " from it. Saying that the Sun goes round the Earth gives at most 1."
        ),
    ),
    (
        "medium",
        "In at most 40 words, explain what a variable is in programming.",
        (
            "A 5 says that a variable is a name for a stored value that can be used or changed."
            " Over 40 words costs one mark; an example is welcome but not needed."
        ),
    ),
    (
        "medium",
        "Why does ice float on water? Two sentences.",
        (
            "A 5 says that ice is less dense than liquid water, ideally because water expands on"
            " freezing. Without density, or with the idea that it is lighter in mass only, at"
            " most 3."
        ),
    ),
    (
        "medium",
        "Explain what inflation means to someone without knowledge of economics, in two sentences.",
        (
            "A 5 says that prices in general rise over time so that money buys less, in plain"
            " words. Jargon or talk of balloons costs marks."
        ),
    ),
    (
        "medium",
        "What is the difference between weather and climate? Two or three sentences.",
        (
            "A 5 contrasts short-term state of the atmosphere with the long-term pattern or"
            " average. Mixing them up gives at most 1."
        ),
    ),
    (
        "medium",
        "Briefly explain how vaccines protect people (at most 50 words).",
        (
            "A 5 says that a vaccine trains the immune system with a harmless part or form of a"
            " germ, so that it responds faster later. Claiming that vaccines cure an illness"
            " directly costs two marks."
        ),
    ),
    (
        "medium",
        "Tell me in two sentences why seasons change during the year.",
        (
            "A 5 names the tilt of the Earth's axis while it orbits the Sun. Explaining seasons by"
            " distance from the Sun gives at most 1."
        ),
    ),
    (
        "hard",
        "Explain recursion in programming with a tiny example, in at most 60 words.",
        (
            "A 5 says that a function calls itself on a smaller case and needs a base case, and"
            " gives a correct example. A missing base case costs two marks; over 80 words costs"
            " one."
        ),
    ),
    (
        "hard",
        "Why can correlation not prove causation? Answer in three sentences with one example.",
        (
            "A 5 names a common cause, chance or reversed direction and gives a fitting example. A"
            " missing or wrong example costs two marks."
        ),
    ),
    (
        "hard",
        "In at most 60 words, explain how a hash table finds a value quickly.",
        (
            "A 5 says that a hash function turns the key into an index or bucket, giving about"
            " constant time, and ideally mentions collisions. Describing a linear or binary search"
            " gives at most 1."
        ),
    ),
    (
        "hard",
        "Explain in three sentences why the sky is blue and sunsets are red.",
        (
            "A 5 says that air scatters short (blue) wavelengths more and that at sunset the longer"
            " path removes blue so that red remains. Only one of the two phenomena gives at most 3;"
            " reflection of the sea gives 0."
        ),
    ),
    (
        "hard",
        "What is opportunity cost? Define it and give one example, in at most 50 words.",
        (
            "A 5 defines it as the value of the best alternative given up and gives a fitting"
            " example. Defining it as the money spent gives at most 1."
        ),
    ),
)


def make() -> list[PromptRecord]:
    """Return the explanation prompts."""
    out = Collector("explain")
    for difficulty, prompt, rubric in ITEMS:
        out.add(difficulty, prompt, "rubric", rubric)
    return out.records
