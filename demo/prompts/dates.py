"""Weekday, interval and clock questions.

Everything beyond plain calendar knowledge is computed with `datetime`; the table stores the
expression, not the answer.
"""

import calendar
import json
from datetime import date, timedelta
from random import Random

from demo.prompts.record import NUMBER_ONLY, Collector, Difficulty, Endings, PromptRecord

DAYS = tuple(calendar.day_name)
MONTHS = tuple(calendar.month_name)[1:]
ONE_WORD = (
    "Answer with one word.",
    "Only the name, please.",
    "Reply with just the name.",
    "One word only.",
)
TIME_ONLY = (
    "Answer as HH:MM.",
    "Give only the time, as HH:MM.",
    "Just the time (HH:MM, 24 hours).",
)
DATE_ONLY = ("Answer as YYYY-MM-DD only.", "Only the date, as YYYY-MM-DD.")


def weekday(start: str, days: int) -> str:
    """Return the weekday that lies a number of days after a weekday."""
    return DAYS[(DAYS.index(start) + days) % 7]


def weekday_on(year: int, month: int, day: int) -> str:
    """Return the weekday of a date."""
    return DAYS[date(year, month, day).weekday()]


def days_between(first: date, second: date) -> int:
    """Return the number of days from one date to another."""
    return (second - first).days


def clock(hour: int, minute: int, change: int) -> str:
    """Return the clock time a number of minutes away."""
    hours, minutes = divmod((hour * 60 + minute + change) % (24 * 60), 60)
    return f"{hours:02d}:{minutes:02d}"


def day_after(first: date, days: int) -> str:
    """Return the date a number of days later, written YYYY-MM-DD."""
    return (first + timedelta(days=days)).isoformat()


Row = tuple[Difficulty, str, str]


def weekday_rows() -> tuple[Row, ...]:
    """Return questions whose answer is a weekday."""
    return (
        ("easy", "Which weekday follows Thursday?", weekday("Thursday", 1)),
        ("easy", "Today is Friday. What day is tomorrow?", weekday("Friday", 1)),
        (
            "easy",
            "What day of the week was it yesterday if today is Sunday?",
            weekday("Sunday", -1),
        ),
        ("easy", "Name the day between Tuesday and Thursday.", weekday("Tuesday", 1)),
        (
            "easy",
            "If it is Wednesday now, which day will it be in 7 days?",
            weekday("Wednesday", 7),
        ),
        ("medium", "It is Tuesday. Which weekday will it be in 4 days?", weekday("Tuesday", 4)),
        (
            "medium",
            "The exam is ten days after a Monday. On which weekday is it?",
            weekday("Monday", 10),
        ),
        ("medium", "Three days ago it was Saturday. What day is today?", weekday("Saturday", 3)),
        (
            "medium",
            "A parcel sent on Thursday takes 5 days. On what day does it arrive?",
            weekday("Thursday", 5),
        ),
        ("hard", "Today is Sunday. Which weekday will it be in 100 days?", weekday("Sunday", 100)),
        ("hard", "1 March 2024 was a Friday. What weekday was 1 May 2024?", weekday_on(2024, 5, 1)),
        ("hard", "On what day of the week did 15 August 2023 fall?", weekday_on(2023, 8, 15)),
        (
            "hard",
            "If the day after tomorrow is Wednesday, which day was five days before yesterday?",
            weekday("Wednesday", -8),
        ),
        (
            "hard",
            "Christmas Day 2025 (25 December) is a Thursday. Which weekday is 25 December 2026?",
            weekday_on(2026, 12, 25),
        ),
    )


def month_rows() -> tuple[Row, ...]:
    """Return questions whose answer is a month."""
    return (
        ("easy", "What is the first month of the year?", MONTHS[0]),
        ("easy", "Which month comes after April?", MONTHS[4]),
        ("easy", "Name the last month of the year.", MONTHS[11]),
        ("easy", "Which month is between June and August?", MONTHS[6]),
        ("medium", "Which month is three months after September?", MONTHS[11]),
        ("medium", "What is the ninth month of the year?", MONTHS[8]),
        ("medium", "It is January. Which month was it two months ago?", MONTHS[10]),
        ("hard", "Which month lies 18 months after October?", MONTHS[(9 + 18) % 12]),
    )


def number_rows() -> tuple[Row, ...]:
    """Return questions whose answer is a number."""
    return (
        ("easy", "How many days are in January?", "31"),
        ("easy", "How many days does a normal year have?", "365"),
        ("easy", "From 2 May to 5 May, how many days pass?", "3"),
        ("easy", "In which year do we arrive 10 years after 2010?", "2020"),
        ("easy", "How many days has a weekend of Saturday and Sunday?", "2"),
        ("medium", "A child was born in 2012. What age does the child reach in 2025?", "13"),
        ("medium", "How many days are in February 2024?", str(calendar.monthrange(2024, 2)[1])),
        (
            "medium",
            "How many days are there from 10 June to 4 July?",
            str(days_between(date(2023, 6, 10), date(2023, 7, 4))),
        ),
        (
            "medium",
            "How many months have exactly 30 days?",
            str(sum(calendar.monthrange(2023, m)[1] == 30 for m in range(1, 13))),
        ),
        ("medium", "What year comes 25 years before 2010?", "1985"),
        (
            "hard",
            (
                "How many days lie between 20 February 2024 and 5 March 2024, counting the end but"
                " not the start?"
            ),
            str(days_between(date(2024, 2, 20), date(2024, 3, 5))),
        ),
        (
            "hard",
            "Which day number of the year is 1 October in a normal year?",
            str(date(2023, 10, 1).timetuple().tm_yday),
        ),
        (
            "hard",
            "How many days is it from 17 March 2023 to 9 November 2023?",
            str(days_between(date(2023, 3, 17), date(2023, 11, 9))),
        ),
        (
            "hard",
            "How many leap years are there from 1996 to 2020, both included?",
            str(sum(calendar.isleap(y) for y in range(1996, 2021))),
        ),
    )


def time_rows() -> tuple[Row, ...]:
    """Return questions whose answer is a clock time."""
    return (
        ("easy", "It is 10:00. What time is it one hour later?", clock(10, 0, 60)),
        (
            "easy",
            "A class starts at 09:00 and lasts 30 minutes. When does it end?",
            clock(9, 0, 30),
        ),
        (
            "medium",
            "A film begins at 19:30 and runs for 110 minutes. When is it over?",
            clock(19, 30, 110),
        ),
        (
            "medium",
            "The train arrives at 14:05 after a ride of 45 minutes. When did it depart?",
            clock(14, 5, -45),
        ),
        ("medium", "Write 4:20 in the afternoon on the 24-hour clock.", "16:20"),
        (
            "hard",
            "A night bus leaves at 22:47 and travels 5 hours and 38 minutes. When does it arrive?",
            clock(22, 47, 338),
        ),
    )


def date_rows() -> tuple[Row, ...]:
    """Return questions whose answer is a full date."""
    return (
        ("easy", "Which date is the day after 2024-05-01?", day_after(date(2024, 5, 1), 1)),
        ("medium", "What is the date one day after 2023-12-31?", day_after(date(2023, 12, 31), 1)),
        (
            "hard",
            "A 45-day visa begins on 2025-01-20. Which date is 45 days after that?",
            day_after(date(2025, 1, 20), 45),
        ),
    )


def make() -> list[PromptRecord]:
    """Return the date prompts."""
    rng = Random(112)
    words, numbers = Endings(rng, ONE_WORD), Endings(rng, NUMBER_ONLY)
    times, full_dates = Endings(rng, TIME_ONLY), Endings(rng, DATE_ONLY)
    out = Collector("dates")
    for difficulty, text, answer in weekday_rows():
        reference = json.dumps({"label": answer, "options": list(DAYS)})
        prompt = f"{text} {words.next()}"
        out.add(difficulty, prompt, "label", reference)
    for difficulty, text, answer in month_rows():
        reference = json.dumps({"label": answer, "options": list(MONTHS)})
        out.add(difficulty, f"{text} {words.next()}", "label", reference)
    for difficulty, text, answer in number_rows():
        out.add(difficulty, f"{text} {numbers.next()}", "numeric", answer)
    for difficulty, text, answer in time_rows():
        short = f" | {answer[1:]}" if answer.startswith("0") else ""
        out.add(difficulty, f"{text} {times.next()}", "exact", answer + short)
    for difficulty, text, answer in date_rows():
        out.add(difficulty, f"{text} {full_dates.next()}", "exact", answer)
    return out.records
