"""The model file of a task as a model of transformers: the same weights, dequantized."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = os.environ.get("TRANSFORMERS_VERBOSITY", "error")
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["TQDM_DISABLE"] = "1"

import warnings  # noqa: E402

import torch  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

# peft looks for a hub's config.json beside the model file, which has none.
warnings.filterwarnings("ignore", message="Could not find a config file")


def load(rows, dtype):
    """Returns the tokenizer and the model of the file that `rows` were made for, with weights of the type `dtype`.

    Ends the process if the tokenizer divides the chat of a row otherwise than gepard does."""
    folder, file = os.path.split(rows[0]["gguf"])
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    for row in rows:
        tokens = tokenizer(row["text"], add_special_tokens=False)["input_ids"]
        if tokens != row["tokens"]:
            raise SystemExit(f"transformers divides the chat of the row `{row['id']}` into other tokens than gepard")
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=getattr(torch, dtype))
    # The tokenizer that is made of a model file can name another token as the end than the file does.
    end = model.config.eos_token_id
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(end)
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    settings = model.generation_config
    settings.eos_token_id = settings.pad_token_id = end
    settings.temperature = settings.top_p = settings.top_k = None
    settings.do_sample = False
    return tokenizer, model


@torch.no_grad()
def greedy_answers(model, tokenizer, rows, batch=16):
    """Returns the greedy answer to the chat of each row, and whether it was cut off, as pairs."""
    was_training = model.training
    model.eval()
    answers = []
    for start in range(0, len(rows), batch):
        some = rows[start:start + batch]
        longest = max(len(row["tokens"]) for row in some)
        pad = tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (longest - len(row["tokens"])) + row["tokens"] for row in some], device=model.device)
        mask = torch.tensor([[0] * (longest - len(row["tokens"])) + [1] * len(row["tokens"]) for row in some], device=model.device)
        most = max(row["max_tokens"] for row in some)
        whole = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=most, do_sample=False, use_cache=True)
        for tokens in whole[:, longest:].tolist():
            is_ended = tokenizer.eos_token_id in tokens
            tokens = tokens[:tokens.index(tokenizer.eos_token_id)] if is_ended else tokens
            answers.append((tokenizer.decode(tokens, skip_special_tokens=True), not is_ended))
    model.train(was_training)
    return answers


def mean_score(model, tokenizer, rows, judge):
    """Returns the mean score of a model's greedy answers. Answers that the metric failed on are left out."""
    answers = zip(rows, greedy_answers(model, tokenizer, rows))
    scores = [judge.judge(row["id"], answer, cut_off)["score"] for row, (answer, cut_off) in answers]
    scores = [score for score in scores if score is not None]
    return sum(scores) / len(scores) if scores else None
