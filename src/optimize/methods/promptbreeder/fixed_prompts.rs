//! The fixed texts with which Promptbreeder begins.

/// Thinking styles: ways to look at a problem.
pub(super) const THINKING_STYLES: [&str; 10] = [
    "What is the core of this problem, and what is only around it?",
    "How would somebody who has done this for years go about it?",
    "Which mistakes are likely here, and how are they avoided?",
    "Go through it step by step, and check each step.",
    "How can this be broken into smaller parts that are easy?",
    "What would the opposite of the obvious answer be, and why might that be right?",
    "Which facts in the input decide the answer?",
    "Explain it as to a beginner, in plain words.",
    "Which rule covers most of the cases, and which cases are exceptions?",
    "What must the answer look like, exactly?",
];

/// Mutation prompts: each tells a model how to change a prompt.
pub(super) const MUTATION_PROMPTS: [&str; 10] = [
    "Say the same instruction in quite other words.",
    "Make the instruction more precise, so that it cannot be misunderstood.",
    "Add a hint to the instruction that makes the task easier.",
    "Shorten the instruction to what matters.",
    "Rewrite the instruction as an expert of the field would give it to a colleague.",
    "Add to the instruction what to do in the cases that are easily got wrong.",
    "Turn the instruction into a list of steps.",
    "Change the instruction as nobody would expect, but so that it still solves the task.",
    "Say in the instruction what a good answer looks like.",
    "Forget how the instruction goes and write one that is better for the same task.",
];
