"""The kernel's walls alone, no audit hook before them: what native code could not do either."""

import ctypes
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from routewright.judge import box

BOX = Path(box.__file__).parent
LANDLOCK = sys.platform == "linux" and ctypes.CDLL(None).syscall(444, None, 0, 1) > 0
pytestmark = pytest.mark.skipif(not LANDLOCK, reason="this kernel has no Landlock")
needs_seccomp = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="calls are refused on x86-64 only"
)
SCRIPT = """
import ctypes, json, os, sys
sys.path.insert(0, {box!r})
from kernel import confine
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
os.chdir({folder!r})
confine({folder!r})
def tried():
    {code}
try:
    tried()
    print(json.dumps("done"))
except BaseException as error:
    print(json.dumps(type(error).__name__ + ": " + str(error)))
"""


def tried(folder, code):
    script = SCRIPT.format(box=str(BOX), folder=str(folder), code=code)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "code",
    [
        "open('/etc/passwd').read()",
        "open('/proc/self/environ').read()",
        "open('/proc/1/cmdline').read()",
        "os.listdir('/')",
        "os.listdir('/proc')",
        "open('{outside}/made', 'w')",
        "open('{outside}/secret').read()",
        "open('link').read()",
        "open('../outside/secret').read()",
        "os.truncate('{outside}/secret', 0)",
        "os.remove('{outside}/secret')",
        "os.mkdir('{outside}/made')",
        "os.rename('mine', '{outside}/made')",
        "os.execv('/bin/true', ['true'])",
    ],
)
def test_files_beyond_the_folder_are_out_of_reach(tmp_path, code):
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "secret").write_text("hunter2")
    (folder / "mine").write_text("x")
    (folder / "link").symlink_to(outside / "secret")
    told = tried(folder, code.format(outside=outside))
    assert told.startswith(("PermissionError", "OSError: [Errno 18]")), told
    assert [(path.name, path.read_text()) for path in outside.iterdir()] == [("secret", "hunter2")]


@needs_seccomp
@pytest.mark.parametrize(
    "code",
    [
        "os.fork()",
        "os.posix_spawn('/bin/true', ['true'], {{}})",
        "import socket; socket.socket()",
        "import socket; socket.socketpair()",
        "os.kill(os.getppid(), 0)",
        "os.pidfd_open(os.getppid())",
        "os.mkfifo('pipe')",
        "os.symlink('/etc/passwd', 'x')",
        "os.link('mine', 'x')",
        "os.chmod('mine', 0o777)",
        "os.chroot('.')",
        "os.memfd_create('x')",
        "import resource; resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)",
        "import resource; resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))",
    ],
)
def test_calls_that_reach_beyond_the_process_are_refused(tmp_path, code):
    (tmp_path / "mine").write_text("x")
    told = tried(tmp_path, code.format())
    assert told.startswith(("PermissionError", "OSError: [Errno 1]")), told
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    "code",
    [
        "open('made', 'w').write('x'); os.mkdir('sub'); os.rename('made', 'sub/made')",
        "import decimal, zlib, hashlib, unicodedata; hashlib.sha256(zlib.compress(b'x'))",
        "import threading; t = threading.Thread(target=int); t.start(); t.join()",
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))",
        "import random, time; random.seed(); time.sleep(0.001); os.urandom(8)",
    ],
)
def test_what_an_answer_may_do_works(tmp_path, code):
    assert tried(tmp_path, code) == "done"


@needs_seccomp
def test_an_interpreter_that_is_started_anew_stands_behind_the_same_walls(tmp_path):
    inner = (
        "import os\n"
        "for path in ('/etc/passwd', '/proc/self/environ'):\n"
        "    try: open(path); print(1)\n"
        "    except PermissionError: pass\n"
        "try: os.fork(); print(2)\n"
        "except PermissionError: print(0)\n"
    )
    code = f"os.execv(sys.executable, [sys.executable, '-I', '-S', '-c', {inner!r}])"
    assert tried(tmp_path, code) == 0


def test_the_walls_are_not_raised_around_the_one_who_asks(tmp_path):
    tried(tmp_path, "pass")
    assert os.listdir("/")  # noqa: PTH208 -- the parent still sees everything
