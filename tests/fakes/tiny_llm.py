"""A causal LLM of two layers with a tokenizer of its own, made in a second: it knows nothing."""

from __future__ import annotations

from pathlib import Path

from routewright.routers.causal.template import Template


def tiny_llm(folder: Path, *, seed: int = 0, digits: bool = True) -> Path:
    """Write a base model's folder.

    Args:
        folder: where.
        seed: of the weights.
        digits: whether its tokenizer splits digits off, as those of today's LLMs do.
    """
    import tokenizers
    import torch
    import transformers
    from tokenizers import decoders, models, pre_tokenizers, trainers

    tokenizer = tokenizers.Tokenizer(models.BPE())
    split = [pre_tokenizers.Digits(individual_digits=True)] if digits else []
    level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*split, level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    text = Template.of(["m0", "m1"], "0-5").shared("What is the number of it?")
    tokenizer.train_from_iterator([text] * 4 + [" m0: 3"] * 20, trainer)
    folder.mkdir(parents=True, exist_ok=True)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>"
    ).save_pretrained(folder)
    config = transformers.LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        initializer_range=0.3,  # large, or so narrow a network could hardly say anything
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder
