"""A hostile pickle runs nothing and says what it tried; a damaged benchmark says where."""

from __future__ import annotations

import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from routewright.data import RoutingData
from routewright.data.benchmarks.unpickle import GIB, Limits, read_pickle, worker
from routewright.errors import ConfigError, DataError
from tests.fakes import pickles as make

FRAME = make.named("pandas.core.frame", "DataFrame")


def hostile(canary: Path) -> dict[str, tuple[bytes, str]]:
    """Pickles that would write the canary, or prepare for it, and what each is refused for."""
    shell, code = f"touch {canary}", f"open({str(canary)!r}, 'w').close()"
    core = "numpy.core.multiarray"
    return {
        "os.system": (make.call("os", "system", shell), "names os.system,"),
        "posix.system": (make.call("posix", "system", shell), "names posix.system,"),
        "eval": (make.call("builtins", "eval", code), "names builtins.eval,"),
        "python 2's eval": (make.call("__builtin__", "eval", code), "names __builtin__.eval,"),
        "exec": (make.call("builtins", "exec", code), "names builtins.exec,"),
        "subprocess": (make.call("subprocess", "run", shell), "names subprocess.run,"),
        "getattr": (make.call("builtins", "getattr", FRAME, "__class__"), "builtins.getattr"),
        "importlib": (make.call("importlib", "import_module", "os"), "importlib.import_module"),
        "another function of numpy": (make.call("numpy", "load", str(canary)), "numpy.load"),
        "numpy's fromfile": (make.call(core, "fromfile", str(canary)), f"{core}.fromfile"),
        "pandas' eval": (make.call("pandas", "eval", code), "pandas.eval"),
        "pandas' reader": (make.call("pandas.io.pickle", "read_pickle", "x"), "read_pickle"),
        "a dotted name": (
            make.text(core) + make.text("_reconstruct.__globals__") + b"\x93",
            f"{core}._reconstruct.__globals__",
        ),
        "a dotted class": (
            make.text("builtins") + make.text("slice.__class__") + b"\x93",
            "builtins.slice.__class__",
        ),
        "an old instance": (b"(" + make.text(shell) + b"ios\nsystem\n", "names os.system,"),
        "nested in a cell": (
            make.table({"a": [make.call("os", "system", shell)]})[2:-1],
            "names os.system,",
        ),
        "a codec that isn't one": (
            make.call("_codecs", "encode", "abc", "rot13"),
            "_codecs.encode to 'rot13'",
        ),
        "a partial of its own": (
            make.call("functools", "partial", make.named("numpy", "dtype")) + make.obj((1,)) + b"R",
            "functools.partial of something else",
        ),
        "a class changed": (
            make.build(FRAME, (None, {"__setstate__": make.named("numpy", "dtype")})),
            "no pickled table that can be read",
        ),
        "a class given a state": (
            make.build(FRAME, {"args": (1,)}),
            "no pickled table that can be read",
        ),
        "a persistent id": (make.text(shell) + b"Q", "a persistent id"),
        "an old persistent id": (b"P" + shell.encode() + b"\n", "a persistent id"),
        "an extension code": (b"\x82\x01", "unregistered extension code"),
        "a buffer from outside": (b"\x97", "buffer"),
    }


@pytest.mark.parametrize("name", list(hostile(Path("canary"))))
def test_a_hostile_pickle_is_refused_and_runs_nothing(name: str, tmp_path: Path) -> None:
    """A-02: not even where a benchmark is published as one."""
    canary = tmp_path / "canary"
    content, says = hostile(canary)[name]
    path = tmp_path / "table.pkl"
    path.write_bytes(make.pickled(content))
    with pytest.raises(DataError) as caught:
        RoutingData.load(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert says in message
    assert "\n" not in message
    assert len(message) < 500
    assert not canary.exists()


def test_the_canary_would_have_been_seen(tmp_path: Path) -> None:
    """The same opcodes do run in the unpickler of the standard library."""
    import pickle  # noqa: TID251 -- the proof that these pickles are live ammunition

    canary = tmp_path / "canary"
    for name in ("os.system", "eval", "an old instance", "nested in a cell"):
        canary.unlink(missing_ok=True)
        content = hostile(canary)[name][0]
        try:
            pickle.loads(make.pickled(content))  # noqa: S301 -- the payloads only touch a file
        except ImportError:  # the frame around it needs pandas
            assert name == "nested in a cell"
            continue
        except TypeError:  # pandas is here, and makes no frame of it
            assert name == "nested in a cell"
        assert canary.exists(), name


def laughs() -> bytes:
    """A tuple of two of the last, sixty deep, as a key: hashing it never ends."""
    nested = make.whole(1)
    for number in range(60):
        put = b"r" + struct.pack("<I", number)
        nested += put + b"j" + struct.pack("<I", number) + b"\x86"
    return b"(" + nested + b"Nd"


@pytest.mark.parametrize(
    "content",
    [
        b"\x8e" + struct.pack("<Q", 1 << 40),  # a terabyte of bytes to come
        b"Nr" + struct.pack("<I", (1 << 32) - 2),  # a memo of four thousand million places
    ],
    ids=["bytes", "memo"],
)
def test_a_bomb_of_memory_ends_with_an_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bomb.pkl"
    path.write_bytes(make.pickled(content))
    with pytest.raises(DataError, match=r"more than 1,024 MB of memory|can be read"):
        RoutingData.load(path)


def test_lists_of_lists_of_lists_are_no_table(tmp_path: Path) -> None:
    path = tmp_path / "deep.pkl"
    path.write_bytes(make.pickled(b"]" + b"\x85" * 400_000))
    with pytest.raises(DataError, match="a tuple, not a pandas DataFrame"):
        RoutingData.load(path)


def test_the_wall_ends_the_reader_at_whatever_reaches_out(tmp_path: Path) -> None:
    """What a fault of the unpickler itself would meet."""
    folder = Path(worker.__file__).parent
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); import worker; worker.guard(); "
    for reach in (
        f"open({str(tmp_path / 'x')!r}, 'w')",
        "import ctypes",
        "compile('1', '', 'eval')",
    ):
        run = subprocess.run(
            [sys.executable, "-I", "-S", "-c", code + reach], capture_output=True, text=True
        )
        assert run.returncode == 1
        assert '"refused": "the event' in run.stdout
    assert not (tmp_path / "x").exists()


def test_work_without_end_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "endless.pkl"
    path.write_bytes(make.pickled(laughs()))
    with pytest.raises(DataError, match=r"reading it takes (more than 1 s|too long)"):
        read_pickle(path, limits=Limits(1, GIB))


def test_a_reader_out_of_cpu_says_so(tmp_path: Path) -> None:
    endless = make.pickled(laughs())
    command = [sys.executable, "-I", "-S", worker.__file__, "1", str(GIB)]
    run = subprocess.run(command, input=endless, capture_output=True, timeout=60, check=False)
    assert run.returncode == -signal.SIGXCPU


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.pkl", b""),
        ("cut.pkl", make.table({"sample_id": ["a"]})[:40]),
        ("cut.tar.gz", b"\x1f\x8b\x08\x00\x00\x00"),
        ("mmlu_x.csv", b"prompt,a\n"),
        ("judgements.jsonl", b'{"question_id": 1, "model": '),
        ("annotations.json", b'[{"instruction": "Hi", "generator_2": '),
        ("cached.jsonl", b'{"global_index": "AIME_1", "llm_selected": '),
        ("report.xlsx", b"PK"),
    ],
)
def test_a_file_cut_off_is_said_in_one_line(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        RoutingData.load(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_an_unknown_folder_lists_what_is_understood(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(DataError) as caught:
        RoutingData.load(tmp_path)
    for name in ("prompts and outcomes", "routerbench", "routellm", "routerarena"):
        assert name in str(caught.value)
    assert "llmrouterbench" in str(caught.value)
    assert "alpaca-eval" in str(caught.value)


def test_an_unknown_format_lists_the_known(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a\n1\n")
    with pytest.raises(ConfigError, match="auto, native, routerbench, routellm, routerarena"):
        RoutingData.load(tmp_path / "t.csv", format="routrbench")


@pytest.mark.parametrize(
    "format", ["routerbench", "routellm", "routerarena", "llmrouterbench", "alpaca-eval"]
)
def test_an_empty_folder_and_a_missing_one_are_refused_in_every_format(
    format: str, tmp_path: Path
) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DataError) as caught:
            RoutingData.load(path, format=format)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
