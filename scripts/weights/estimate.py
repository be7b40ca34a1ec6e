"""What a training needs, told before it begins."""

import sys
import time

import torch


def bytes_of_training(model, tokens, answers):
    """Returns an estimate of the most bytes of a training step with `answers` sequences of `tokens` tokens at a time: weights, the
    adapter with its gradients and Adam's two averages, activations, and the logits with their gradients."""
    numbers = [(parameter.numel(), parameter.element_size(), parameter.requires_grad) for parameter in model.parameters()]
    weights = sum(count * size for count, size, _ in numbers)
    trained = sum(count * 12 for count, _, is_trained in numbers if is_trained)
    config = model.config
    size = 4
    # For each block: the inputs of its seven matrices, of its two norms and of the adapter, and the outputs between them.
    layer = 8 * config.hidden_size + 4 * config.intermediate_size + config.num_attention_heads * tokens
    activations = answers * tokens * layer * config.num_hidden_layers * size
    # The logits, their logarithms of probabilities, the gradients of both, and a copy for the entropy.
    logits = 5 * answers * tokens * config.vocab_size * size
    return weights + trained + activations + logits


def tell(model, rows, answers, steps, passes, generated):
    """Prints the memory and the time that `steps` steps will take. A step has `passes` passes of `answers` sequences at a time, each
    forward and back, and generates as many answers of `generated` tokens before it (0: none). Both are estimates: the time is that of
    one sequence, measured here."""
    tokens = sum(len(row["tokens"]) + generated for row in rows) // len(rows)
    longest = max(len(row["tokens"]) + generated for row in rows)
    ids = torch.tensor([(rows[0]["tokens"] * 64)[:tokens]], device=model.device)
    started = time.monotonic()
    model(input_ids=ids, labels=ids).loss.backward()
    seconds = time.monotonic() - started
    model.zero_grad()
    # The reference model and the generated tokens take about as long as another pass forward and back.
    step = seconds * answers * passes * (2 if generated else 1)
    gigabytes = bytes_of_training(model, longest, answers) / 1e9
    print(f"about {gigabytes:.1f} GB of memory, {step:.0f} s for each of {steps} steps, {step * steps / 60:.0f} minutes in all",
          file=sys.stderr, flush=True)
