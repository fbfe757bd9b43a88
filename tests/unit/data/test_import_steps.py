"""The steps of an import: scrubbing, near duplicates of many, the representative sample."""

import numpy as np
import pytest

from routewright.data.duplicates import find_duplicates
from routewright.data.logs.sample import representative, shares
from routewright.data.logs.scrub import Scrubber
from routewright.data.near import near_clusters
from routewright.encoders.named import make
from routewright.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("Mail a.b+c@mail.example.co.uk now", "Mail <EMAIL_1> now"),
        ("a@b.de, c@d.de, a@b.de", "<EMAIL_1>, <EMAIL_2>, <EMAIL_1>"),
        ("Call +1 (415) 555-0132.", "Call <PHONE_1>."),
        ("Call 415-555-0132", "Call <PHONE_1>"),
        ("Ruf +49 30 901820 an", "Ruf <PHONE_1> an"),
        ("card 4111 1111 1111 1111", "card <CARD_1>"),
        ("IBAN DE89 3704 0044 0532 0130 00", "IBAN <IBAN_1>"),
        ("SSN 536-90-4399", "SSN <SSN_1>"),
        ("host 192.168.1.20 is down", "host <IP_1> is down"),
        ("2001:db8::8a2e:370:7334", "<IP_1>"),
        ("key sk-abcDEF1234567890abcdefghijkl", "key <SECRET_1>"),
    ],
)
def test_personal_data_is_taken_out(text, scrubbed):
    assert Scrubber().scrub(text) == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "Upgrade from 10.15.7.1 to 1.2.3.4 and python 3.11.4",
        "version 2.10.3.45, v1.2.3.4",
        "What is 123456789 * 987654321?",
        "x = 2125551234 * 3",
        "card 4111 1111 1111 1112",
        "0000 0000 0000 0000",
        "born 1990-01-02, at 13:46:19 on 03/04/2021",
        "pi is 3.141592653589793",
        "commit 9fceb02d0ae598e95dc970b74767f19372d3f4fd",
        "ISBN 978-0-306-40615-7, doi:10.1145/3292500.3330701",
        "std::vector a::b x[::2] and ::1, 127.0.0.1",
        "zip 94105 and 12345 apples",
        "@dataclass and user@host",
    ],
)
def test_what_only_looks_like_personal_data_stays(text):
    assert Scrubber().scrub(text) == text


def test_phone_numbers_are_those_of_the_country():
    assert Scrubber("DE").scrub("Telefon 030 901820") == "Telefon <PHONE_1>"
    with pytest.raises(ConfigError, match="'XX'"):
        Scrubber("XX")


def texts(count, seed=0):
    """Random texts, every tenth a light edit of the one before, and one template's instances."""
    rng = np.random.default_rng(seed)
    words = [f"w{n}" for n in range(3000)]
    found = []
    for row in range(count):
        if row % 10 == 9:
            found.append(found[-1] + " please")
        elif row % 10 == 4:
            found.append(
                f"Translate this line into French, word by word: {' '.join(rng.choice(words, 8))}"
            )
        else:
            found.append(" ".join(rng.choice(words, 60)))
    return found


def test_sketches_find_what_comparing_all_with_all_finds():
    given = texts(600)
    exact = find_duplicates(given)
    sketched = near_clusters(given, whole=0)
    firsts = np.array([np.flatnonzero(exact == number)[0] for number in exact])
    np.testing.assert_array_equal(sketched, firsts)
    assert (sketched != np.arange(600)).sum() == 60


def test_a_family_larger_than_a_batch_is_divided_and_nothing_lost(monkeypatch):
    monkeypatch.setattr("routewright.data.near.BATCH", 50)
    given = texts(600)
    sketched = near_clusters(given, whole=0)
    assert sketched.shape == (600,)
    assert (sketched <= np.arange(600)).all()
    assert (sketched != np.arange(600)).sum() >= 55


TOPICS = [
    "How do I sort a list of dictionaries in Python by key number {}?",
    "What did the Roman emperor do in the year {}?",
    "Give me a recipe for lentil soup for {} people.",
    "今天天气怎么样 {}",
]


def topics(counts):
    rng = np.random.default_rng(1)
    rows = [topic for topic, count in enumerate(counts) for _ in range(count)]
    rng.shuffle(rows)
    given = [TOPICS[topic].format(row) for row, topic in enumerate(rows)]
    return np.array(rows), given, ["zh" if topic == 3 else "en" for topic in rows]


def test_a_sample_keeps_the_shares_of_the_clusters_and_the_seed():
    rows, given, languages = topics([500, 300, 150, 50])
    drawn = representative(given, languages, 100, make("static"), seed=3)
    assert len(set(drawn.tolist())) == 100
    counts = np.bincount(rows[drawn], minlength=4)
    assert np.abs(counts - [50, 30, 15, 5]).max() <= 8
    again = representative(given, languages, 100, make("static"), seed=3)
    np.testing.assert_array_equal(drawn, again)
    other = representative(given, languages, 100, make("static"), seed=4)
    assert set(drawn.tolist()) != set(other.tolist())


def test_shares_add_up_and_follow_the_counts():
    assert shares(np.array([5, 3, 2]), 10).tolist() == [5, 3, 2]
    assert shares(np.array([1, 1, 1]), 2).tolist() == [1, 1, 0]
    assert shares(np.array([7, 0, 3]), 4).tolist() == [3, 0, 1]
