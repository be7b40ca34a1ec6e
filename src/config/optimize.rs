//! `[optimize]`: how a better candidate is searched for.

use serde::{Serialize, Serializer};

use super::budget::Budget;
use super::fingerprint::Keys;
use super::methods::{
    self, ApePlan, BootstrapRsPlan, EvopromptPlan, FewshotPlan, Miprov2Plan, OproPlan, PromptbreederPlan, SimbaPlan, Strength,
    TextgradPlan,
};
use super::model::ModelRef;
use super::named::{Named, named};
use super::operator::Operator;

/// `[optimize]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OptimizePlan {
    /// The optimizer. See docs/optimizers.md; left out: `"gepa"`.
    // The key is left out for GEPA, so that run directories from before there was a choice keep their fingerprint.
    #[serde(skip_serializing_if = "Method::is_gepa")]
    pub optimizer: Method,
    /// The defaults of all keys that are left out.
    pub preset: Preset,
    /// The models that write prompts. Of several, the one whose proposals gain more for their cost is asked more often; left
    /// out: the model of the first module.
    pub reflectors: Vec<ModelRef>,
    /// When the search stops at the latest: after a number of rollouts, `"300"`; after a time, `"30m"`; after a number of tokens,
    /// `"500k tokens"` or `"2M tokens"`; or at the first of several, `"300, 30m"`. Tokens are those that the models of the search
    /// compute of prompts and generate; a beginning that the prompts of a list of requests share is counted once. `"light"`, `"medium"` and `"heavy"` depend on the size of the task: for one module and 100 validation rows
    /// they are 780, 1190 and 1735 rollouts.
    pub budget: Budget,
    /// The seed of all random numbers. A run with the same seed makes the same random choices.
    pub seed: u64,
    /// The number of training rows that one iteration uses: a reflector reads the rollouts on them, and the gate compares parent
    /// and child on them.
    pub minibatch: usize,
    /// How the candidate that is improved next is selected.
    pub candidate_selection: CandidateSelection,
    /// With epsilon-greedy: the probability of any candidate instead of the best, from 0 to 1; None: 0.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f64>,
    /// With top-k-pareto: the number of best candidates that are drawn from; None: 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<usize>,
    /// Which modules of the candidate are changed.
    pub module_selection: ModuleSelection,
    /// What the Pareto fronts are over.
    pub frontier: Frontier,
    /// Which children are validated, and how.
    pub gate: Gate,
    /// With true, whatever the optimizer: a candidate is validated on growing shares of the validation rows (10, 20, 40, …), and given up
    /// where its sum of scores is behind that of the best so far. `gepa` with the confident gate does so anyway.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub race: bool,
    /// The number of children in one iteration.
    pub proposals: usize,
    /// With several proposals: whether all children of an iteration have the same parent; None: `"same"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parents: Option<Parents>,
    /// With several proposals: which children of an iteration are accepted; None: `"best"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<Keep>,
    /// Whether candidates of a program with several modules are merged.
    pub merge: bool,
    /// The most merged candidates that are accepted.
    pub max_merges: u64,
    /// The search stops when a candidate has this mean score on the validation rows, from 0 to 1.
    pub stop_at_score: f64,
    /// The search stops after this number of iterations without a better candidate; None: it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
    /// The most questions to reflectors, repeated ones included; None: with `gepa` and a budget in rollouts,
    /// budget / minibatch × proposals × modules at once, else no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_reflections: Option<u64>,
    /// The operators that change a module's text; left out: all but `paper`.
    pub operators: Vec<Operator>,
    /// Sentences of your own: the operator `hint` adds one of them at the end of a module's instruction, and later perhaps another.
    /// A list of sentences, or the path of a text file with one sentence on each line; left out: none, and `hint` does nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    /// With true, the prompt of a candidate differs from call to call only in the inputs, so that `gepard export` can write it in
    /// every format. The operator `nearest`, which chooses demonstrations for each call, is then left out, even if `operators`
    /// names it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fixed_prompt: bool,
    /// With `gepa` and a budget in rollouts: once the budget holds no other iteration, candidates that are as good as the best are made
    /// shorter, as far as the score stays the same within noise. A fifth of the budget is reserved for it, if that is enough
    /// to validate a candidate and there is anything to shorten.
    pub prune: bool,
    /// The most tokens of a module's instruction and demonstrations together. Only the task file's own instruction may be longer;
    /// None: a third of its model's context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_prompt_tokens: Option<usize>,
    /// The most tokens of a reflector's answer.
    pub reflection_tokens: u32,
    /// The temperature of a reflector's answers.
    pub reflection_temperature: f32,
    /// The numbers of the optimizer `fewshot`: the table `[optimize.fewshot]`.
    pub fewshot: FewshotPlan,
    /// The numbers of the optimizer `bootstrap-rs`: the table `[optimize.bootstrap-rs]`.
    #[serde(rename = "bootstrap-rs")]
    pub bootstrap_rs: BootstrapRsPlan,
    /// The numbers of the optimizer `simba`: the table `[optimize.simba]`.
    pub simba: SimbaPlan,
    /// The numbers of the optimizer `miprov2`: the table `[optimize.miprov2]`.
    pub miprov2: Miprov2Plan,
    /// The numbers of the optimizer `ape`: the table `[optimize.ape]`.
    pub ape: ApePlan,
    /// The numbers of the optimizer `opro`: the table `[optimize.opro]`.
    pub opro: OproPlan,
    /// The numbers of the optimizers `evoprompt-ga` and `evoprompt-de`: the table `[optimize.evoprompt]`.
    pub evoprompt: EvopromptPlan,
    /// The numbers of the optimizer `promptbreeder`: the table `[optimize.promptbreeder]`.
    pub promptbreeder: PromptbreederPlan,
    /// The numbers of the optimizer `textgrad`: the table `[optimize.textgrad]`.
    pub textgrad: TextgradPlan,
}

/// Stop rules are outside: a finished run goes on if they are relaxed.
pub(super) static KEYS: Keys = Keys {
    inside: "optimizer preset reflectors seed minibatch candidate_selection epsilon top_k module_selection \
        frontier gate race proposals parents keep merge max_merges operators hints fixed_prompt prune max_prompt_tokens \
        reflection_tokens reflection_temperature",
    outside: "budget max_reflections stop_at_score patience",
    tables: &[
        ("fewshot", &methods::FEWSHOT_KEYS),
        ("bootstrap-rs", &methods::BOOTSTRAP_RS_KEYS),
        ("simba", &methods::SIMBA_KEYS),
        ("miprov2", &methods::MIPROV2_KEYS),
        ("ape", &methods::APE_KEYS),
        ("opro", &methods::OPRO_KEYS),
        ("evoprompt", &methods::EVOPROMPT_KEYS),
        ("promptbreeder", &methods::PROMPTBREEDER_KEYS),
        ("textgrad", &methods::TEXTGRAD_KEYS),
    ],
    ..Keys::NONE
};

named! {
    /// The algorithm that searches for a better candidate. docs/optimizers.md compares them.
    Method {
        /// Reflective prompt evolution (arXiv 2507.19457).
        Gepa = "gepa",
        /// The best of several reflections on the seed, without selection or population. This is the control.
        Random = "random",
        /// The list of labels and as many random demonstrations as fit, the best of several draws, without a reflector. This is
        /// a control.
        Fewshot = "fewshot",
        /// The list of labels alone. This is a control.
        LabelList = "label-list",
        /// Sets of demonstrations that a teacher got right, the best of several on validation (`BootstrapFewShotWithRandomSearch`
        /// of the Python package `dspy`).
        BootstrapRs = "bootstrap-rs",
        /// Several answers to each example are compared; a good one becomes a rule or a demonstration (`SIMBA` of `dspy`).
        Simba = "simba",
        /// Instructions that a model infers from examples, and paraphrases of the best of them (arXiv 2211.01910).
        Ape = "ape",
        /// A model reads earlier instructions with their scores, the best last, and writes new ones (arXiv 2309.03409).
        Opro = "opro",
        /// A genetic algorithm (arXiv 2309.08532).
        EvopromptGa = "evoprompt-ga",
        /// Differential evolution (arXiv 2309.08532).
        EvopromptDe = "evoprompt-de",
        /// Instructions evolve together with the prompts that change them (arXiv 2309.16797).
        Promptbreeder = "promptbreeder",
        /// Each answer is attempted again, with a reflection on what went wrong (arXiv 2303.11366).
        Reflexion = "reflexion",
        /// Critiques are propagated backwards through the program (arXiv 2406.07496).
        Textgrad = "textgrad",
        /// Demonstrations and instructions of all modules are chosen together by TPE (arXiv 2406.11695).
        Miprov2 = "miprov2",
    }
}

impl Method {
    fn is_gepa(&self) -> bool {
        *self == Self::Gepa
    }

    /// Whether the method was designed for a single prompt. It then changes one module of a program at a time.
    #[must_use]
    pub fn is_for_one_prompt(self) -> bool {
        match self {
            Self::Random | Self::Ape | Self::Opro | Self::EvopromptGa | Self::EvopromptDe | Self::Promptbreeder => true,
            Self::Gepa
            | Self::Fewshot
            | Self::LabelList
            | Self::BootstrapRs
            | Self::Simba
            | Self::Reflexion
            | Self::Textgrad
            | Self::Miprov2 => false,
        }
    }

    /// Returns the name of the table in `[optimize]` with the method's numbers; None if it has none.
    #[must_use]
    pub fn table(self) -> Option<&'static str> {
        match self {
            Self::Fewshot
            | Self::BootstrapRs
            | Self::Simba
            | Self::Miprov2
            | Self::Ape
            | Self::Opro
            | Self::Promptbreeder
            | Self::Textgrad => Some(self.name()),
            Self::EvopromptGa | Self::EvopromptDe => Some("evoprompt"),
            Self::Gepa | Self::Random | Self::LabelList | Self::Reflexion => None,
        }
    }
}

named! {
    /// The defaults of all keys that a task file leaves out.
    Preset {
        /// The settings that were measured to be best with small models.
        Default = "default",
        /// The settings of the paper: minibatches of three, a strict gate, whole rewrites, the prompt of the Python package.
        Paper = "paper",
    }
}

named! {
    /// How the candidate that is improved next is selected.
    CandidateSelection {
        /// Drawn with a probability in proportion to the fronts that it is on. Dominated candidates are left out (arXiv
        /// 2507.19457, algorithm 2).
        Pareto = "pareto",
        /// The candidate with the best mean score on the validation rows.
        CurrentBest = "current-best",
        /// The best, or any candidate with the probability `epsilon`.
        EpsilonGreedy = "epsilon-greedy",
        /// As `pareto`, among the `top_k` best candidates.
        TopKPareto = "top-k-pareto",
    }
}

named! {
    /// Which modules of the candidate are changed.
    ModuleSelection {
        /// One module, the next one each time a candidate is improved. Every candidate keeps count for itself.
        RoundRobin = "round-robin",
        /// All modules.
        All = "all",
        /// All modules when the seed is first improved, then one at a time, the last module first. A child continues where its
        /// parent stopped.
        Mixed = "mixed",
    }
}

named! {
    /// What the Pareto fronts are over.
    Frontier {
        /// One front for each validation example.
        Example = "example",
        /// One front for the mean of each objective of the metric: a field of `json`, a part of `sum`, `strict` and `loose` of
        /// `constraints`, `privacy` and `quality`, `share` and `all` of `code`, `recall` and `f1` of `retrieval`, `grade` of `judge`,
        /// what a `command` names.
        Objective = "objective",
        /// The fronts of `example` and of `objective`.
        Hybrid = "hybrid",
        /// One front for each objective on each validation example.
        Cartesian = "cartesian",
    }
}

named! {
    /// Which children are validated, and how.
    Gate {
        /// A child is validated if its sum on the minibatch is greater than its parent's.
        Strict = "strict",
        /// A child is validated if its sum on the minibatch is not less than its parent's.
        OrEqual = "or-equal",
        /// As strict, but validation runs in growing shares and ends as soon as the child is behind the best. In simulations this
        /// was better under every budget (docs/measurements/gates.md). The first children of the seed may share its rollouts that
        /// were run to gather demonstrations; of these, every child that is not clearly worse may begin its validation.
        Confident = "confident",
    }
}

named! {
    /// Whether all children of an iteration have the same parent.
    Parents {
        /// All children have the candidate that was selected as their parent.
        Same = "same",
        /// A parent is selected for each child.
        Several = "several",
    }
}

named! {
    /// Which children of an iteration are accepted, of those that pass the gate.
    Keep {
        /// The child with the largest gain on the minibatch. With the confident gate, the child that wins the race over the
        /// validation rows.
        Best = "best",
        /// All of them.
        All = "all",
    }
}

/// The default of `max_prompt_tokens` is the context divided by this number.
const CONTEXT_DIVISOR: usize = 3;

impl OptimizePlan {
    /// Returns the most tokens of the instruction and the demonstrations of a module whose model has `context` tokens.
    #[must_use]
    pub fn most_prompt_tokens(&self, context: usize) -> usize {
        self.max_prompt_tokens.unwrap_or(context / CONTEXT_DIVISOR)
    }

    /// Returns the operators that the search may use: those of `operators`, without `nearest` if the prompt must be fixed.
    pub fn usable_operators(&self) -> impl Iterator<Item = Operator> {
        self.operators.iter().copied().filter(|operator| !self.fixed_prompt || *operator != Operator::Nearest)
    }

    /// Returns the values of a preset. There are no reflectors in it.
    #[must_use]
    pub fn from_preset(preset: Preset) -> Self {
        let default = Self {
            optimizer: Method::Gepa,
            preset,
            reflectors: Vec::new(),
            budget: Budget::DEFAULT,
            seed: 0,
            minibatch: 4,
            candidate_selection: CandidateSelection::Pareto,
            epsilon: None,
            top_k: None,
            module_selection: ModuleSelection::Mixed,
            frontier: Frontier::Example,
            gate: Gate::Confident,
            race: false,
            proposals: 4,
            parents: None,
            keep: None,
            merge: true,
            max_merges: 5,
            stop_at_score: 1.0,
            patience: None,
            max_reflections: None,
            operators: Operator::ALL.to_vec(),
            hints: Vec::new(),
            fixed_prompt: false,
            prune: true,
            max_prompt_tokens: None,
            reflection_tokens: 1024,
            reflection_temperature: 0.7,
            fewshot: FewshotPlan::default(),
            bootstrap_rs: BootstrapRsPlan::of(Strength::Reference),
            simba: SimbaPlan::of(Strength::Reference),
            miprov2: Miprov2Plan::of(Strength::Reference),
            ape: ApePlan::of(Strength::Reference),
            opro: OproPlan::of(Strength::Reference),
            evoprompt: EvopromptPlan::of(Strength::Reference),
            promptbreeder: PromptbreederPlan::of(Strength::Reference),
            textgrad: TextgradPlan::of(Strength::Reference),
        };
        match preset {
            Preset::Default => default,
            Preset::Paper => Self {
                minibatch: 3,
                module_selection: ModuleSelection::RoundRobin,
                gate: Gate::Strict,
                proposals: 1,
                prune: false,
                operators: vec![Operator::Paper],
                reflection_temperature: 1.0,
                ..default
            },
        }
    }
}
