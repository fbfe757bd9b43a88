"""Published benchmarks from the model hub: ``hub:NAME``, or ``hub:NAME@REVISION`` for another.

Each name stands for one file of a data set at one commit, and for the SHA-256 that the file must
have. Commits and digests are those that public projects which read these files name: several
agree on RouterBench's commit and its 0-shot file, one or two name the others, and the raw file's
digest is unknown. A file that doesn't match is refused. With ``@REVISION`` (a commit, a tag or
``main``) nothing is known of the file's digest; the commit that the hub resolved it to becomes part
of the data's name.

The cards of these data sets state no licence at those commits: look before passing them on.
RouteLLM's, RouterArena's and AlpacaEval's outcomes are on no hub; clone their repositories.
Files come through huggingface_hub (extra ``hub``) into its cache, with its progress bar.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from routewright.data.wording import did_you_mean
from routewright.errors import DataError, MissingExtraError
from routewright.hub import HubError, download, sha256_of

PREFIX = "hub:"


@dataclass(frozen=True)
class Source:
    """One file of a data set on the hub; an empty ``sha256`` is unknown."""

    repo: str
    revision: str
    file: str
    format: str
    sha256: str = ""


@dataclass(frozen=True)
class Fetched:
    """A file in the hub's cache, its format, and a name for the data."""

    path: Path
    format: str
    name: str


_ROUTERBENCH = ("withmartian/routerbench", "784021482c3f320c6619ed4b3bb3b41a21424fcb")
SOURCES = {
    "routerbench-0shot": Source(
        *_ROUTERBENCH,
        "routerbench_0shot.pkl",
        "routerbench",
        "ba4f77f19517610a707c374e99322d7750c30fc4ae7ff5527888595a1e65d36d",
    ),
    "routerbench-5shot": Source(
        *_ROUTERBENCH,
        "routerbench_5shot.pkl",
        "routerbench",
        "fbd7d3d16fba2759a18fa0ad44409d3e0e92ba80d03d90827eed1a6d084c9ffe",
    ),
    "routerbench-raw": Source(*_ROUTERBENCH, "routerbench_raw.pkl", "routerbench"),
    "llmrouterbench": Source(
        "NPULH/LLMRouterBench",
        "0e5af1b84bf73437a01a1849c0f1d2468baa93fc",
        "bench-release.tar.gz",
        "llmrouterbench",
        "b79f8cde1a6f029c2efa663a3a3b6f7748defb22341fe59f328cebef6648c8f1",
    ),
}


def is_hub(path: str | Path) -> bool:
    """Whether the path names a benchmark on the hub."""
    return str(path).startswith(PREFIX)


def fetch(path: str | Path) -> Fetched:
    """The file of ``hub:NAME``, from the hub's cache or downloaded.

    Raises:
        DataError: no such name, no network, no such file at that revision, or a file whose
            digest is not the known one.
        MissingExtraError: huggingface_hub is not installed.
    """
    asked = str(path)
    name, at, revision = asked.removeprefix(PREFIX).partition("@")
    source = SOURCES.get(name)
    if source is None or (at and not revision):
        hint = did_you_mean(name, SOURCES) if source is None else "; name a revision after the @"
        known = ", ".join(PREFIX + each for each in SOURCES)
        raise DataError(f"{asked}: no such benchmark{hint}; known: {known}")
    if revision and revision != source.revision:
        source, pinned = replace(source, revision=revision, sha256=""), False
    else:
        pinned = True
    file = _download(asked, source)
    if source.sha256 and (found := sha256_of(file)) != source.sha256:
        raise DataError(
            f"{asked}: {file} has SHA-256 {found[:16]}…, not {source.sha256[:16]}…; delete it "
            "and fetch it again"
        )
    # The cache is .../snapshots/COMMIT/FILE.
    return Fetched(file, source.format, name if pinned else f"{name}@{file.parent.name[:12]}")


def _download(asked: str, source: Source) -> Path:
    by_hand = (
        f"download {source.file} of the data set {source.repo} at revision {source.revision} "
        "on another machine and give its path"
    )
    try:
        return download(source.repo, source.file, source.revision, data_set=True)
    except MissingExtraError as error:
        raise MissingExtraError(f"{asked}: {error}; or {by_hand}") from error
    except HubError as error:
        raise DataError(f"{asked}: {error}; {by_hand}") from error
