"""The causal LLM in this process: torch weights and a LoRA adapter.

One forward pass gives the marks of all models. The tokens of a prompt form a tree: the shared
part is the trunk, each model's line a branch that sees the trunk and itself alone.

    tokens      S S S S  a a a  b b          position   0 1 2 3  4 5 6  4 5
    line a sees S and a; line b sees S and b; the mark is read off the last token of each line

A line is thus read as if it followed the shared part directly, exactly as an inference server
reads it when asked about one model at a time; no mark can leak from one line into another.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright.errors import ConfigError, require
from routewright.routers.causal.backends import Asked
from routewright.routers.causal.bases import Base
from routewright.routers.causal.blocks import Below, Blocks
from routewright.routers.causal.devices import placed
from routewright.routers.causal.head import Head
from routewright.routers.causal.reading import Reading, label_steps
from routewright.routers.causal.scoring import scale_of
from routewright.routers.causal.settings import Training
from routewright.routers.causal.template import Template
from routewright.routers.causal.tree import tree_of

Arrays = dict[str, NDArray[Any]]
Floats = NDArray[np.float64]

_READING = "question.reading"
_MOST_BYTES = 4 << 30  # of states kept for training


class LocalModel:
    """A base model with the template's tokens, asked one question at a time.

    Args:
        base: its files.
        template: the prompt.
        max_tokens: of the shared part and the longest line together.
        device: as torch names it; ``auto`` is the GPU where there is one.
        dtype: of the base's weights; ``auto`` is bfloat16 on a GPU and float32 on a CPU.
        usd_per_hour: price of an hour of this process's CPU time, or of the GPU.

    Raises:
        ConfigError: the files are no causal LLM, or its tokenizer does not make a token of each
            label.
        MissingExtraError: torch or transformers is not installed.
    """

    def __init__(
        self,
        base: Base,
        template: Template,
        *,
        max_tokens: int,
        device: str = "auto",
        dtype: str = "auto",
        usd_per_hour: float = 0.0,
    ) -> None:
        self._torch: Any = require("torch", "finetune")
        transformers: Any = require("transformers", "finetune")
        self.template = template
        self.device, kind = placed(self._torch, device, dtype)
        self._usd_per_s = usd_per_hour / 3600
        # A GPU works while this process waits; a CPU's work is this process's own time.
        self._clock = time.process_time if self.device == "cpu" else time.perf_counter
        bars = transformers.utils.logging
        shown = bars.is_progress_bar_enabled()
        bars.disable_progress_bar()  # one line for a second of reading is noise
        try:
            self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(base.folder)
            self.network: Any = transformers.AutoModelForCausalLM.from_pretrained(
                base.folder, dtype=kind, attn_implementation="sdpa", use_safetensors=True
            )
        except (OSError, ValueError) as error:
            told = str(error).strip().partition("\n")[0]
            raise ConfigError(f"base {str(base.folder)!r}: not a causal LLM ({told})") from error
        finally:
            if shown:
                bars.enable_progress_bar()
        self.network.to(self.device).eval()
        self.network.requires_grad_(False)
        self._peft: Any = None
        self._reading: Any = None  # (m, r), how the question's states move the marks
        self._blocks = Blocks(self.network.base_model, cut=0, depths=())
        self._lead: list[int] = self._tokenizer("")["input_ids"]  # a token of beginning, or none
        self.lines = [self._tokens(line) for line in template.lines]
        self.labels = [self._label(label) for label in scale_of(template.scale).labels]
        self._room = max_tokens - len(self._lead) - max(map(len, self.lines))

    def read(self, question: str) -> list[int]:
        """The tokens of the shared part, within the budget."""
        text = self.template.fitted(question, self._room, lambda told: len(self._tokens(told)))
        return [*self._lead, *self._tokens(text)]

    def label_logits(
        self, prompts: Sequence[list[int]], below: Sequence[Below] | None = None
    ) -> Any:
        """Logits of the labels (B, m, K), float32, of prompts that ``read`` gave.

        Only the labels' rows of the output matrix are used, at the m places where a mark stands;
        or, where the question is read, what is read of it.

        Args:
            prompts: their tokens.
            below: what ``below`` found of them, where that is at hand.
        """
        states = self._states(prompts, below)
        if self._reading is None:
            return states @ self._rows().T  # six rows: full precision is free
        steps = self._torch.from_numpy(label_steps(len(self.labels))).float().to(self.device)
        return (states @ self._reading.T)[..., None] * steps

    def below(self, prompts: Sequence[list[int]]) -> list[Below] | None:
        """What the blocks that are not tuned make of each prompt; None where it is not kept.

        That is where all blocks are tuned, where the states would take more than ``_MOST_BYTES``,
        and where the network can't be run in two pieces.
        """
        tokens = sum(map(len, prompts)) + len(prompts) * sum(map(len, self._branches))
        width = int(self._causal.get_output_embeddings().in_features)
        if (
            not self._blocks.cut
            or tokens * width * self.network.dtype.itemsize > _MOST_BYTES
            or not prompts
        ):
            return None
        with self._torch.inference_mode():
            found = [self._below(prompt) for prompt in prompts]
            agree = self._states(prompts[:1], found[:1]), self._states(prompts[:1])
        return found if self._torch.equal(*agree) else None

    def states(self, prompts: Sequence[list[int]], below: Sequence[Below] | None = None) -> Floats:
        """What the network gives where each mark stands (n, m, d), prompt by prompt; or, where the
        question is read, the mean over it at each depth and at the end (n, r)."""
        with self._torch.inference_mode():
            told = [
                self._states([prompt], None if below is None else [below[at]])
                for at, prompt in enumerate(prompts)
            ]
        return np.array([each[0].cpu().numpy() for each in told], dtype=np.float64)

    @property
    def label_rows(self) -> Floats:
        """Rows of the output matrix that belong to the labels (K, d), the adapter's included."""
        with self._torch.inference_mode():
            return self._rows().cpu().numpy().astype(np.float64)

    def ask(self, question: str) -> Asked:
        """The marks of every model for one question; see ``Backend``."""
        started = self._clock()
        with self._torch.inference_mode():
            logits = self.label_logits([self.read(question)])[0].cpu().numpy()
        return Asked(logits.astype(np.float64), (self._clock() - started) * self._usd_per_s)

    def ask_all(self, questions: list[str]) -> list[Asked]:
        """One after the other: in a batch, rounding would depend on the company."""
        return [self.ask(question) for question in questions]

    def adapt(self, settings: Training) -> None:
        """Put a fresh LoRA adapter around the network; as it is, it changes nothing.

        Raises:
            ConfigError: the network has none of the target modules.
        """
        rank = max(settings.r, len(self.labels))
        heads = [self._head_name()] if settings.head == "rows" else []
        targets = [*self._adapted(settings), *heads]
        self._blocks = self._cut(settings)
        self._reading = None
        if settings.reads:
            width = int(self._causal.get_output_embeddings().in_features)
            shape = len(self.lines), width * (1 + len(self._blocks.depths))
            self._reading = self._torch.zeros(shape, device=self.device)
        if not targets:
            return
        peft: Any = require("peft", "finetune")
        wanted = peft.LoraConfig(
            r=settings.r,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            target_modules=targets,
            # A row each for the labels, at the scale of the rest.
            rank_pattern=dict.fromkeys(heads, rank),
            alpha_pattern=dict.fromkeys(heads, settings.alpha * rank / settings.r),
        )
        with warnings.catch_warnings():
            # Where input and output share a matrix, only the output's copy gets an adapter.
            warnings.filterwarnings("ignore", message=".*tie_word_embeddings.*")
            self._peft = peft.get_peft_model(self.network, wanted)
        if heads:
            self._open_head()
        if settings.checkpointing:
            new = "activation_checkpointing_enable"  # its name from transformers 5.24 on
            enable = getattr(self.network, new, self.network.gradient_checkpointing_enable)
            enable({"use_reentrant": False})
        self._peft.eval()

    def set_head(self, found: Head) -> None:
        """Add to the base's label rows."""
        head, scale = self._lora_head()
        with self._torch.no_grad():
            rows = self._torch.from_numpy(found.delta / scale)
            head.lora_A["default"].weight[: len(self.labels)].copy_(rows)

    def set_reading(self, found: Reading) -> None:
        """Read the question."""
        self._reading = self._torch.from_numpy(found.weights).float().to(self.device)

    @property
    def trained(self) -> Any:
        """The network with its adapter, for training; as it is where no block is tuned.

        Raises:
            RuntimeError: ``adapt`` was not called.
        """
        if self._peft is None and self._reading is None:
            raise RuntimeError("no adapter yet: call adapt first")
        return self.network if self._peft is None else self._peft

    @contextmanager
    def seeded(self, seed: int) -> Generator[None]:
        """torch's generators set for the block, and given back as they were."""
        torch = self._torch
        with torch.random.fork_rng(devices=[] if self.device == "cpu" else None):
            torch.manual_seed(seed)
            yield

    def adapter(self) -> Arrays:
        """The adapter's matrices by name, float32."""
        peft: Any = require("peft", "finetune")
        state: dict[str, Any] = {}
        if self._peft is not None:
            state = peft.get_peft_model_state_dict(self._peft, save_embedding_layers=False)
        places = (
            f"{self._head_name()}.lora_B.weight"  # says no more than which rows are the labels'
        )
        if self._reading is not None:
            state[_READING] = self._reading
        return {
            name: matrix.float().cpu().numpy().copy()
            for name, matrix in state.items()
            if not name.endswith(places)
        }

    def wear(self, adapter: Arrays) -> None:
        """Put the matrices of an adapter in place.

        Raises:
            ValueError: they are of another adapter.
        """
        peft: Any = require("peft", "finetune")
        state = {name: self._torch.from_numpy(matrix.copy()) for name, matrix in adapter.items()}
        if {n: a.shape for n, a in adapter.items()} != {
            n: a.shape for n, a in self.adapter().items()
        }:
            raise ValueError("the adapter's matrices are not those of this base and these settings")
        if _READING in state:
            self._reading = state.pop(_READING).to(self.device)
        if self._peft is not None:
            peft.set_peft_model_state_dict(self._peft, state)

    def export(self, folder: str) -> None:
        """Write the adapter in peft's layout, as vLLM and llama.cpp's converter read it."""
        self.trained.save_pretrained(folder, save_embedding_layers=False)

    @property
    def reads_question(self) -> bool:
        """Whether marks depend on states that no inference server tells."""
        return self._reading is not None

    def _states(self, prompts: Sequence[list[int]], below: Sequence[Below] | None = None) -> Any:
        """``states`` of prompts in a batch, float32."""
        ids, places, sees, ends = self._tree(prompts)
        seen = {"attention_mask": sees, "position_ids": places}
        if below is None:
            told = self._blocks.whole(input_ids=ids, **seen)
        else:
            together = self._torch.nn.utils.rnn.pad_sequence
            parts = zip(*((each.states, *each.read) for each in below), strict=True)
            states, *read = [together(part, batch_first=True).to(self.device) for part in parts]
            told = [*read, *self._blocks.upper(states, **seen)]
        if self._reading is None:
            rows = self._torch.arange(len(prompts), device=self.device)[:, None]
            return told[-1][rows, ends].float()
        sizes = self._torch.tensor([[len(prompt)] for prompt in prompts], device=self.device)
        shared = (self._torch.arange(ids.shape[1], device=self.device) < sizes)[..., None]
        return self._torch.cat([(each * shared).float().sum(dim=1) / sizes for each in told], dim=1)

    def _below(self, prompt: list[int]) -> Below:
        ids, places, sees, _ = self._tree([prompt])
        states, read = self._blocks.lower(input_ids=ids, attention_mask=sees, position_ids=places)
        return Below(states[0].cpu(), tuple(each[0].cpu() for each in read))

    def _rows(self) -> Any:
        """The label rows (K, d), float32."""
        head = self._causal.get_output_embeddings()
        rows = head.weight[self.labels].float()
        if not hasattr(head, "lora_A"):
            return rows
        lora, scale = self._lora_head()
        return rows + scale * lora.lora_A["default"].weight[: len(self.labels)].float()

    @property
    def _causal(self) -> Any:
        return self.network if self._peft is None else self._peft.get_base_model()

    def _adapted(self, settings: Training) -> list[str]:
        """Names of the modules in the layers that are tuned.

        Raises:
            ConfigError: there is none.
        """
        if not settings.epochs:
            return []
        layers = int(self.network.config.num_hidden_layers)
        first = max(layers - settings.top_layers, 0) if settings.top_layers else 0
        names = [
            name
            for name, _ in self.network.named_modules()
            if name.endswith(tuple(f".{target}" for target in settings.targets))
            and any(f".{at}." in name for at in range(first, layers))
        ]
        if not names:
            raise ConfigError(f"training: targets {settings.targets}: the base has no such module")
        return names

    def _cut(self, settings: Training) -> Blocks:
        """The network's blocks, apart where tuning begins; the depths that are read."""
        layers = int(self.network.config.num_hidden_layers)
        tuned = settings.top_layers or layers
        return Blocks(
            self._causal.base_model,
            cut=max(layers - tuned, 0) if settings.epochs else 0,
            depths=[max(round(share * layers), 1) for share in settings.depths if settings.reads],
        )

    def _head_name(self) -> str:
        head = self._causal.get_output_embeddings()
        return next(name for name, module in self._causal.named_modules() if module is head)

    def _lora_head(self) -> tuple[Any, float]:
        head = self._causal.get_output_embeddings()
        return head, float(head.scaling["default"])

    def _open_head(self) -> None:
        """Let the head's adapter move the label rows alone, and leave them where they are."""
        head, _ = self._lora_head()
        into, out = head.lora_A["default"].weight, head.lora_B["default"].weight
        with self._torch.no_grad():
            into.zero_()
            out.zero_()
            out[self.labels, range(len(self.labels))] = 1.0
        # Found by ``head.fit_label_rows``; what is trained after that are the layers.
        into.requires_grad_(False)
        out.requires_grad_(False)

    def _tokens(self, text: str) -> list[int]:
        # A question that spells out a control token must not become one.
        told = self._tokenizer(text, add_special_tokens=False, split_special_tokens=True)
        return told["input_ids"]

    def _label(self, label: str) -> int:
        """The token of a label, which must be the same wherever it stands after a line."""
        told = self._tokens(label)
        for line, ids in zip(self.template.lines, self.lines, strict=True):
            if len(told) != 1 or self._tokens(line + label) != [*ids, *told]:
                raise ConfigError(
                    f"the base's tokenizer makes no single token of label {label!r} after "
                    f"{line!r}; choose a base that splits digits (Llama 3, Qwen, SmolLM, Gemma)"
                )
        return told[0]

    @property
    def _branches(self) -> list[list[int]]:
        """The lines that are read: none where the marks are read off the question."""
        return self.lines if self._reading is None else []

    def _tree(self, prompts: Sequence[list[int]]) -> tuple[Any, Any, Any, Any]:
        """The trees of prompts and the lines that are read, on the device."""
        told = tree_of(prompts, self._branches)
        moved = [self._torch.from_numpy(array).to(self.device) for array in told]
        return moved[0], moved[1], moved[2][:, None], moved[3]
