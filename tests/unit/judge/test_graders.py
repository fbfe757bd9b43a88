"""Each grader against answers as small LLMs write them, right, wrong and hedged."""

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routewright.errors import DataError
from routewright.judge.extract import BadReferenceError
from routewright.judge.graders import GRADERS, is_verifiable, verify
from routewright.types import Answer, AnswerState, Prompt, Usage

LABELS = json.dumps({"label": "positive", "options": ["positive", "negative", "neutral"]})

FULL = [
    ("numeric", "42", "42"),
    ("numeric", "42", "42."),
    ("numeric", "42", "**42**"),
    ("numeric", "42", "Answer: 42"),
    ("numeric", "42", "**Answer:** 42 apples"),
    (
        "numeric",
        "42",
        "To determine the total we add 20 + 22 = 42. Therefore, the answer is 42 apples.",
    ),
    ("numeric", "42", r"\[ 6 \times 7 = \boxed{42} \]"),
    ("numeric", "42", r"So $6 \times 7 = 42$."),
    ("numeric", "42", "6 * 7 = 42\n\nSince 6 times 7 is what was asked."),
    ("numeric", "42", "First, 6 * 5 = 30. Then 30 + 12 = **42**."),
    ("numeric", "42", "```\n42\n```"),
    ("numeric", "42", "The answer is 6 * 7 = 42."),
    ("numeric", "42", "<think>maybe 41? no</think>\n42"),
    ("numeric", "42", "The answer is not 41. The answer is 42."),
    ("numeric", "42", "Forty-two"),
    ("numeric", "7", "There are seven days in a week."),
    ("numeric", "7", "**Step 1: Count the days.**\nThere are **7 days**."),
    ("numeric", "1000", "1,000 g"),
    ("numeric", "12310", r"12{,}310 seconds"),
    ("numeric", "12310", "It is 12 310 seconds."),
    ("numeric", "-7", "The temperature is −7 °C"),
    ("numeric", "-5", "x = -5"),
    ("numeric", "4", "10-6=4"),
    ("numeric", "4", "10 - 6 is 4"),
    ("numeric", "3/4", "0.75"),
    ("numeric", "0.75", r"\frac{3}{4}"),
    ("numeric", "1.5", "1 1/2 minutes"),
    ("numeric", "1.5", "1½"),
    ("numeric", "30", "15% of 200 is 30."),
    ("numeric", "30", "30%"),
    ("numeric", "3.5", "$3.50"),
    ("numeric", "3.28±0.01", "about 3.28084 feet"),
    ("numeric", "3.28±0.01", "3.29"),
    ("numeric", "2000", "2 km = 2000 m"),
    ("numeric", "2000", "The answer is 2 km = 2000 m (1 km = 1000 m)."),
    ("numeric", "2000", "The answer is 2000 m (1 km = 1000 m)."),
    ("numeric", "3000", "3 × 10^3"),
    ("numeric", "3000", "3e3"),
    ("numeric", "135", "2 hours and 15 minutes is 135 minutes."),
    ("numeric", "350", "The area is 350 cm²."),
    ("numeric", "20", "72 km/h ÷ 3.6 = 20 m/s"),
    ("choice", "B", "B"),
    ("choice", "B", "b)"),
    ("choice", "B", "**B**"),
    ("choice", "B", "The correct answer is **B) Paris**."),
    ("choice", "B", "The correct answer is (B)."),
    ("choice", "B", "B) Paris"),
    ("choice", "B", "B. Paris, because A) Rome is in Italy."),
    ("choice", "B", r"\boxed{\text{B}}"),
    ("choice", "B", "Answer: B"),
    ("choice", "B", "A) Rome is wrong.\nC) Oslo is wrong.\nThe right answer is B."),
    ("choice", "A", "A) A lamp"),
    ("choice", "B", "Option B is correct."),
    ("choice", "B", "The answer is B because fish live in water."),
    ("choice", "A", "The answer is A because fish live in water."),
    ("choice", "A", "The answer is: A) In water"),
    ("choice", "D", "D"),
    ("choice", "D", "The letter of the correct option is D."),
    ("numeric", "1000000", "1\u202f000\u202f000"),
    ("choice", "C", "Let's look at the options:\nA) x\nB) y\nC) z\nAnswer: C) z"),
    ("choice", "B", "A bird can fly, so B."),
    ("exact", "hello", "hello"),
    ("exact", "True", "The output of this code is:\n\n```\nTrue\n```"),
    ("exact", "goodmorning", "The output is `goodmorning`."),
    ("exact", "12!", "12!"),
    ("exact", "12!", "The code prints: 12!"),
    ("exact", "[0, 1, 4, 9]", "```python\n[0, 1, 4, 9]\n```"),
    ("exact", "['a', 'b']", "['a', 'b']"),
    ("exact", "x-y-z", "This code prints x-y-z"),
    ("exact", "Rome | Roma", "The answer is: **Roma**."),
    ("contains", "Paris", "The capital of France is **Paris**."),
    ("contains", "cat | cats", "Cats say meow"),
    ("contains", "carbon dioxide | CO2 | CO₂", "Carbon dioxide (CO₂)"),
    ("contains", "carbon dioxide | CO2", "carbon dioxide or CO2"),
    ("contains", "Sun", "The Sun, or Sol."),
    ("label", LABELS, "Positive"),
    ("label", LABELS, "**positive**."),
    ("label", LABELS, "Label: positive"),
    ("label", LABELS, "The sentiment of the text is positive, despite the negative words."),
    ("label", LABELS, "Positive. There is nothing negative here."),
    ("label", LABELS, "It is not negative, it is positive."),
    ("list", "ant > cat > horse", "ant, cat, horse"),
    ("list", "ant > cat > horse", "1. Ant\n2. Cat\n3. Horse"),
    ("list", "ant > cat > horse", "1. **Ant** - the smallest\n2. **Cat** - larger\n3. **Horse**"),
    ("list", "ant > cat > horse", "The order is: ant → cat → horse."),
    ("list", "ant > cat > horse", "From smallest to largest, the order is ant, cat, and horse."),
    ("list", "ant > cat > horse", '["ant", "cat", "horse"]'),
    ("list", "3 > 10 > 25", "3, 10, 25"),
    ("list", "3 > 10 > 25", "Given 25, 3, 10, we get:\n3, 10, 25"),
    ("json", '{"name": "Ana", "age": 30}', '```json\n{"age": 30.0, "name": "ana "}\n```'),
    ("json", '{"a": [1, {"b": null}]}', 'Here it is: {"a": [1, {"b": null}]} Enjoy!'),
    ("translation", "J'ai faim.", "J’ai faim"),
    ("translation", "bonjour", '"Good morning" in French is "bonjour".'),
    ("translation", "bonjour", "The translation is:\n\n**Bonjour**\n\n(Pronounced bon-zhoor.)"),
    ("translation", "Haus | das Haus", "Haus (das Haus)"),
    ("translation", "gute Nacht", "German: Gute Nacht!"),
    ("format", '[{"check": "words", "min": 2, "max": 3}]', "two words"),
    ("format", '[{"check": "sentences", "min": 2, "max": 2}]', "One is here. Two is 3.5 here!"),
    ("format", '[{"check": "bullets", "min": 2}, {"check": "lines", "max": 2}]', "- a\n* b"),
    ("format", '[{"check": "numbered", "min": 2, "max": 2}]', "1. a\n2) b"),
    ("format", '[{"check": "starts_with", "text": "dear"}]', "**Dear** Ana"),
    ("format", '[{"check": "ends_with", "text": "goodbye"}]', "So, Goodbye."),
    ("format", '[{"check": "contains", "text": "la", "min": 2}]', "La la"),
    ("format", '[{"check": "excludes", "text": "e"}]', "no such sign"),
    ("format", '[{"check": "lowercase"}, {"check": "no_commas"}]', "quiet words"),
    ("format", '[{"check": "uppercase"}]', "LOUD 1"),
    ("format", '[{"check": "json_keys", "keys": ["a", "b"]}]', '{"b": 1, "a": 2}'),
    ("format", '[{"check": "each_line_starts_with", "text": "->"}]', "-> a\n\n-> b"),
    ("format", r'[{"check": "regex", "pattern": "^\\d{3}$"}]', "123"),
    (
        "code",
        "assert f(2) == 4",
        "Sure!\n```python\ndef f(x):\n    return 2 * x\n```\nUse it well.",
    ),
    ("code", "assert f(2) == 4", "def f(x):\n    return 2 * x"),
    ("code", "assert f(2) == 4", "Here is it:\n\ndef f(x):\n    return 2 * x\n\nThis doubles x."),
    ("code", "assert f(2) == 4", "f = lambda x: 2 * x"),
    ("code", "assert f(2) == 4", "```\ndef f(x):\n    return 2 * x\n\nprint(f(undefined))\n```"),
]

NONE = [
    ("numeric", "42", "41"),
    ("numeric", "42", "I cannot say."),
    ("numeric", "42", "42 or 43"),
    ("numeric", "42", "The answer is either 42 or 43."),
    ("numeric", "42", "The answer is 42 apples or 43 apples."),
    ("numeric", "42", "between 40 and 42"),
    ("numeric", "42", "40-42"),
    ("numeric", "42", "The answer is 42 to 45"),
    ("numeric", "42", "The answer is 42 * 3"),
    ("numeric", "42", "<think>it is 42"),
    ("numeric", "42", r"\boxed{42, 43}"),
    ("numeric", "42", "42 is too much, the answer is 40"),
    ("numeric", "42", "-42"),
    ("numeric", "42", "4.2"),
    ("numeric", "4", "CO4"),
    ("numeric", "3.28±0.01", "3.3"),
    ("numeric", "1000", "1.000.5"),
    ("numeric", "0", "1E310"),
    ("choice", "B", "A"),
    ("choice", "B", "A or B"),
    ("choice", "B", "The answer is either A or B."),
    ("choice", "B", "The answer is B or C."),
    ("choice", "B", "Answer: A, B"),
    ("choice", "B", "A) Rome\nB) Paris"),
    ("choice", "B", "Paris"),
    ("choice", "A", "A banana is a fruit"),
    ("choice", "B", "B is incorrect. The answer is C."),
    ("choice", "B", "The correct answer is A) Rome or B) Paris"),
    ("exact", "12!", "12"),
    ("exact", "hello", "hello world"),
    ("exact", "True", "False"),
    ("exact", "True", "True or False"),
    ("contains", "Paris", "Lyon"),
    ("contains", "Paris", "Paris or Lyon"),
    ("contains", "Paris", "Lyon or Paris"),
    ("contains", "Paris", "It is not Paris."),
    ("contains", "ice", "I would advice against it"),
    ("contains", "Paris", "Paris " + "word " * 60),
    ("label", LABELS, "negative"),
    ("label", LABELS, "positive or negative"),
    ("label", LABELS, "The sentiment is positive and negative."),
    ("label", LABELS, "It is not positive"),
    ("label", LABELS, "Great"),
    ("list", "ant > cat > horse", "ant, cat"),
    ("list", "ant > cat > horse", "ant, dog, cat, horse"),
    ("list", "ant > cat > horse", "ant, cat, horse, dog"),
    ("list", "ant > cat > horse", "dog, ant, cat, horse"),
    ("list", "ant > cat > horse", "1. Ant\n2. Cat\n3. Horse\n4. Dog"),
    ("list", "ant > cat > horse", "- Guinea pig\n- Ant\n- Cat\n- Horse"),
    ("list", "ant > cat > horse", "horse, cat, ant"),
    ("json", '{"a": 1}', '{"a": 2}'),
    ("json", '{"a": 1}', '{"a": true}'),
    ("json", '{"a": 1}', '{"a": 1} or {"a": 2}'),
    ("json", '{"a": 1}', '{"a": 1'),
    ("translation", "bonjour", "guten Tag"),
    ("format", '[{"check": "excludes", "text": "e"}]', "yes"),
    ("format", '[{"check": "lowercase"}]', "Loud"),
    ("format", '[{"check": "words", "max": 2}]', "one two three"),
    ("code", "assert f(2) == 4", "def g(x):\n    return 4"),
    ("code", "assert f(2) == 4", "I would double x."),
]

PART = [
    ("list", "a1 > b1 > c1 > d1", "b1, a1, c1, d1", 3.0),
    ("list", "a1 > b1 > c1 > d1", "b1, a1, d1, c1", 5 / 3),
    ("json", '{"a": 1, "b": 2}', '{"a": 1, "b": 3}', 2.5),
    ("json", '{"a": 1, "b": 2}', '{"a": 1, "b": 2, "c": 3, "d": 4}', 2.5),
    ("format", '[{"check": "lowercase"}, {"check": "words", "max": 1}]', "two words", 2.5),
    ("code", "assert f(2) == 4\nassert f(3) == 6", "def f(x):\n    return x + 2", 2.5),
]


@pytest.mark.parametrize(("grader", "reference", "answer"), FULL)
def test_a_right_answer_earns_full_marks(grader, reference, answer):
    given_grade = GRADERS[grader](answer, reference)
    assert given_grade.mark == 5, given_grade.reason
    assert given_grade.judge == f"verify:{grader}"


@pytest.mark.parametrize(("grader", "reference", "answer"), NONE)
def test_a_wrong_or_hedged_answer_earns_nothing(grader, reference, answer):
    given_grade = GRADERS[grader](answer, reference)
    assert given_grade.mark == 0, given_grade.reason
    assert given_grade.reason
    assert "\n" not in given_grade.reason


@pytest.mark.parametrize(("grader", "reference", "answer", "mark"), PART)
def test_a_partly_right_answer_earns_its_share(grader, reference, answer, mark):
    assert GRADERS[grader](answer, reference).mark == pytest.approx(mark)


def test_a_near_translation_earns_by_its_chrf():
    reference = "Das Buch liegt auf dem Tisch."
    near = GRADERS["translation"]("Das Buch liegt auf den Tisch.", reference).mark
    far = GRADERS["translation"]("Ein Buch war am Tisch.", reference).mark
    assert 5 > near > far


REFERENCES = {
    "numeric": "42",
    "choice": "B",
    "exact": "Rome | Roma",
    "contains": "Rome | Roma",
    "label": LABELS,
    "list": "ant > cat > horse",
    "json": '{"a": {"b": [1, 2.5, null, "x"]}}',
    "code": "assert f(2) == 4",
    "regex": r"^(\w+\s?)+$",
    "schema": '{"type": "object", "patternProperties": {"^(a+)+$": {"type": "string"}}}',
    "translation": "das Haus | Haus",
    "format": '[{"check": "sentences", "max": 3}, {"check": "json_keys", "keys": ["a"]},'
    ' {"check": "ends_with", "text": "x"}, {"check": "contains", "text": "y"}]',
}
PIECES = st.sampled_from(
    [
        "the answer is ",
        "=",
        "42",
        " or ",
        "B) ",
        "**",
        "```\n",
        "{",
        '{"a": ',
        "\\boxed{",
        "}",
        "\n",
        "ant, ",
        "positive ",
        "not ",
        "1/0",
        "9" * 500,
        "1e999",
        "<think>",
        "</think>",
        "\ud800",
        "\x00",
        "Rome",
        "٣",
        "½",
        "\\frac{",
        "(",
        "'",
        '"',
        ". ",
        "-",
        " " * 50,
        "[" * 30,
    ]
)
ANSWERS = st.text(max_size=200) | st.lists(PIECES, max_size=40).map("".join)


@pytest.mark.parametrize("name", sorted(set(REFERENCES) - {"code"}))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(answer=ANSWERS)
def test_no_answer_crashes_a_grader(name, answer):
    assert 0 <= GRADERS[name](answer, REFERENCES[name]).mark <= 5


@settings(max_examples=8, deadline=None)
@given(answer=ANSWERS)
def test_no_answer_crashes_the_code_grader(answer):
    assert GRADERS["code"](answer, REFERENCES["code"]).mark == 0


@pytest.mark.parametrize("name", sorted(set(REFERENCES) - {"code"}))
@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    [
        "the answer is not 1 ",
        "=",
        "a ",
        "{",
        '{"a":',
        "**a",
        "1,",
        "ant, ",
        "A or ",
        "positive ",
        "\\boxed{",
        "`",
        "not ",
        "(",
        "1 or ",
    ],
)
def test_repetition_does_not_stall_a_grader(name, piece):
    assert 0 <= GRADERS[name](piece * 20_000, REFERENCES[name]).mark <= 5


def test_every_grader_but_the_rubric_is_in_the_table():
    assert set(GRADERS) == set(REFERENCES)
    assert not is_verifiable(Prompt.from_text("p", "q", grader="rubric", reference="be kind"))
    assert not is_verifiable(Prompt.from_text("p", "q"))
    assert is_verifiable(Prompt.from_text("p", "q", grader="exact", reference="x"))


def answer_of(text, state=AnswerState.COMPLETE):
    return Answer("p", "m", text, state, Usage(), 0.0, 0.0)


@pytest.mark.parametrize(
    ("grader", "reference", "words"),
    [
        ("psychic", "1", "unknown grader 'psychic'"),
        ("rubric", "be kind", "no program verifies"),
        ("", "", "no program verifies"),
        ("numeric", "many", "reference must be a number"),
        ("numeric", "1±x", "reference must be a number"),
        ("choice", "BC", "reference must be one letter"),
        ("exact", " ", "reference is empty"),
        ("label", "positive", "reference must be JSON"),
        ("label", '{"label": "x", "options": ["y"]}', "among its options"),
        ("list", "ant", "two or more"),
        ("json", "[1]", "JSON object"),
        ("code", "print(1)", "one assert a line"),
        ("code", "", "one assert a line"),
        ("format", '[{"check": "rhymes"}]', "unknown check 'rhymes'"),
        ("format", '[{"check": "words"}]', "missing or wrong argument"),
        ("format", '[{"check": "regex", "pattern": "("}]', "missing or wrong argument"),
    ],
)
@pytest.mark.parametrize("text", ["42", ""])
def test_a_prompt_that_cannot_be_verified_is_named(grader, reference, words, text):
    prompt = Prompt.from_text("prompt-9", "q", grader=grader, reference=reference)
    with pytest.raises(DataError, match="prompt-9") as caught:
        verify(prompt, answer_of(text))
    assert words in str(caught.value)


def test_empty_and_failed_answers_earn_nothing():
    prompt = Prompt.from_text("p", "q", grader="format", reference='[{"check": "no_commas"}]')
    assert verify(prompt, answer_of("x")).mark == 5
    assert verify(prompt, answer_of("x", AnswerState.TRUNCATED)).mark == 5
    assert verify(prompt, answer_of("x", AnswerState.FAILED)).mark == 0
    assert "failed" in verify(prompt, answer_of("x", AnswerState.FAILED)).reason
    assert verify(prompt, answer_of(" ", AnswerState.COMPLETE)).mark == 0
    assert verify(prompt, answer_of("x", AnswerState.EMPTY)).mark == 0


@pytest.mark.parametrize(
    ("pattern", "text", "mark"),
    [
        (r"\bB-\d{3}\b", "The code is B-204.", 5),
        (r"\bB-\d{3}\b", "The code is B-20.", 0),
        (r"^\d+$", "42", 5),
        (r"^\d+$", "about\n42", 0),
        (r"(?m)^\d+$", "about\n42", 5),
        (r"x", "<think>x</think>no", 0),
        (r"x", "", 0),
    ],
)
def test_a_pattern_must_be_found(pattern, text, mark):
    assert GRADERS["regex"](text, pattern).mark == mark


def test_an_answer_made_to_hold_a_pattern_up_ends_in_time():
    started = time.monotonic()
    given = GRADERS["regex"]("a" * 60 + "b", "^(a|a)+$")
    assert given.mark == 0
    assert "ran out of time" in given.reason
    assert time.monotonic() - started < 30


PERSON = (
    '{"type": "object", "required": ["name"], "additionalProperties": false,'
    ' "properties": {"name": {"type": "string", "pattern": "^(a+)+$"},'
    ' "age": {"type": "integer", "minimum": 0}}}'
)


@pytest.mark.parametrize(
    ("text", "mark", "reason"),
    [
        ('{"name": "aa", "age": 3}', 5, "valid"),
        ('Here:\n```json\n{"name": "a"}\n```', 5, "valid"),
        ('Sure: {"name": "a"}', 5, "valid"),
        ('{"name": "a", "age": -1}', 0, "/age"),
        ('{"age": 1}', 0, "name"),
        ('{"name": "a", "extra": 1}', 0, "extra"),
        ('{"name": "a", "age": NaN}', 0, "JSON"),
        ("[1]", 0, "object"),
        ("none", 0, "no JSON object"),
        ('{"name": "' + "a" * 5000 + 'b"}', 0, "/name"),
        ("[" * 9000, 0, "no JSON object"),
    ],
)
def test_an_answer_must_be_valid_under_a_schema(text, mark, reason):
    given = GRADERS["schema"](text, PERSON)
    assert given.mark == mark
    assert reason in given.reason


def test_a_schema_may_describe_a_list():
    assert GRADERS["schema"]("[1, 2]", '{"type": "array", "maxItems": 2}').mark == 5


@pytest.mark.parametrize(
    ("grader", "reference", "why"),
    [
        ("regex", "(", "no regular expression"),
        ("regex", " ", "empty"),
        ("schema", "{}", "at least one keyword"),
        ("schema", "[", "must be a JSON Schema"),
        ("schema", '{"type": "shape"}', "stands alone"),
        ("schema", '{"$ref": "http://127.0.0.1:9/x.json"}', "stands alone"),
    ],
)
def test_a_pattern_or_schema_that_is_none_is_refused(grader, reference, why):
    with pytest.raises(BadReferenceError, match=why):
        GRADERS[grader]("x", reference)
