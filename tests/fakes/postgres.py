"""A throw-away PostgreSQL: a cluster in a folder, on a loopback port, that can be stopped.

    with Postgres(folder) as server:
        Store(Secret(server.url))
        server.stop(); server.start()

It is run as an unprivileged user, as it demands, and needs Debian's ``postgresql``.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import pytest
import sqlalchemy as sa

PASSWORD = "canary-password-4711"
USER = "postgres"


def binaries() -> Path | None:
    """The folder of the newest installed server; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


class Postgres:
    """One cluster; ``process`` is the server while it runs."""

    def __init__(self) -> None:
        found = binaries()
        if found is None:
            pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
        if os.getuid() == 0 and shutil.which("runuser") is None:
            pytest.skip("PostgreSQL does not run as root, and there is no runuser")
        self._bin = found
        # Its own folder: pytest's are closed to the user that the server runs as.
        self.folder = Path(tempfile.mkdtemp(prefix="rw-pg-"))
        self.process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://rw:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def empty(self) -> None:
        """Take away all that is in the database."""
        engine = sa.create_engine(self.url)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        engine.dispose()

    def __enter__(self) -> Postgres:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        if os.getuid() == 0:
            shutil.chown(self.folder, USER, USER)
            shutil.chown(secret, USER, USER)
        options = ["-U", "rw", "--auth=scram-sha-256", f"--pwfile={secret}", "-E", "UTF8"]
        subprocess.run(
            self._as_user("initdb", "-D", str(self.folder / "data"), "-N", *options),
            check=True,
            capture_output=True,
            cwd="/",
        )
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start, and return when it takes connections."""
        options = ["-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "max_connections=30"]
        options += ["-c", f"unix_socket_directories={self.folder}", "-h", "127.0.0.1"]
        command = self._as_user(
            "postgres", "-D", str(self.folder / "data"), "-p", str(self.port), *options
        )
        self.log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, cwd="/")
        for _ in range(300):
            ready = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
            if subprocess.run(ready).returncode == 0:
                return
            time.sleep(0.05)
        raise RuntimeError((self.folder / "log").read_text())

    def stop(self) -> None:
        """Stop at once, as a crash would; safe to call twice."""
        process, self.process = self.process, None
        if process is None:
            return
        master = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(master, signal.SIGQUIT)
        process.wait(30)
        self.log.close()

    def _as_user(self, name: str, *options: str) -> list[str]:
        command = [str(self._bin / name), *options]
        return ["runuser", "-u", USER, "--", *command] if os.getuid() == 0 else command


def running() -> Generator[Postgres]:
    """For fixtures: a server for as long as the fixture lives."""
    with Postgres() as server:
        yield server
