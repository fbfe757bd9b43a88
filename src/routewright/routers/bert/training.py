"""torch: the network, its loss, and training with early stopping. Imported by ``fit`` alone."""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits

from routewright.errors import ConfigError
from routewright.routers.bert.folder import pooled_by_cls
from routewright.routers.bert.tokens import Ids

Floats = NDArray[np.float64]

_DROPOUT = 0.1  # before the head, as inside the encoders
_STEEPEST = 1.0  # norm at which a step's gradient is clipped
_PATIENCE = 2  # epochs without a gain on held-out prompts before training stops
_POOL = 16  # batches that are sorted by length together: a third of the padding goes


@dataclass(frozen=True, eq=False)
class Examples:
    """Prompts to learn from or to be judged on.

    Attributes:
        ids: token ids of each prompt.
        form: its standardised features (n, f), float32.
        scores: (n, m), NaN where unknown, float32.
    """

    ids: list[Ids]
    form: NDArray[np.float32]
    scores: NDArray[np.float32]


@dataclass(frozen=True)
class Recipe:
    """How to train; see ``BertRouter``."""

    epochs: int
    batch: int
    lr: float
    head_lr: float
    weight_decay: float
    warmup: float
    freeze_layers: int
    relative: float


class Network(torch.nn.Module):
    """Encoder, pooling, and one linear head over the pooled vector and the prompt's features.

    Features tell what an encoder sees badly or not at all: how long the whole text is, say. The
    head starts at the training means: weights 0, biases logit(μ).

    Args:
        folder: of the pre-trained encoder.
        width: features of a prompt, f.
        means: training means of the scores (m,).
    """

    def __init__(self, folder: Path, width: int, means: Floats) -> None:
        super().__init__()
        self.width = width
        self.encoder: Any = _encoder(folder)
        self.by_cls = pooled_by_cls(folder)
        self.dropout = torch.nn.Dropout(_DROPOUT)
        self.head = torch.nn.Linear(self.encoder.config.hidden_size + width, len(means))
        inside = np.clip(means, 0.01, 0.99)
        with torch.no_grad():
            self.head.weight.zero_()
            self.head.bias.copy_(torch.as_tensor(np.log(inside / (1 - inside))))

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, form: torch.Tensor) -> torch.Tensor:
        """Logits (n, m) of padded ids and their mask (n, t) and features (n, f)."""
        states: torch.Tensor = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        if self.by_cls:
            pooled = states[:, 0]
        else:
            weights = mask.unsqueeze(-1).to(states.dtype)
            pooled = (states * weights).sum(1) / weights.sum(1)
        return self.head(torch.cat([self.dropout(pooled), form], dim=1))

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


def loss(logits: torch.Tensor, scores: torch.Tensor, relative: float) -> torch.Tensor:
    """Cross-entropy of the known cells, plus ``relative`` times the centred squared error.

    A choice hangs on the differences between models at one prompt alone, so predictions and
    scores are also compared less their mean over the prompt's known cells. At a score of 1/2 the
    gradients of the two are alike for ``relative`` = 2.

    Args:
        logits: (n, m).
        scores: (n, m), NaN where unknown.
        relative: weight of the centred part.
    """
    known = torch.isfinite(scores)
    target = torch.where(known, scores, 0.0)
    cells = known.sum().clamp(min=1)
    entropy = binary_cross_entropy_with_logits(logits, target, reduction="none")
    error = torch.where(known, torch.sigmoid(logits) - target, 0.0)
    shared = error.sum(1, keepdim=True) / known.sum(1, keepdim=True).clamp(min=1)
    centred = torch.where(known, error - shared, 0.0)
    return (torch.where(known, entropy, 0.0).sum() + relative * centred.square().sum()) / cells


def train(network: Network, seen: Examples, held: Examples, recipe: Recipe) -> Floats:
    """Train in place and keep the best epoch by held-out loss; epoch 0, the start, competes too.

    Learning rates rise linearly over the share ``warmup`` of all steps, then fall to 0.

    Returns:
        The curve (epochs + 1, 3): steps taken, training loss over the epoch, held-out loss.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device).freeze(recipe.freeze_layers)
    optimiser: Any = torch.optim.AdamW(_groups(network, recipe))
    steps = recipe.epochs * -(-len(seen.ids) // recipe.batch)
    rise = max(1.0, recipe.warmup * steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / rise, (steps - step) / max(steps - rise, 1.0))
    )
    rng = np.random.default_rng(int(torch.initial_seed()))
    curve = [(0, judge(network, seen, recipe), judge(network, held, recipe))]
    best, kept, since = curve[0][2], copy.deepcopy(network.state_dict()), 0
    step = 0
    for _ in range(recipe.epochs):
        network.train()
        losses: list[float] = []
        for rows in _batches(seen.ids, recipe.batch, rng):
            optimiser.zero_grad()
            value = loss(*run(network, seen, rows), recipe.relative)
            value.backward()  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
            torch.nn.utils.clip_grad_norm_(network.parameters(), _STEEPEST)
            optimiser.step()
            schedule.step()
            losses.append(float(value.detach()))
            step += 1
        curve.append((step, float(np.mean(losses)), judge(network, held, recipe)))
        since += 1
        if curve[-1][2] < best:
            best, kept, since = curve[-1][2], copy.deepcopy(network.state_dict()), 0
        if since == _PATIENCE:
            break
    network.load_state_dict(kept)
    return np.array(curve, dtype=np.float64)


def judge(network: Network, examples: Examples, recipe: Recipe) -> float:
    """Mean loss of examples, weighted by batch size, without dropout."""
    network.eval()
    order = np.argsort([len(ids) for ids in examples.ids], kind="stable")
    total = 0.0
    with torch.no_grad():
        for start in range(0, len(order), recipe.batch):
            rows = order[start : start + recipe.batch]
            total += len(rows) * float(loss(*run(network, examples, rows), recipe.relative))
    return total / max(len(order), 1)


@contextmanager
def repeatable(seed: int) -> Generator[None]:
    """The same training again under the same seed, on a CPU; torch's own state is left alone."""
    was = torch.are_deterministic_algorithms_enabled()
    random: Any = torch.random
    with random.fork_rng():
        torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
        # On a GPU some steps have no repeatable form and would raise.
        torch.use_deterministic_algorithms(not torch.cuda.is_available())
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(was)


def run(
    network: Network, examples: Examples, rows: NDArray[np.intp]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and scores of some rows, padded to the longest of them."""
    device = network.head.bias.device
    texts: list[Ids] = [examples.ids[row] for row in rows.tolist()]
    ids = np.zeros((len(texts), max(map(len, texts))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    inputs = (torch.as_tensor(each).to(device) for each in (ids, mask, examples.form[rows]))
    return network(*inputs), torch.as_tensor(examples.scores[rows]).to(device)


def _batches(ids: list[Ids], size: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Random batches of texts of like length: random pools, sorted, then cut."""
    lengths = np.array([len(each) for each in ids])
    order = rng.permutation(len(ids))
    for start in range(0, len(order), size * _POOL):
        pool = order[start : start + size * _POOL]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        cuts = range(0, len(pool), size)
        for cut in rng.permutation(np.array(cuts)):
            yield pool[cut : cut + size]


def _groups(network: Network, recipe: Recipe) -> list[dict[str, Any]]:
    """The encoder's matrices decay, its biases and scales don't; the head learns faster."""
    own = [p for p in network.encoder.parameters() if p.requires_grad]
    return [
        {
            "params": [p for p in own if p.ndim > 1],
            "lr": recipe.lr,
            "weight_decay": recipe.weight_decay,
        },
        {"params": [p for p in own if p.ndim <= 1], "lr": recipe.lr, "weight_decay": 0.0},
        {
            "params": list(network.head.parameters()),
            "lr": recipe.head_lr,
            "weight_decay": recipe.weight_decay,
        },
    ]


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
