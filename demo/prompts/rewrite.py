"""Rewriting tasks (tone, length, simplicity) that a judge grades against a written rubric."""

from demo.prompts.record import Collector, Difficulty, PromptRecord

ITEMS: tuple[tuple[Difficulty, str, str], ...] = (
    (
        "easy",
        "Make this polite: 'Give me the salt.'",
        (
            "A 5 is a polite request for the salt, such as one with 'please' or 'could you'. Losing"
            " the meaning gives at most 1."
        ),
    ),
    (
        "easy",
        "Fix the spelling: 'I hav a blak dog.' Only the corrected sentence.",
        "A 5 is exactly 'I have a black dog.' Each error left or added costs two marks.",
    ),
    (
        "easy",
        "Say this in a more friendly way: 'You are late.'",
        (
            "A 5 keeps the point that the person is late, or asks about it, in a warm tone. A rude"
            " tone or changed meaning costs marks."
        ),
    ),
    (
        "easy",
        "Turn this into a question: 'The shop is open.' Only the question.",
        "A 5 is 'Is the shop open?' or an equal question. A statement gives 0.",
    ),
    (
        "easy",
        "Rewrite in the past tense: 'She walks to school.'",
        "A 5 is 'She walked to school.' Other changes of meaning cost marks.",
    ),
    (
        "easy",
        "Shorten this to at most five words: 'I am really very happy about it today.'",
        (
            "A 5 keeps that the writer is happy, in at most five words. Each further word costs one"
            " mark."
        ),
    ),
    (
        "easy",
        "Make this sentence negative: 'He likes fish.'",
        "A 5 is 'He does not like fish.' or 'He doesn't like fish.' Anything else gives at most 2.",
    ),
    (
        "easy",
        "Change 'The man is old' so that it is about a woman. Just the sentence.",
        "A 5 is 'The woman is old.' Changing more than the person costs two marks.",
    ),
    (
        "medium",
        "Make this email line polite and professional: 'Where is my money? You said Monday!'",
        (
            "A 5 asks courteously about the outstanding payment and mentions that it was promised"
            " for Monday. Dropping Monday costs one mark; an angry tone gives at most 2."
        ),
    ),
    (
        "medium",
        (
            "Summarise in one sentence: The town closed its old bridge on Sunday. Engineers had"
            " found cracks in two pillars. Repairs will take about four months, and drivers must"
            " use the northern road until then."
        ),
        (
            "A 5 is one sentence saying that the bridge is closed because of cracks and traffic is"
            " diverted for about four months. Missing the reason or the duration costs one mark"
            " each; inventions cost two."
        ),
    ),
    (
        "medium",
        (
            "Rewrite for a ten-year-old in one sentence: 'The precipitation necessitated the"
            " postponement of the athletic event.'"
        ),
        (
            "A 5 says in simple words that the sports event was put off because of rain. Keeping"
            " the hard words gives at most 2."
        ),
    ),
    (
        "medium",
        "Put this into the passive voice: 'The chef prepared the meal.' Only the sentence.",
        (
            "A 5 is 'The meal was prepared by the chef.' Omitting the chef costs one mark; active"
            " voice gives 0."
        ),
    ),
    (
        "medium",
        (
            "Make this less wordy: 'Due to the fact that it was raining, we made the decision to"
            " stay at home.'"
        ),
        (
            "A 5 is a short sentence such as 'Because it was raining, we stayed at home.' with both"
            " facts kept. Little shortening gives at most 2."
        ),
    ),
    (
        "medium",
        (
            "Write a headline of at most eight words for this: A baker in Oldham gave free bread to"
            " every neighbour after winning a small lottery prize."
        ),
        (
            "A 5 is a headline of at most eight words naming the baker and the free bread. Over"
            " eight words costs two marks; wrong facts cost two."
        ),
    ),
    (
        "medium",
        "Rewrite as a formal sentence: 'gonna be a bit late, sorry, car's dead'",
        (
            "A 5 is a formal apology that the writer will be late because the car has broken down."
            " Missing the reason or apology costs one mark each; slang costs two."
        ),
    ),
    (
        "hard",
        (
            "Summarise in at most 15 words: The council wanted to sell the park to pay its debts,"
            " but after two thousand people signed a letter of protest it dropped the plan and"
            " raised parking fees instead."
        ),
        (
            "A 5 has at most 15 words and says that protest stopped the park sale and parking fees"
            " rise instead. Missing either part costs two marks; each word over 15 costs one."
        ),
    ),
    (
        "hard",
        (
            "Turn down this invitation kindly, without giving a reason, in two sentences: 'Do you"
            " want to come to my poetry evening on Thursday?'"
        ),
        (
            "A 5 thanks the host and declines clearly in exactly two kind sentences with no reason."
            " Giving a reason costs two marks; accepting gives 0."
        ),
    ),
    (
        "hard",
        (
            "Rewrite as a neutral report: 'The so-called experts once again wasted our money on yet"
            " another pointless roundabout.'"
        ),
        (
            "A 5 states neutrally that experts or authorities spent public money on another"
            " roundabout, with no judgement. Each loaded word kept costs two marks; adding facts"
            " costs one."
        ),
    ),
    (
        "hard",
        (
            "Join these into one clear sentence without using 'and': The lamp is old. It belonged"
            " to my aunt. It still works."
        ),
        (
            "A 5 is one grammatical sentence with all three facts and no 'and'. Using 'and' costs"
            " three marks; each missing fact costs two."
        ),
    ),
    (
        "hard",
        (
            "Rewrite so that it is clear that Eva, not Ruth, lost the ring: 'Eva told Ruth that she"
            " had lost her ring.' One sentence."
        ),
        (
            "A 5 says without ambiguity that Eva lost the ring and that Eva told Ruth so. If it"
            " stays unclear who lost it, at most 1."
        ),
    ),
)


def make() -> list[PromptRecord]:
    """Return the rewriting prompts."""
    out = Collector("rewrite")
    for difficulty, prompt, rubric in ITEMS:
        out.add(difficulty, prompt, "rubric", rubric)
    return out.records
