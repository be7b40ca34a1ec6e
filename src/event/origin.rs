//! Names for what writes a text: an operator, or a step of an optimizer.

use serde::{Deserialize, Serialize};

use crate::config::Operator;

/// The operator, or the step of another optimizer than `gepa`, that a text comes from. In JSON it is its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged, expecting = "the name of an operator or of an optimizer's step")]
pub enum Origin {
    /// An operator that a task file can name.
    Operator(Operator),
    /// A step of an optimizer that has no operators.
    Step(MethodStep),
}

impl Origin {
    /// Returns the name, as JSON, the summary and messages have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Operator(operator) => operator.name(),
            Self::Step(step) => step.text(),
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl From<Operator> for Origin {
    fn from(operator: Operator) -> Self {
        Self::Operator(operator)
    }
}

impl From<MethodStep> for Origin {
    fn from(step: MethodStep) -> Self {
        Self::Step(step)
    }
}

text_enum! {
    /// A step of an optimizer that no operator names. The papers are those that docs/optimizers.md names.
    MethodStep {
        /// Takes the text with which a module's turn begins, unchanged.
        Seed = "seed",
        /// `gepa`: removes demonstrations or a sentence of a candidate that is as good as the best.
        Prune = "prune",
        /// `bootstrap-rs`: shows labelled examples.
        Labelled = "labelled",
        /// `bootstrap-rs`: shows calls that a teacher got right, and labelled examples.
        Bootstrap = "bootstrap",
        /// `simba`: adds advice from a good rollout against a bad one.
        Advise = "advise",
        /// `simba`: adds a good rollout as a demonstration.
        Demonstrate = "demonstrate",
        /// `ape`: infers an instruction from examples.
        Induce = "induce",
        /// `ape` and `evoprompt-*`: paraphrases an instruction.
        Paraphrase = "paraphrase",
        /// `opro`: asks for an instruction that scores more than those in a list.
        Opro = "opro",
        /// `evoprompt-ga`: crosses two instructions and mutates the result.
        Crossover = "crossover",
        /// `evoprompt-de`: mutates the parts in which two instructions differ, and crosses the result with two others.
        Difference = "difference",
        /// `promptbreeder`: writes the task prompts of the first population.
        FirstPrompts = "first prompts",
        /// `promptbreeder`: writes a task prompt from the problem description.
        ZeroOrder = "zero-order",
        /// `promptbreeder`: applies a mutation prompt to a task prompt.
        FirstOrder = "first-order",
        /// `promptbreeder`: continues a list of the population's task prompts.
        Distribution = "distribution",
        /// `promptbreeder`: continues a list of the population's task prompts that is sorted by score.
        RankedDistribution = "ranked-distribution",
        /// `promptbreeder`: continues the list of the best task prompts so far.
        Lineage = "lineage",
        /// `promptbreeder`: writes a mutation prompt from the problem description.
        ZeroOrderHyper = "zero-order-hyper",
        /// `promptbreeder`: improves a mutation prompt.
        FirstOrderHyper = "first-order-hyper",
        /// `promptbreeder`: infers a task prompt from outputs that were right.
        Lamarckian = "lamarckian",
        /// `reflexion`: reflects on a failed attempt.
        Reflect = "reflect",
        /// `textgrad`: criticises an answer.
        Criticise = "criticise",
        /// `textgrad`: carries the critique of an output back to an instruction.
        Backward = "backward",
        /// `textgrad`: rewrites an instruction according to its critiques.
        Update = "update",
        /// `miprov2`: summarizes the training data.
        Summarize = "summarize",
        /// `miprov2`: proposes an instruction from the summary, the program and demonstrations.
        Ground = "ground",
        /// `miprov2`: chooses instructions and demonstrations by TPE (Bergstra et al. 2011).
        Tpe = "tpe",
    }
}
