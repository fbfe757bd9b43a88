"""Sentiment labels for short opinions, from blunt words to irony and mixed feelings.

Two label sets appear, with and without neutral. A star scale is avoided because its borders are
a matter of taste.
"""

import json
from random import Random

from demo.prompts.record import Collector, Difficulty, Endings, PromptRecord

TWO = ("positive", "negative")
THREE = ("positive", "negative", "neutral")
ASK_TWO = (
    "Is this review positive or negative? One word.",
    "Label the feeling of this text as positive or negative. Reply with the label only.",
    "Positive or negative? Answer with one word.",
    "Decide whether the writer is positive or negative. Only the label.",
)
ASK_THREE = (
    "Classify the sentiment as positive, negative or neutral. One word only.",
    "Is the tone positive, negative or neutral? Reply with one word.",
    "Choose a label: positive, negative, neutral. Nothing else.",
    "What is the sentiment (positive, negative or neutral)? Just the label.",
)

ITEMS: tuple[tuple[Difficulty, str, str], ...] = (
    ("easy", "positive", "I love this phone. It is great!"),
    ("easy", "negative", "Terrible food. I hated every bite."),
    ("easy", "positive", "What a wonderful day at the beach, we had so much fun."),
    ("easy", "negative", "This is the worst hotel I have ever stayed in."),
    ("easy", "positive", "Excellent service and very friendly staff."),
    ("easy", "negative", "The movie was boring and far too long."),
    ("easy", "positive", "Best pizza in town, highly recommended!"),
    ("easy", "negative", "My new headphones broke after one day. Very disappointed."),
    ("easy", "positive", "I am so happy with my new bike."),
    ("easy", "negative", "Awful customer support, rude and slow."),
    ("easy", "positive", "The kids adored the puppet show and laughed the whole time."),
    ("easy", "negative", "The room was dirty and it smelled bad."),
    ("easy", "positive", "A beautiful book with lovely pictures."),
    ("easy", "negative", "I regret buying this blender. It is useless."),
    ("easy", "positive", "Fantastic concert, amazing band!"),
    ("easy", "negative", "The soup was cold and the waiter was angry. Never again."),
    ("easy", "positive", "Perfect fit, nice colour, and it arrived early. Thank you!"),
    ("easy", "negative", "A sad, ugly, badly made toy."),
    ("medium", "positive", "I expected little, but this lamp proved me wrong."),
    ("medium", "negative", "The photos looked nice online. The real sofa does not."),
    ("medium", "neutral", "The parcel was delivered on Tuesday at noon."),
    ("medium", "neutral", "The cable is two metres long and comes in black or white."),
    ("medium", "positive", "Not bad at all! I would stay here again."),
    ("medium", "negative", "I would not recommend this course to anyone."),
    ("medium", "neutral", "The shop opens at nine and closes at six."),
    ("medium", "positive", "No complaints whatsoever, everything simply worked."),
    ("medium", "negative", "It took four calls before someone fixed my invoice."),
    ("medium", "neutral", "This chapter describes how the museum was founded."),
    ("medium", "positive", "My back pain is gone since we got this mattress."),
    ("medium", "negative", "If you enjoy waiting an hour for lukewarm coffee, this is your place."),
    ("medium", "neutral", "The jacket has two pockets and a zip."),
    ("medium", "positive", "I could not put the novel down until three in the morning."),
    ("medium", "negative", "The update removed the one feature I used."),
    ("hard", "negative", "Oh great, another meeting that could have been an email."),
    ("hard", "negative", "Well, at least the box it came in was sturdy."),
    ("hard", "positive", "I wanted to hate it like its first part, and failed completely."),
    (
        "hard",
        "negative",
        "The trailer contains every good joke of the film, so you can save the ticket.",
    ),
    (
        "hard",
        "neutral",
        "Some guests prefer the old menu, others the new one; sales have not changed.",
    ),
    ("hard", "positive", "My only problem with this game is that it ended."),
    ("hard", "negative", "The chef clearly believes that salt is a main course."),
    (
        "hard",
        "neutral",
        "The critic's review of the terrible storm film appears in Friday's paper.",
    ),
    (
        "hard",
        "positive",
        (
            "Anyone who calls this phone ugly has never dropped it down the stairs and kept using"
            " it for years, as I do."
        ),
    ),
    (
        "hard",
        "negative",
        (
            "It is a fast car, I will give it that; it needs to be, considering how often you drive"
            " it to the garage."
        ),
    ),
    (
        "hard",
        "positive",
        (
            "I was ready to write an angry letter, but after how they handled the mistake I can"
            " only tip my hat."
        ),
    ),
)


def make() -> list[PromptRecord]:
    """Return the sentiment prompts; easy ones offer two labels, the rest three."""
    rng = Random(108)
    two, three = Endings(rng, ASK_TWO), Endings(rng, ASK_THREE)
    out = Collector("sentiment")
    for difficulty, label, text in ITEMS:
        ask, options = (two, TWO) if difficulty == "easy" else (three, THREE)
        reference = json.dumps({"label": label, "options": list(options)})
        prompt = f'{ask.next()}\n"{text}"' if rng.random() < 0.6 else f'"{text}"\n{ask.next()}'
        out.add(difficulty, prompt, "label", reference)
    return out.records
