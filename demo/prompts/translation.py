"""Short phrases between English and Spanish, French, German and Italian.

Only phrases with few good translations are used; accepted variants (formal and familiar, with
and without a pronoun) are listed, because the grader compares characters and not meanings.
"""

from random import Random

from demo.prompts.record import Collector, Difficulty, Endings, PromptRecord

OPENINGS = (
    "Translate to {language}: {phrase}",
    "How do you say '{phrase}' in {language}?",
    "{language} translation of '{phrase}'?",
    'Put this into {language}: "{phrase}"',
    "Please write '{phrase}' in {language}.",
)
ENDINGS = (
    "Only the translation.",
    "Give just the translation.",
    "No explanation, one translation only.",
    "Reply with the translated text only.",
)

ITEMS: tuple[tuple[Difficulty, str, str, str], ...] = (
    ("easy", "Spanish", "hello", "hola"),
    ("easy", "Spanish", "thank you", "gracias"),
    ("easy", "French", "good morning", "bonjour"),
    ("easy", "French", "thank you very much", "merci beaucoup"),
    ("easy", "German", "house", "Haus | das Haus | ein Haus"),
    ("easy", "German", "good night", "gute Nacht"),
    ("easy", "Italian", "water", "acqua | l'acqua"),
    ("easy", "English", "el perro", "the dog | dog"),
    ("easy", "English", "merci", "thank you | thanks"),
    ("easy", "English", "guten Tag", "good day | hello | good afternoon"),
    ("easy", "English", "ciao", "hello | hi | bye | goodbye | hi/bye"),
    ("easy", "Spanish", "cat", "gato | el gato | un gato | gata"),
    ("easy", "French", "red", "rouge"),
    ("easy", "Spanish", "good night", "buenas noches"),
    ("easy", "English", "uno, dos, tres", "one, two, three"),
    ("easy", "French", "the book", "le livre"),
    ("easy", "English", "la casa blanca", "the white house"),
    ("medium", "Spanish", "My name is Laura.", "Me llamo Laura. | Mi nombre es Laura."),
    ("medium", "French", "I am hungry.", "J'ai faim."),
    ("medium", "German", "I speak English.", "Ich spreche Englisch."),
    (
        "medium",
        "Italian",
        "Where is the station?",
        "Dov'è la stazione? | Dove è la stazione? | Dove si trova la stazione?",
    ),
    (
        "medium",
        "English",
        "¿Dónde está el baño?",
        (
            "Where is the bathroom? | Where's the bathroom? | Where is the toilet? | Where is the"
            " restroom?"
        ),
    ),
    ("medium", "English", "Il fait froid aujourd'hui.", "It is cold today. | It's cold today."),
    (
        "medium",
        "English",
        "Ich habe keine Zeit.",
        "I have no time. | I don't have time. | I do not have time. | I don't have any time.",
    ),
    ("medium", "English", "Mi hermana vive en Madrid.", "My sister lives in Madrid."),
    ("medium", "Spanish", "I want a coffee.", "Quiero un café. | Yo quiero un café."),
    ("medium", "French", "The cat is black.", "Le chat est noir."),
    (
        "medium",
        "German",
        "The book is on the table.",
        "Das Buch liegt auf dem Tisch. | Das Buch ist auf dem Tisch.",
    ),
    ("medium", "Italian", "I love you.", "Ti amo. | Io ti amo. | Ti voglio bene."),
    ("medium", "English", "Non capisco.", "I don't understand. | I do not understand."),
    ("medium", "French", "See you tomorrow.", "À demain. | A demain."),
    (
        "medium",
        "Spanish",
        "The girl eats an apple.",
        "La niña come una manzana. | La chica come una manzana. | La muchacha come una manzana.",
    ),
    (
        "hard",
        "German",
        "I would like to pay the bill, please.",
        (
            "Ich möchte bitte die Rechnung bezahlen. | Ich möchte bitte zahlen. | Ich möchte die"
            " Rechnung bitte bezahlen. | Ich möchte die Rechnung bezahlen, bitte. | Ich würde gerne"
            " die Rechnung bezahlen, bitte."
        ),
    ),
    (
        "hard",
        "French",
        "We have not seen them since Monday.",
        (
            "Nous ne les avons pas vus depuis lundi. | Nous ne les avons pas vues depuis lundi. |"
            " On ne les a pas vus depuis lundi."
        ),
    ),
    (
        "hard",
        "Spanish",
        "If I had money, I would buy a house.",
        (
            "Si tuviera dinero, compraría una casa. | Si tuviese dinero, compraría una casa. | Si"
            " yo tuviera dinero, compraría una casa."
        ),
    ),
    (
        "hard",
        "Italian",
        "The children were playing in the garden.",
        (
            "I bambini giocavano in giardino. | I bambini giocavano nel giardino. | I bambini"
            " stavano giocando in giardino. | I bambini stavano giocando nel giardino."
        ),
    ),
    (
        "hard",
        "English",
        "Es hat den ganzen Tag geregnet.",
        (
            "It rained all day. | It has rained all day. | It rained the whole day. | It has been"
            " raining all day."
        ),
    ),
    (
        "hard",
        "English",
        "Elle se lève toujours à sept heures.",
        (
            "She always gets up at seven o'clock. | She always gets up at seven. | She always wakes"
            " up at seven o'clock. | She always gets up at 7 o'clock. | She always gets up at 7."
        ),
    ),
    (
        "hard",
        "English",
        "Me duele la cabeza.",
        "My head hurts. | I have a headache. | I've got a headache. | My head aches.",
    ),
    (
        "hard",
        "English",
        "Wer zuletzt lacht, lacht am besten.",
        (
            "He who laughs last, laughs best. | Who laughs last, laughs best. | He who laughs last"
            " laughs longest. | Whoever laughs last, laughs best."
        ),
    ),
    (
        "hard",
        "German",
        "She gave her brother the key.",
        "Sie gab ihrem Bruder den Schlüssel. | Sie hat ihrem Bruder den Schlüssel gegeben.",
    ),
    ("hard", "Italian", "I have already eaten.", "Ho già mangiato. | Io ho già mangiato."),
    (
        "hard",
        "French",
        "Give it to me!",
        "Donne-le-moi ! | Donnez-le-moi ! | Donne-la-moi ! | Donne-moi ça ! | Donnez-moi ça !",
    ),
    (
        "hard",
        "German",
        "Although he was tired, he kept working.",
        "Obwohl er müde war, arbeitete er weiter. | Obwohl er müde war, hat er weitergearbeitet.",
    ),
)


def make() -> list[PromptRecord]:
    """Return the translation prompts."""
    rng = Random(107)
    openings, endings = Endings(rng, OPENINGS), Endings(rng, ENDINGS)
    out = Collector("translation")
    for difficulty, language, phrase, reference in ITEMS:
        text = f"{openings.next().format(language=language, phrase=phrase)} {endings.next()}"
        out.add(difficulty, text, "translation", reference)
    return out.records
