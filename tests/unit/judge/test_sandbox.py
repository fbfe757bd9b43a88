"""The sandbox: right code passes, hostile code earns little and leaves the parent unharmed."""

import os
import re
import time
from pathlib import Path

import pytest

from routewright.judge.code import sources
from routewright.judge.sandbox import run_asserts

ADDS = ["assert add(1, 2) == 3", "assert add(2, 2) == 4", "assert add(-1, 1) == 0"]


def run(source, asserts=ADDS, **options):
    return run_asserts([source], asserts, **options)


def test_right_code_passes_and_wrong_code_fails_in_part():
    assert run("def add(a, b):\n    return a + b").passed == (True, True, True)
    some = run("def add(a, b):\n    return 3 if a == 1 else 0")
    assert some.passed == (True, False, True)
    assert some.error == "fails: assert add(2, 2) == 4"


@pytest.mark.parametrize(
    ("source", "statement"),
    [
        (
            "def f(): return (1, [2], {'a': {3}}, None, 1.5, 'é')",
            "f() == (1, [2], {'a': {3}}, None, 1.5, 'é')",
        ),
        ("def f(n): return n % 2 == 0", "f(4) is True and f(3) is False"),
        ("def f():\n    yield from 'ab'", "list(f()) == ['a', 'b']"),
        ("def f(): return map(str, [1])", "list(f()) == ['1']"),
        ("def f(): return range(3)", "f() == range(3)"),
        ("def f(): return {'b': 1, 'a': 2}.keys()", "list(f()) == ['b', 'a']"),
        ("def f(g, x): return g(g(x))", "f(lambda n: n + 1, 3) == 5"),
        ("def f(n):\n    return lambda x: x + n", "f(2)(3) == 5"),
        ("def f(x, *, k=1): return x * k", "f(2, k=3) == 6"),
        ("def f(x): return x ** 0.5", "math.isclose(f(2), 1.4142135, rel_tol=1e-6)"),
        ("def f(n): return n > 1", "all(f(n) for n in range(2, 9))"),
        (
            "import collections\ndef f(s): return collections.Counter(s)",
            "f('aab') == {'a': 2, 'b': 1}",
        ),
        ("from math import gcd\ndef f(a, b): return gcd(a, b)", "f(84, 126) == 42"),
        ("def f(): return float('inf')", "f() == float('inf')"),
    ],
)
def test_values_of_every_plain_kind_come_back(source, statement):
    outcome = run(source, [f"assert {statement}"])
    assert outcome.passed == (True,), outcome.error


@pytest.mark.parametrize(
    "module",
    re.findall(
        r"\w+",
        "bisect collections copy dataclasses datetime decimal enum fractions functools "
        "heapq itertools "
        "json math operator random re statistics string textwrap typing unicodedata",
    ),
)
def test_the_modules_that_answers_use_can_be_imported(module):
    outcome = run(f"import {module}\ndef f(): return 1", ["assert f() == 1"])
    assert outcome.passed == (True,), outcome.error


def test_an_infinite_loop_ends():
    outcome = run("def add(a, b):\n    while True: pass", timeout_s=1.0)
    assert outcome.passed == (False, False, False)
    assert outcome.error == "ran out of time (1 s)"


def test_what_passed_before_the_time_ran_out_counts():
    source = "def add(a, b):\n    while a != 1: pass\n    return a + b"
    assert run(source, timeout_s=2.0).passed == (True, False, False)


SECRET = Path("/etc/passwd")
EQUAL = "class E({}):\n    def __eq__(s, o): return True\n"
WRITE_ALL = (
    "import os\ndef spam(row):\n    for fd in range(3, 30):\n        try: os.write(fd, row)\n"
)
WRITE_ALL += "        except OSError: pass\n"
HOSTILE = {
    "fork bomb": "import os\nwhile True: os.fork()",
    "fork past the hook": "def add(a, b):\n    import _posixsubprocess\n    return 0",
    "socket": "import socket",
    "loaded socket": "import sys\ndef add(a, b): return sys.modules['socket'].socket()",
    "subprocess": "import subprocess\nsubprocess.run(['true'])",
    "system": "import os\nos.system('true')",
    "exec": "import os\nos.execv('/bin/true', ['true'])",
    "kill": "import os\nos.kill(os.getppid(), 9)",
    "ctypes": "import ctypes",
    "read a file": "def add(a, b): return len(open('/etc/passwd').read())",
    "read by descriptor": "import os\ndef add(a, b): return os.open('/etc/passwd', 0)",
    "read through a link": "import os\nos.symlink('/etc/passwd', 'x')\nopen('x')",
    "read by climbing": "open('../../etc/passwd')",
    "list a directory": "import os\nos.listdir('/')",
    "leave the directory": "import os\nos.chdir('/')",
    "eat memory": "def add(a, b): return len(b'x' * 10 * 1024**3)",
    "write a large file": "def add(a, b):\n    open('big', 'wb').write(b'x' * 10**8)\n    return 0",
    "endless value": "def add(a, b):\n    return 'x' * 10**8",
    "endless depth": "def add(a, b):\n    x = []\n    x.append(x)\n    return x",
    "os._exit": "import os\ndef add(a, b): os._exit(0)",
    "os._exit at once": "import os\nos._exit(0)",
    "sys.exit": "import sys\ndef add(a, b): sys.exit(0)",
    "sys.exit at once": "import sys\nsys.exit(0)",
    "compiled module under another name": """
import importlib.util, os, sys
def add(a, b):
    for path in sys.path:
        if path.endswith("lib-dynload"):
            for name in os.listdir(path):
                if name.startswith("_posixsubprocess"):
                    file = path + "/" + name
                    spec = importlib.util.spec_from_file_location("x._posixsubprocess", file)
                    importlib.util.module_from_spec(spec)
    return a + b
""",
    "compiled module of its own": """
import importlib.util
def add(a, b):
    open("evil.so", "wb").write(bytes(64))
    spec = importlib.util.spec_from_file_location("evil", "./evil.so")
    importlib.util.module_from_spec(spec)
    return a + b
""",
    "pipe with a name outside": "import os\nos.mkfifo('/tmp/escaped-pipe')",
    "pipe by a module made anew": "import _imp, importlib.machinery\n"
    "posix = _imp.create_builtin(importlib.machinery.ModuleSpec('posix', None))\n"
    "def add(a, b):\n    posix.mkfifo('/tmp/escaped-pipe')\n    return a + b",
    "fork by a module made anew": "import _imp, importlib.machinery\n"
    "posix = _imp.create_builtin(importlib.machinery.ModuleSpec('posix', None))\n"
    "def add(a, b):\n    posix.fork()\n    return a + b",
    "read /proc": "def add(a, b): return len(open('/proc/self/environ').read())",
    "read another's memory": "import os\ndef add(a, b): return os.open('/proc/1/mem', 0)",
    "read through a hard link": "import os\nos.link('/etc/passwd', 'x')\nopen('x')",
    "write outside": "open('/tmp/escaped-file', 'w').write('x')",
    "write by renaming": "import os\nopen('x', 'w')\nos.rename('x', '/tmp/escaped-file')",
    "handle on the parent": "import os\ndef add(a, b): return os.pidfd_open(os.getppid())",
    "eat memory by lists": "def add(a, b):\n    x = []\n    while True: x.append(bytearray(10**6))",
    "threads without end": "import _thread, time\ndef add(a, b):\n"
    "    while True: _thread.start_new_thread(time.sleep, (60,))",
    "files without end": "def add(a, b):\n    kept = [open(str(i), 'w') for i in range(10**6)]",
    "segfault": "def add(a, b):\n    exec(compile('x=' + '-' * 100_000 + '1', 'x', 'exec'))",
    "always equal": EQUAL.format("object") + "def add(a, b): return E()",
    "always equal number": EQUAL.format("int") + "def add(a, b): return E(77)",
    "patched builtins": "import builtins\nbuiltins.AssertionError = None\n"
    "builtins.bool = lambda x: True\n"
    "builtins.eval = lambda *a: True\ndef add(a, b): return 99",
    "patched checker": "import sys\nm = sys.modules['__main__']\nfor n in list(vars(m)):\n"
    "    if not n.startswith('__'): setattr(m, n, lambda *a, **k: True)\ndef add(a, b): return 99",
    "patched hook": "import sys\nw = sys.modules['walls']\nw.DENIED_EVENTS = frozenset()\n"
    "w.DENIED_MODULES = frozenset()\n"
    "def add(a, b):\n    import subprocess\n    return a + b",
    "forged reply": WRITE_ALL + 'spam(b\'{"passed": true, "value": true}\\n\' * 9)\n'
    "def add(a, b): return 99",
    "garbage reply": WRITE_ALL + "def add(a, b):\n    spam(b'[' * 9999 + b'\\n')\n    return 99",
    "printed result": "print('{\"passed\": true}' * 3)\ndef add(a, b): return 99",
    "not Python": "I would add the two numbers.",
    "null byte": "def add(a, b): return 99\x00",
    "lone surrogate": "def add(a, b): return '\ud800'",
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_code_earns_nothing(source):
    source = source if "def add" in source else source + "\ndef add(a, b): return 99\n"
    outcome = run(source)
    assert outcome.passed == (False, False, False)
    assert outcome.error
    assert len(outcome.error) <= 200


def test_no_trace_of_hostile_code_is_left_outside():
    assert not [path for path in Path("/tmp").iterdir() if path.name.startswith("escaped-")]


def test_a_refusal_cannot_be_caught_and_unpicked():
    source = (
        "def add(a, b):\n"
        "    try:\n        open('/etc/passwd')\n"
        "    except BaseException as error:\n        return 3\n"
    )
    assert run(source).passed == (False, False, False)


def test_a_candidate_never_sees_an_assert():
    source = (
        "import sys, types\nseen = []\n"
        "def add(a, b):\n"
        "    frame, found = sys._getframe(), ''\n"
        "    while frame:\n"
        "        found += repr(frame.f_locals) + repr(sys.argv)\n        frame = frame.f_back\n"
        "    return 'Z' + 'q' in found\n"
    )
    assert run(source, ["assert add(1, 2) is False or 'Zq' == 0"]).passed == (True,)


def test_endless_print_is_thrown_away():
    source = "def add(a, b):\n    for _ in range(10**5): print('x' * 100)\n    return a + b"
    outcome = run(source)
    assert outcome.passed == (True, True, True), outcome.error


def test_environment_and_working_directory_are_bare(monkeypatch):
    monkeypatch.setenv("ROUTEWRIGHT_SECRET", "hunter2")
    source = (
        "import os\ndef f(): return [dict(os.environ).get('ROUTEWRIGHT_SECRET'), os.listdir('.')]"
    )
    outcome = run(source, ["assert f() == [None, []]"])
    assert outcome.passed == (True,), outcome.error


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    source = (
        "import os, time\nopen('file', 'w').write('x')\nos.setsid()\ndef add(a, b): time.sleep(60)"
    )
    run(source, timeout_s=1.0)
    assert list(tmp_path.iterdir()) == []
    deadline = time.monotonic() + 5
    while _candidates(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _candidates(tmp_path) == []


def _candidates(folder):
    """Processes that still run in a directory below this one (Linux; elsewhere none are seen)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes()
        except OSError:
            continue
        if os.fsencode(str(folder)) in command:
            found.append(command)
    return found


def test_code_is_taken_from_the_first_block_that_defines():
    text = (
        "Run:\n```bash\npip install x\n```\nthen\n```python\ndef f(): return 1\n```\n"
        "or\n```python\ndef f(): return 2\n```"
    )
    assert sources(text) == ["def f(): return 1\n"]
