"""The adapter that is trained: its rank, and the matrices that it changes."""

from peft import LoraConfig

TARGETS = {
    "attention": ["q_proj", "k_proj", "v_proj", "o_proj"],
    "mlp": ["gate_proj", "up_proj", "down_proj"],
}


def add_arguments(parser):
    """Adds the arguments of the adapter. Their defaults are those of the GEPA paper's GRPO."""
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--alpha", type=int, default=64, help="the changes are multiplied with alpha / rank [64]")
    parser.add_argument("--dropout", type=float, default=0.05)
    parser.add_argument("--targets", default="attention,mlp", help="attention, mlp, or both [attention,mlp]")


def config(arguments):
    """Returns the settings of the adapter for peft."""
    unknown = [name for name in arguments.targets.split(",") if name not in TARGETS]
    if unknown:
        raise SystemExit(f"--targets {unknown[0]}: there are {', '.join(TARGETS)}")
    matrices = [matrix for name in arguments.targets.split(",") for matrix in TARGETS[name]]
    return LoraConfig(r=arguments.rank, lora_alpha=arguments.alpha, lora_dropout=arguments.dropout, target_modules=matrices,
                      bias="none", task_type="CAUSAL_LM")
