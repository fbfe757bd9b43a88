"""Unit conversion from centimetres in a metre to compound units.

References are computed from exact factors. Where a conversion is not a round number the prompt
asks for a rounding and the reference carries a tolerance that accepts it.
"""

from random import Random

from demo.prompts.record import (
    NUMBER_ONLY,
    Collector,
    Difficulty,
    Endings,
    PromptRecord,
    show_number,
)

EXACT: tuple[tuple[Difficulty, str, float], ...] = (
    ("easy", "How many centimetres are in 1 metre?", 100),
    ("easy", "How many minutes are there in one hour?", 60),
    ("easy", "A week has how many days?", 7),
    ("easy", "How many grams make 1 kilogram?", 1000),
    ("easy", "One minute is how many seconds?", 60),
    ("easy", "How many hours does a day have?", 24),
    ("easy", "How many months are in a year?", 12),
    ("easy", "Convert 2 kilometres to metres.", 2000),
    ("easy", "How many inches are in one foot?", 12),
    ("easy", "How many cents are in one dollar?", 100),
    ("easy", "Two hours: how many minutes is that?", 120),
    ("easy", "How many millilitres are in a litre?", 1000),
    ("easy", "A dozen eggs is how many eggs?", 12),
    ("easy", "How many millimetres is 1 centimetre?", 10),
    ("easy", "Change 3 metres into centimetres.", 300),
    ("easy", "How many years are in a century?", 100),
    ("easy", "Two weeks last how many days?", 14),
    ("easy", "Write half an hour in minutes.", 30),
    ("medium", "Convert 4.5 kilograms to grams.", 4500),
    ("medium", "A film lasts 2 hours and 15 minutes. What is that in minutes?", 2 * 60 + 15),
    ("medium", "Express 750 millilitres in litres.", 0.75),
    ("medium", "How many seconds are in 7 minutes?", 7 * 60),
    ("medium", "A rope is 350 centimetres long. Give its length in metres.", 3.5),
    ("medium", "How many feet are in 5 yards?", 15),
    ("medium", "What is 3 tonnes in kilograms?", 3000),
    ("medium", "How many days are 6 weeks?", 42),
    ("medium", "How many hours are three full days?", 72),
    ("medium", "Turn 90 seconds into minutes.", 1.5),
    ("medium", "Water boils at 100 degrees Celsius. What is that in Fahrenheit?", 212),
    ("medium", "How many ounces are in 2 pounds?", 32),
    ("medium", "A parcel weighs 2300 g. How many kilograms is it?", 2.3),
    ("medium", "How many bits are in 4 bytes?", 32),
    ("hard", "Convert 72 kilometres per hour to metres per second.", 72 / 3.6),
    ("hard", "How many square centimetres are in 2.5 square metres?", 2.5 * 100**2),
    ("hard", "How many litres fit in 1.2 cubic metres?", 1.2 * 1000),
    ("hard", "Convert 95 degrees Fahrenheit to degrees Celsius.", (95 - 32) * 5 / 9),
    (
        "hard",
        "How many seconds are in 3 hours, 25 minutes and 10 seconds?",
        3 * 3600 + 25 * 60 + 10,
    ),
    ("hard", "How many minutes are there in a week?", 7 * 24 * 60),
    ("hard", "Express 0.035 hectares in square metres.", 0.035 * 10000),
    ("hard", "How many inches are in 4 yards, 2 feet and 5 inches?", 4 * 36 + 2 * 12 + 5),
    (
        "hard",
        "A tap drips 5 ml every 12 seconds. How many litres is that in 6 hours?",
        5 * 1800 / 1000,
    ),
)

ROUNDED: tuple[tuple[Difficulty, str, float, str], ...] = (
    ("medium", "How many centimetres are 10 inches? Give one decimal.", 10 * 2.54, "0.05"),
    ("hard", "Convert 26.2 miles to kilometres, to one decimal.", 26.2 * 1.609344, "0.1"),
    ("hard", "Convert 165 pounds to kilograms, with one decimal.", 165 * 0.45359237, "0.1"),
    ("hard", "Convert 5 feet 9 inches to centimetres, with one decimal.", 69 * 2.54, "0.1"),
)


def make() -> list[PromptRecord]:
    """Return the unit conversion prompts."""
    endings = Endings(Random(102), NUMBER_ONLY)
    out = Collector("unit_conversion")
    for difficulty, text, value in EXACT:
        out.add(difficulty, f"{text} {endings.next()}", "numeric", show_number(value))
    for difficulty, text, value, tolerance in ROUNDED:
        reference = f"{show_number(round(value, 2))}±{tolerance}"
        out.add(difficulty, f"{text} {endings.next()}", "numeric", reference)
    return out.records
