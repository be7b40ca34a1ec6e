//! `[optimize]`: how to look for a better candidate.

use serde::{Serialize, Serializer};

use super::budget::Budget;
use super::named::{Named, choice};
use super::operator::Operator;
use super::section::{Section, nearest};

/// `[optimize]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OptimizePlan {
    /// The method; see docs/optimizers.md; left out: `"gepa"`.
    // A run from before there was a choice has no such key, and is GEPA's.
    #[serde(skip_serializing_if = "Method::is_gepa")]
    pub optimizer: Method,
    /// What stands for all that is left out.
    pub preset: Preset,
    /// Models that write prompts; of several, the one that wins more for its cost is asked more often; left out: the first
    /// module's own.
    pub reflectors: Vec<String>,
    /// When to stop at the latest: rollouts, `"300"`; time, `"30m"`; both; or `"light"`, `"medium"`, `"heavy"`, which for one
    /// module and 100 validation rows are 780, 1190 and 1735 rollouts.
    pub budget: Budget,
    /// Of all randomness.
    pub seed: u64,
    /// Training rows that a reflection reads and a child must win on.
    pub minibatch: usize,
    /// Which candidate is improved next.
    pub candidate_selection: CandidateSelection,
    /// With epsilon-greedy: the chance of any candidate rather than the best, from 0 to 1; None: 0.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f64>,
    /// With top-k-pareto: how many of the best are drawn from; None: 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<usize>,
    /// Which of its modules are rewritten.
    pub module_selection: ModuleSelection,
    /// What candidates are compared on, one front for each.
    pub frontier: Frontier,
    /// When a child may cost a validation, and how much of one.
    pub gate: Gate,
    /// Children of an iteration.
    pub proposals: usize,
    /// With several proposals: whether they have one parent; None: `"same"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parents: Option<Parents>,
    /// With several proposals: which children are kept; None: `"best"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<Keep>,
    /// Whether two candidates of a program with several modules are crossed.
    pub merge: bool,
    /// Merged candidates that are accepted at most.
    pub max_merges: u64,
    /// A validation score that is enough, from 0 to 1.
    pub stop_at_score: f64,
    /// Iterations without a better candidate that are enough; None: they go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
    /// A cap on proposals that reflectors are asked for, second times among them; of a rival, on its questions; None:
    /// with `gepa` and a budget in rollouts, budget / minibatch × proposals × modules at once, else no cap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_reflections: Option<u64>,
    /// The ways in which a text is changed; left out: all but `paper`.
    pub operators: Vec<Operator>,
    /// The most tokens of a module's instruction and worked examples; None: a third of its model's context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_instruction_tokens: Option<usize>,
    /// The most tokens of a reflector's answer.
    pub reflection_tokens: u32,
    /// The temperature of reflections.
    pub reflection_temperature: f32,
}

macro_rules! named {
    ($(#[$about:meta])* $type:ident { $($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $type { $($(#[$doc])* $variant),+ }

        impl $type {
            /// All, in the order of the enum.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name in a task file.
            #[must_use]
            pub fn name(self) -> &'static str {
                Named::name(self)
            }
        }

        impl Named for $type {
            const NAMES: &'static [(&'static str, Self)] = &[$(($name, Self::$variant)),+];
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }
    };
}

named! {
    /// How better candidates are looked for; docs/optimizers.md has who does what.
    Method {
        /// Reflective prompt evolution (arXiv 2507.19457).
        Gepa = "gepa",
        /// The best of n reflections on the seed: no selection, no population. The control.
        Random = "random",
        /// Instructions induced from examples, and paraphrases of the best (arXiv 2211.01910).
        Ape = "ape",
        /// A model that reads what was scored, the best last (arXiv 2309.03409).
        Opro = "opro",
        /// A genetic algorithm (arXiv 2309.08532).
        EvopromptGa = "evoprompt-ga",
        /// Differential evolution (arXiv 2309.08532).
        EvopromptDe = "evoprompt-de",
        /// Task prompts and the prompts that change them evolve together (arXiv 2309.16797).
        Promptbreeder = "promptbreeder",
        /// Single answers are attempted again with what went wrong in mind (arXiv 2303.11366).
        Reflexion = "reflexion",
        /// Critiques carried back through the program (arXiv 2406.07496).
        Textgrad = "textgrad",
        /// Worked examples and instructions of all modules, chosen together by TPE (arXiv 2406.11695).
        Miprov2 = "miprov2",
    }
}

impl Method {
    fn is_gepa(&self) -> bool {
        *self == Self::Gepa
    }

    /// Whether it is made for a single prompt, and so changes one module of a program at a time.
    #[must_use]
    pub fn is_for_one_prompt(self) -> bool {
        match self {
            Self::Random | Self::Ape | Self::Opro | Self::EvopromptGa | Self::EvopromptDe | Self::Promptbreeder => true,
            Self::Gepa | Self::Reflexion | Self::Textgrad | Self::Miprov2 => false,
        }
    }
}

named! {
    /// What stands for whatever the task file leaves out.
    Preset {
        /// What was measured to be best with small models.
        Default = "default",
        /// The paper's: minibatches of three, a strict gate, whole rewrites, the Python package's prompt.
        Paper = "paper",
    }
}

named! {
    /// Which candidate is improved next.
    CandidateSelection {
        /// Drawn by the fronts that hold it, the dominated left out (arXiv 2507.19457, algorithm 2).
        Pareto = "pareto",
        /// The best on validation.
        CurrentBest = "current-best",
        /// The best, or with a small chance any.
        EpsilonGreedy = "epsilon-greedy",
        /// Pareto among the best few.
        TopKPareto = "top-k-pareto",
    }
}

named! {
    /// Which modules of a candidate are rewritten.
    ModuleSelection {
        /// One, each in its turn; every candidate has a turn of its own.
        RoundRobin = "round-robin",
        /// All at once.
        All = "all",
        /// All at once at the seed's first turn, then each in its own, the last first; a child goes on where its parent was.
        Mixed = "mixed",
    }
}

named! {
    /// What candidates are compared on, one front for each.
    Frontier {
        /// Validation examples.
        Example = "example",
        /// Objectives that the metric names, by their means: a field of `json`, a part of `sum`, `strict` and `loose` of
        /// `constraints`, `privacy` and `quality`, `share` and `all` of `code`, `recall` and `f1` of `retrieval`, `grade` of `judge`,
        /// what a `command` names.
        Objective = "objective",
        /// Examples and objectives.
        Hybrid = "hybrid",
        /// Every objective on every example.
        Cartesian = "cartesian",
    }
}

named! {
    /// When a child may cost a validation, and how much of one.
    Gate {
        /// Its sum on the minibatch is above its parent's.
        Strict = "strict",
        /// Its sum is not below.
        OrEqual = "or-equal",
        /// As strict, and validation goes in growing shares, given up once the child is behind the best: better under any
        /// budget that was simulated (ARCHITECTURE.md, "GEPA"). Of the seed's children on examples that it was run on to gather
        /// worked examples, whoever is not plainly worse may begin.
        Confident = "confident",
    }
}

named! {
    /// Whether the children of an iteration have one parent.
    Parents {
        /// All are children of the candidate that was drawn.
        Same = "same",
        /// A candidate is drawn for each.
        Several = "several",
    }
}

named! {
    /// Which children of an iteration are kept, of those that pass the gate.
    Keep {
        /// The one with the largest gain on the minibatch, or with the confident gate the one that wins the race over
        /// the validation examples.
        Best = "best",
        /// All.
        All = "all",
    }
}

/// The chance that epsilon-greedy leaves the best.
const EPSILON: f64 = 0.1;

/// The candidates that top-k-pareto draws from.
const TOP_K: usize = 5;

/// Reads `[optimize]`. `models` are those of the task file, `own` is the first module's.
pub(super) fn read(root: &Section<'_>, models: &[&str], own: &str) -> OptimizePlan {
    let section = root.table_or_empty("optimize");
    let candidate_selection = choice(&section, "candidate_selection", CandidateSelection::Pareto);
    let epsilon = section.number("epsilon", 0.0..=1.0);
    let top_k = section.integer("top_k", 1..=100_000);
    let greedy = candidate_selection == CandidateSelection::EpsilonGreedy;
    let top = candidate_selection == CandidateSelection::TopKPareto;
    only_with(&section, "epsilon", "candidate_selection = \"epsilon-greedy\"", greedy);
    only_with(&section, "top_k", "candidate_selection = \"top-k-pareto\"", top);
    let preset = choice(&section, "preset", Preset::Default);
    let of = OptimizePlan::of(preset);
    let proposals = section.integer("proposals", 1..=64).unwrap_or(of.proposals);
    let several = proposals > 1;
    let parents = choice(&section, "parents", Parents::Same);
    let keep = choice(&section, "keep", Keep::Best);
    only_with(&section, "parents", "`proposals` above 1", several);
    only_with(&section, "keep", "`proposals` above 1", several);
    let plan = OptimizePlan {
        optimizer: choice(&section, "optimizer", of.optimizer),
        preset,
        reflectors: read_reflectors(&section, models, own),
        budget: read_budget(&section),
        seed: section.integer("seed", 0..=i64::MAX).map_or(of.seed, i64::unsigned_abs),
        minibatch: section.integer("minibatch", 1..=1000).unwrap_or(of.minibatch),
        candidate_selection,
        epsilon: greedy.then_some(epsilon.unwrap_or(EPSILON)),
        top_k: top.then_some(top_k.unwrap_or(TOP_K)),
        module_selection: choice(&section, "module_selection", of.module_selection),
        frontier: choice(&section, "frontier", of.frontier),
        gate: choice(&section, "gate", of.gate),
        proposals,
        parents: several.then_some(parents),
        keep: several.then_some(keep),
        merge: section.flag("merge").unwrap_or(of.merge),
        max_merges: section.integer("max_merges", 0..=100_000).unwrap_or(of.max_merges),
        stop_at_score: section.number("stop_at_score", 0.0..=1.0).unwrap_or(of.stop_at_score),
        patience: section.integer("patience", 1..=1_000_000),
        max_reflections: section.integer("max_reflections", 1..=1_000_000),
        operators: read_operators(&section, &of.operators),
        max_instruction_tokens: section.integer("max_instruction_tokens", 1..=1_000_000),
        reflection_tokens: section.integer("reflection_tokens", 16..=100_000).unwrap_or(of.reflection_tokens),
        reflection_temperature: section
            .number("reflection_temperature", 0.0..=2.0)
            .map_or(of.reflection_temperature, |t| t as f32),
    };
    section.finish();
    plan
}

fn read_operators(section: &Section<'_>, default: &[Operator]) -> Vec<Operator> {
    let Some(names) = section.texts("operators") else {
        return default.to_vec();
    };
    let all = || Operator::ALL.into_iter().chain([Operator::Paper]);
    let known: Vec<&str> = all().map(Operator::name).collect();
    let mut operators = Vec::new();
    for name in &names {
        match all().find(|operator| operator.name() == name) {
            Some(operator) => operators.push(operator),
            None => section.problem("operators", format!("there is no `{name}`; {}", nearest(name, &known))),
        }
    }
    if names.is_empty() {
        section.problem("operators", "must name at least one; leave it out for all");
    }
    operators
}

fn read_reflectors(section: &Section<'_>, models: &[&str], own: &str) -> Vec<String> {
    let reflectors = section.texts("reflectors").unwrap_or_else(|| vec![own.to_owned()]);
    for name in reflectors.iter().filter(|_| !models.is_empty()) {
        if !models.contains(&name.as_str()) {
            section.problem("reflectors", format!("there is no [model.{name}]; {}", nearest(name, models)));
        }
    }
    if reflectors.is_empty() {
        section.problem("reflectors", "must name a model; leave it out and the task model reflects on itself");
    }
    reflectors
}

fn read_budget(section: &Section<'_>) -> Budget {
    let Some(text) = section.text_or_number("budget") else {
        return Budget::DEFAULT;
    };
    Budget::parse(&text).unwrap_or_else(|| {
        let forms = "\"300\", a time, \"30m\", both, \"300, 30m\", or one of \"light\", \"medium\", \"heavy\"";
        section.problem("budget", format!("must be a number of rollouts, like {forms}"));
        Budget::DEFAULT
    })
}

/// The part of a context that instruction and worked examples may take, where the plan does not say: one in so many.
const SHARE_OF_CONTEXT: usize = 3;

impl OptimizePlan {
    /// The most tokens of the instruction and the worked examples of a module whose model has a context of so many.
    #[must_use]
    pub fn most_instruction_tokens(&self, context: usize) -> usize {
        self.max_instruction_tokens.unwrap_or(context / SHARE_OF_CONTEXT)
    }

    /// What a preset says, without reflectors.
    #[must_use]
    pub fn of(preset: Preset) -> Self {
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
            proposals: 3,
            parents: None,
            keep: None,
            merge: true,
            max_merges: 5,
            stop_at_score: 1.0,
            patience: None,
            max_reflections: None,
            operators: Operator::ALL.to_vec(),
            max_instruction_tokens: None,
            reflection_tokens: 1024,
            reflection_temperature: 0.7,
        };
        match preset {
            Preset::Default => default,
            Preset::Paper => Self {
                minibatch: 3,
                module_selection: ModuleSelection::RoundRobin,
                gate: Gate::Strict,
                proposals: 1,
                operators: vec![Operator::Paper],
                reflection_temperature: 1.0,
                ..default
            },
        }
    }
}

/// A key that is given must have an effect.
fn only_with(section: &Section<'_>, key: &str, with: &str, is: bool) {
    if section.has(key) && !is {
        section.problem(key, format!("has an effect only with {with}"));
    }
}
