"""torch: an encoder, its pooled vectors beside the text space, and a linear head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from torch.nn.functional import normalize

from routewright.errors import ConfigError
from routewright.routers.bert.folder import pooled_by_cls
from routewright.routers.bert.tokens import Ids

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

_DROPOUT = 0.1  # before the head, as inside the encoders
_BATCH = 16  # prompts read at once where nothing is learned


@dataclass(frozen=True, eq=False)
class Examples:
    """Prompts to learn from or to be judged on.

    Attributes:
        ids: token ids of each prompt.
        form: what is known of it besides, of like scale: ``View.design`` (n, f), float32.
        scores: (n, m), NaN where unknown, float32.
    """

    ids: list[Ids]
    form: NDArray[np.float32]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)

    def subset(self, rows: Rows) -> Examples:
        """The examples of these rows, in this order."""
        return Examples([self.ids[row] for row in rows], self.form[rows], self.scores[rows])


class Network(torch.nn.Module):
    """Prompts → scores; the head is linear, so that a regression in closed form can start it.

    The head sees the last layer, which knows what the words mean together, and the embedding
    layer, which still knows the words (first and last layer: Li et al. 2020, "On the Sentence
    Embeddings from Pre-trained Language Models", section 4). Each is brought to the length √d, as
    ``View.design`` does it, and so is of like scale as what is known of the prompt besides: the
    vector of the text space, which knows the words of these prompts, and features, which tell
    what an encoder sees badly (how long the whole text is, say). A linear part that remembers
    words beside a deep one that generalises is the idea of Cheng et al. 2016, "Wide & Deep
    Learning for Recommender Systems". The head starts at the training means.

    Args:
        folder: of the pre-trained encoder.
        width: numbers known of a prompt besides, f.
        means: training means of the scores (m,).
    """

    def __init__(self, folder: Path, width: int, means: Floats) -> None:
        super().__init__()
        self.width = width
        self.encoder: Any = _encoder(folder)
        self.by_cls = pooled_by_cls(folder)
        self.dropout = torch.nn.Dropout(_DROPOUT)
        self.head = torch.nn.Linear(2 * self.encoder.config.hidden_size + width, len(means))
        self.set_head(np.zeros((self.head.in_features, len(means))), means)
        self.to("cuda" if torch.cuda.is_available() else "cpu")

    def set_head(self, coef: Floats, intercept: Floats) -> None:
        """Let the head be x @ coef (2d + f, m) + intercept (m,)."""
        with torch.no_grad():
            self.head.weight.copy_(torch.as_tensor(coef.T))
            self.head.bias.copy_(torch.as_tensor(intercept))

    def design(self, ids: torch.Tensor, mask: torch.Tensor, form: torch.Tensor) -> torch.Tensor:
        """What the head sees (n, 2d + f) of padded ids and their mask (n, t), form (n, f)."""
        told = self.encoder(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        words, last = told.hidden_states[0], told.last_hidden_state
        weights = mask.unsqueeze(-1).to(last.dtype)

        def mean(states: torch.Tensor) -> torch.Tensor:
            return (states * weights).sum(1) / weights.sum(1)

        pooled = (mean(words), last[:, 0] if self.by_cls else mean(last))
        vectors = [normalize(each) * float(each.shape[1]) ** 0.5 for each in pooled]
        return torch.cat([self.dropout(torch.cat(vectors, dim=1)), form], dim=1)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, form: torch.Tensor) -> torch.Tensor:
        """Scores (n, m), not clipped."""
        return self.head(self.design(ids, mask, form))

    def freeze(self, layers: int) -> None:
        """Leave the embeddings and the first layers as they are; 0 trains everything."""
        if not layers:
            return
        stack = _layers(self.encoder)
        if layers > len(stack):
            raise ConfigError(f"freeze_layers is {layers}; the encoder has {len(stack)} layers")
        for parameter in self.encoder.parameters():
            parameter.requires_grad_(False)
        for layer in stack[layers:]:
            layer.requires_grad_(True)


def longest(folder: Path) -> int:
    """Tokens that the encoder can read at once."""
    auto: Any = transformers.AutoConfig
    config: Any = auto.from_pretrained(folder, local_files_only=True)
    return int(getattr(config, "max_position_embeddings", 512))


def padded(network: Network, examples: Examples, rows: Rows) -> tuple[torch.Tensor, ...]:
    """Ids, mask and form of some rows, padded to the longest of them."""
    texts: list[Ids] = [examples.ids[row] for row in rows.tolist()]
    ids = np.zeros((len(texts), max(map(len, texts))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    device = network.head.bias.device
    return tuple(torch.as_tensor(each).to(device) for each in (ids, mask, examples.form[rows]))


def designs(network: Network, examples: Examples) -> Floats:
    """What the head sees of each prompt (n, 2d + f), without dropout."""
    network.eval()
    found = np.zeros((len(examples), network.head.in_features))
    order = np.argsort([len(ids) for ids in examples.ids], kind="stable")  # little padding
    with torch.no_grad():
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            found[rows] = network.design(*padded(network, examples, rows)).cpu().numpy()
    return found


def predict(network: Network, examples: Examples) -> Floats:
    """Scores (n, m), not clipped, without dropout."""
    seen = torch.as_tensor(designs(network, examples), dtype=torch.float32)
    with torch.no_grad():
        return network.head(seen.to(network.head.bias.device)).cpu().numpy().astype(np.float64)


def _layers(encoder: Any) -> Any:
    """The stack of like layers, whatever the architecture calls it."""
    for module in encoder.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == (
            encoder.config.num_hidden_layers
        ):
            return module
    raise ConfigError(f"freeze_layers: {type(encoder).__name__} has no list of layers; give 0")


def _encoder(folder: Path) -> Any:
    logging: Any = transformers.utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # it reports weights that a pooled encoder has no use for
    logging.disable_progress_bar()
    try:
        model: Any = transformers.AutoModel
        return model.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
        )
    except (OSError, ValueError) as error:
        told = str(error).strip().splitlines()[0]
        raise ConfigError(f"{folder}: not an encoder that transformers reads ({told})") from error
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
