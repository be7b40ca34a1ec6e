"""Writes an adapter of peft as the GGUF file that llama.cpp and the key `lora` of a task file take."""

import gguf

# The architectures whose matrices have the same order of rows in both formats, or the one that `permuted` makes.
PERMUTED = {"llama"}
SAME_ORDER = {"qwen2", "qwen3"}


def permuted(rows, heads):
    """Returns the rows of a query or key matrix in llama.cpp's order. transformers halves each head, llama.cpp pairs neighbours;
    transformers undoes this order when it reads a model file."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(rows.shape)


def write(path, base, weights, alpha):
    """Writes the adapter to `path`. `base` is the model file that it was trained for, and `weights` are peft's tensors by name."""
    reader = gguf.GGUFReader(base)
    architecture = reader.get_field("general.architecture").contents()
    if architecture not in PERMUTED | SAME_ORDER:
        names = ", ".join(sorted(PERMUTED | SAME_ORDER))
        raise SystemExit(f"{base} has the architecture {architecture}; adapters can be written for {names}")
    key = {"q_proj": "head_count", "k_proj": "head_count_kv"}
    heads = {matrix: reader.get_field(f"{architecture}.attention.{name}").contents() for matrix, name in key.items()}
    blocks = reader.get_field(f"{architecture}.block_count").contents()
    number = next(number for number, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    names = gguf.get_tensor_name_map(number, blocks)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(alpha))
    for name, tensor in sorted(weights.items()):
        # Such as base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight.
        module, _, part = name.removeprefix("base_model.model.").removesuffix(".weight").rpartition(".lora_")
        values = tensor.detach().float().cpu().numpy()
        matrix = module.rpartition(".")[2]
        if part == "B" and architecture in PERMUTED and matrix in heads:
            values = permuted(values, heads[matrix])
        changed = names.get_name(module)
        if changed is None or part not in ("A", "B"):
            raise SystemExit(f"the adapter changes {name}, for which GGUF has no name")
        writer.add_tensor(f"{changed}.weight.lora_{part.lower()}", values.copy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
