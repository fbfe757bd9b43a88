"""Deciding in compiled code: what Python says, up to rounding, whatever the text."""

import copy
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hatch_build
from routewright import routers
from routewright.data import RoutingData
from routewright.encoders.features import text_features
from routewright.encoders.static import StaticEncoder, _table
from routewright.encoders.tokens import plain_words
from routewright.encoders.wordpiece import words
from routewright.routers import native
from routewright.routers.check import sample_data
from routewright.routers.stack import StackRouter
from routewright.types import Prompt

pytest.importorskip("sklearn", reason="the extra train (scikit-learn) is not installed")

FOLDER = Path(native.__file__).parent
PIECES = (
    *"\n\n\n \t\x1c\x0b:;()[]{}\"'`-+=?_.AaBbJj09\x00\x7f",
    "- 3", "3-4", ") -5", "==", "===", "for x in", "for for in in", "xfor y in ", "for a in_",
    "def f", "define", " def ", "print(", "SELECT", "select", "import", "var", "classes", "class",
    "(A) ", "(B). ", "A)", "B.", "J:", "K)", "Answer: A\n", "answer :b\n", "\n a:\n", "output: 5",
    "only", "alone", "just the ", "no explanation", "Step By Step", "why", "reasons", "write",
    "summarize", "list", "all of", "each", "```", "\n    ", '":', "https://a.b/c?d=e", "snake_case",
    "x" * 101, "x" * 40, "12345678901234567890123456789012345", "hello world", "unbelievably",
)  # fmt: skip
ASCII = st.lists(
    st.one_of(st.sampled_from(PIECES), st.text(st.characters(max_codepoint=127), max_size=12)),
    max_size=60,
).map("".join)
ANY = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=40).map("".join)

# A machine that is busy must not fail what says nothing of time.
QUIET = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

built = pytest.mark.skipif(
    native.library() is None, reason="the C is not compiled here: there is no C compiler"
)


def data(models=3, n=240, seed=0) -> RoutingData:
    return sample_data(models=models, n=n, seed=seed)


@pytest.fixture(scope="module")
def router() -> StackRouter:
    return routers.make("stack", encoder="static").fit(data())


@pytest.fixture(scope="module")
def default() -> StackRouter:
    return routers.make("stack").fit(data())


def close(router: StackRouter, text: str, max_tokens: int | None = None) -> None:
    prompt = msgspec.structs.replace(Prompt.from_text("p", text), max_tokens=max_tokens)
    for told, wanted in zip(
        router.expected(prompt), router.plainly(router.space_.view([prompt])), strict=True
    ):
        assert told == pytest.approx(wanted, rel=1e-4, abs=1e-4 * wanted.max())


def test_it_is_compiled_where_there_is_a_compiler():
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("there is no C compiler here")
    assert native.library() is not None, "install again: pip install -e ."


@built
@settings(QUIET, max_examples=400)
@given(ASCII)
def test_features_are_the_same_to_the_bit(text):
    text = text[: native.MOST_CHARS]
    told = np.array(native.features(text), dtype=np.float32)
    assert told.tolist() == text_features([text])[0].tolist()


@built
@settings(QUIET, max_examples=200)
@given(ASCII)
def test_words_are_cut_into_the_same_pieces(text):
    text = text[: native.MOST_CHARS]
    table, signs = _table(), native.vocabulary().fields["signs"]
    wanted = [
        row for word in plain_words(text) for row in np.frombuffer(table._rows[word], np.intp)
    ]
    wanted += [signs[ord(each)] for each in text if signs[ord(each)] >= 0]
    assert sorted(native.vocabulary().text_rows(text)) == sorted(wanted)


# Of every kind that the patterns tell apart: letters with and without an accent, capitals, other
# digits, spaces, operators, quotes, marks, signs with and without a row, halves of an emoji.
STRANGE = "éÈñüßøŁ²½×÷−≠“”«»’–—…¿€°\u00a0\u2003\u0301٣３ﬁKİıſ中한가日🙂\u200d\ufeff\x85\ud83d"
STRANGE += "ДжюΣσςŉǰสวัสดีเพลคาタ・ンがㄅѣ\u3000\u1680ªⅣⓐ\ufffe\uffff𝔄𐐀"
FEW = st.lists(
    st.sampled_from(
        [*STRANGE, *PIECES, "Дом ", "x", "E", " ", "\n", "-", "(", "7", "for ", " in", "café "]
    ),
    max_size=40,
).map("".join)


@built
@settings(QUIET, max_examples=600)
@given(FEW)
def test_a_few_characters_outside_ascii_are_read_alike(text):
    told = native.features(text)
    if told is None:
        return
    assert np.array(told, dtype=np.float32).tolist() == text_features([text])[0].tolist()
    table = _table()
    wanted = [row for word in words(text) for row in np.frombuffer(table._rows[word], np.intp)]
    assert sorted(native.vocabulary().text_rows(text)) == sorted(wanted)


@built
@settings(QUIET, max_examples=300)
@given(FEW)
def test_with_them_scores_and_costs_are_the_same(router, default, text):
    close(router, text)
    close(default, text)


@built
def test_most_texts_with_some_are_read_by_the_compiled_code():
    for text in ("Où est le café?", "It’s 3 × 4 – “why”…", "5 m² at 20 °C", "naïve, ¿qué?"):
        assert native.features(text) is not None, text
    russian = "Сколько будет дважды два? Объясни, почему съешь ещё этих мягких французских булок."
    chinese = "".join(map(chr, range(0x4E00, 0x4E00 + 129)))
    assert native.features(russian) is not None
    assert native.features(chinese[1:]) is not None
    assert native.features(chinese) is None
    assert native.features(russian) is not None


@built
@settings(QUIET, max_examples=150)
@given(ANY)
def test_scores_and_costs_are_the_same(router, default, text):
    close(router, text)
    close(default, text)


@built
@pytest.mark.parametrize("text", ["", " ", "é", "a\0b", "word " * 3000, "ü" * 9000, "\n" * 8000])
@pytest.mark.parametrize("max_tokens", [None, 1])
def test_odd_texts_are_decided_alike(router, default, text, max_tokens):
    close(router, text, max_tokens)
    close(default, text, max_tokens)


@built
@pytest.mark.parametrize(
    "made",
    [
        lambda: routers.make("stack", encoder="static").fit(data(models=2)),
        lambda: routers.make("stack", encoder="static").fit(data(models=120, n=60)),
        lambda: routers.make("stack", encoder="static", gate=True).fit(data()),
        lambda: routers.make("stack", encoder="static").fit(data(n=1100)),
        lambda: routers.make("stack", encoder="static").fit(data(n=12)),
        lambda: routers.make("stack", encoder="static").fit(unscored()),
        lambda: routers.make("stack").fit(data()),
        lambda: routers.make("stack", encoder="static+words:32").fit(data()),
        lambda: routers.make("stack", encoder="words").fit(data()),
        lambda: routers.make("stack", encoder="hashed").fit(data()),
        lambda: routers.make("stack", encoder="").fit(data()),
    ],
    ids=[
        "two",
        "many",
        "gated",
        "calibrated",
        "few",
        "unscored",
        "default",
        "turned",
        "words",
        "hashed",
        "features",
    ],
)
def test_every_kind_of_stack_is_the_same(made):
    router = made()
    for prompt in data(n=40, seed=3).prompts:
        close(router, prompt.text)
    assert router._native is not None


def unscored() -> RoutingData:
    table = data()
    scores = table.scores.copy()
    scores[:, 1] = np.nan
    return replace(table, scores=scores)


@built
def test_threads_that_ask_first_at_once_are_told_the_same(tmp_path, router):
    """A-06"""
    router.save(tmp_path / "router")
    prompt = Prompt.from_text("a", "Sort 3, 1, 2.")
    wanted = router.expected(prompt)[0].tolist()
    for _ in range(5):
        fresh = routers.load(tmp_path / "router")
        fresh._compiled = None  # the trial on loading asked already
        with ThreadPoolExecutor(8) as pool:
            told = list(pool.map(lambda _, r=fresh: r.expected(prompt)[0].tolist(), range(16)))
        assert told == [wanted] * 16


@built
def test_a_fit_compiles_again(router):
    other = routers.make("stack", encoder="static").fit(data())
    before = other.expected(Prompt.from_text("a", "why?"))[0].copy()
    other.fit(data(seed=5))
    assert not np.array_equal(other.expected(Prompt.from_text("a", "why?"))[0], before)
    close(other, "why?")


@built
def test_an_artefact_decides_as_what_was_saved(router, tmp_path):
    router.save(tmp_path / "router")
    again = routers.load(tmp_path / "router")
    for mine, others in zip(
        *(each.expected(Prompt.from_text("a", "Sort 3, 1, 2.")) for each in (router, again)),
        strict=True,
    ):
        assert np.array_equal(mine, others)


@built
def test_a_router_that_goes_elsewhere_takes_no_addresses_along(router):
    router.expected(Prompt.from_text("a", "b"))
    other = copy.deepcopy(router)
    assert other._native_form is None
    close(other, "what?")


@built
def test_a_compiled_form_that_says_otherwise_is_not_taken(monkeypatch, caplog):
    def wrong(self, prompts):
        return [(np.full(self._models, 0.5), np.full(self._models, 0.1)) for _ in prompts]

    monkeypatch.setattr(native.Compiled, "expected", wrong)
    assert native.compiled(routers.make("stack", encoder="static").fit(data())) is None
    assert "differ from plain ones" in caplog.text


@built
@settings(QUIET, max_examples=60)
@given(st.lists(st.tuples(ANY, st.none() | st.integers(1, 2**70)), max_size=40))
def test_prompts_that_come_together_get_the_bits_that_each_gets_alone(router, told):
    prompts = [
        msgspec.structs.replace(Prompt.from_text("p", text), max_tokens=limit)
        for text, limit in told
    ]
    together = router.expected_of(prompts)
    for prompt, (scores, costs) in zip(prompts, together, strict=True):
        alone = router.expected(prompt)
        assert (scores.tolist(), costs.tolist()) == (alone[0].tolist(), alone[1].tolist())


@built
def test_other_processors_get_the_same_bits(router, default, tmp_path, monkeypatch):
    """Without what this processor alone can do, as far as C says so."""
    plain = tmp_path / "plain.so"
    sources = map(str, FOLDER.glob("native_*.c"))
    command = ["gcc", "-O1", "-DPLAIN", "-std=c11", "-ffp-contract=off", "-fPIC", "-shared"]
    subprocess.run([*command, "-o", str(plain), *sources, "-lm"], check=True)
    prompts = [Prompt.from_text("p", " ".join(PIECES[:at])) for at in range(len(PIECES))]
    wanted = [each.expected(prompt) for each in (router, default) for prompt in prompts]
    for at, each in enumerate((router, default)):
        each.save(tmp_path / str(at))
    monkeypatch.setattr(native, "LIBRARY", plain)
    native.library.cache_clear()
    native.vocabulary.cache_clear()
    try:
        again = [StackRouter.load(tmp_path / str(at)) for at in range(2)]
        told = [each.expected(prompt) for each in again for prompt in prompts]
        assert all(each._native is not None for each in again)
    finally:
        monkeypatch.undo()
        native.library.cache_clear()
        native.vocabulary.cache_clear()
    for ours, others in zip(wanted, told, strict=True):
        assert (ours[0].tolist(), ours[1].tolist()) == (others[0].tolist(), others[1].tolist())


def test_it_can_be_switched_off(monkeypatch):
    monkeypatch.setenv(native.OFF_ENV, "0")
    assert native.library.__wrapped__() is None


def test_a_library_of_another_version_is_not_taken(monkeypatch, caplog):
    monkeypatch.setattr(native, "_VERSION", -1)
    assert native.library.__wrapped__() is None
    if native.LIBRARY.exists():
        assert "another version" in caplog.text


def test_something_else_under_its_name_is_not_taken(monkeypatch, caplog, tmp_path):
    (tmp_path / "_native.so").write_bytes(b"no library")
    monkeypatch.setattr(native, "LIBRARY", tmp_path / "_native.so")
    assert native.library.__wrapped__() is None
    assert "install again" in caplog.text


@pytest.mark.parametrize("compiler", ["/nonexistent/cc", "false"])
def test_without_a_compiler_nothing_is_built(compiler, monkeypatch, tmp_path):
    monkeypatch.setenv("CC", compiler)
    assert not hatch_build.built(FOLDER, tmp_path / "out.so")


WATCHED = f"""
import ctypes, random, sys
from routewright.routers import native
native.LIBRARY = __import__("pathlib").Path(sys.argv[1])
native.library.cache_clear()
words, rng = native.vocabulary(), random.Random(0)
alphabet = [chr(at) for at in range(128)] + {[p for p in PIECES if p]!r} + list("é’×²жΩ가日")
for count in [0, 1, 2, 5, 60, 4000] * 60:
    text = "".join(rng.choice(alphabet) for _ in range(count))[:8000]
    native.features(text), words.text_rows(text)
for text in ("a " * 4000, "_" * 8000, "x" * 8000, "\\n" * 8000, "a:" * 4000, "\\na:b" * 2000):
    native.features(text), words.text_rows(text)
assert native.library().features(b"x" * 8001, bytes(256), 8001, (ctypes.c_double * 24)()) == -1
from routewright import routers
from routewright.routers.check import sample_data
from routewright.types import Prompt
router = routers.make("stack").fit(sample_data(n=60))
static = routers.make("stack", encoder="static").fit(sample_data(n=60))
for count in [0, 1, 2, 5, 60, 4000] * 10:
    text = "".join(rng.choice(alphabet) for _ in range(count))[:8000]
    for each in (router, static):
        told = each._native.expected([Prompt.from_text("p", text)])[0]
        assert told is not None or count > 1000
for text in ("a " * 4000, "_" * 8000, "? " * 4000, "?" * 8000):
    assert router._native.expected([Prompt.from_text("p", text)])[0] is not None
print("whole")
"""


@built
def test_no_text_makes_it_read_or_write_beside_its_memory(tmp_path):
    """Under GCC's sanitizers, which end the process at the first such access."""
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("GCC is not installed")
    asan = subprocess.run(
        [gcc, "-print-file-name=libasan.so"], check=True, capture_output=True, text=True
    ).stdout.strip()
    if not Path(asan).is_absolute():
        pytest.skip("GCC's sanitizers are not installed")
    watched, sources = str(tmp_path / "watched.so"), map(str, FOLDER.glob("native_*.c"))
    command = [gcc, "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    command += ["-DPLAIN", "-std=c11", "-fPIC", "-shared", "-o", watched, *sources, "-lm"]
    subprocess.run(command, check=True)
    told = subprocess.run(
        [sys.executable, "-c", WATCHED, watched],
        env={"LD_PRELOAD": asan, "ASAN_OPTIONS": "detect_leaks=0", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout) == (0, "whole\n"), told.stderr[-2000:]


def test_the_static_table_tells_its_parts():
    parts = StaticEncoder("static").fit(()).table
    rows = len(parts.pieces.split(b"\n"))
    assert parts.codes.shape == (rows, 128)
    assert parts.scales.shape == (rows,)
    listed = parts.pieces.decode().split("\n")
    assert all(listed[row] == chr(at) for at, row in enumerate(parts.signs) if row >= 0)
    assert parts.signs[ord("?")] >= 0
    assert parts.signs[ord("a")] == parts.signs[ord("_")] == -1
