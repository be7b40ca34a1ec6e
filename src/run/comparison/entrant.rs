//! What a comparison runs: an optimizer, or GEPA in one of its variants.

use crate::config::{Method, Operator, OptimizePlan, Preset};
use crate::error::RunError;

/// A variant of GEPA that a comparison can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    /// Only operators that ask a reflector: no demonstrations, and nothing that is computed from the training data.
    Reflector,
    /// The settings of the paper, whatever the task file says.
    Paper,
}

impl Variant {
    const ALL: [Self; 2] = [Self::Reflector, Self::Paper];

    fn name(self) -> &'static str {
        match self {
            Self::Reflector => "gepa-reflector",
            Self::Paper => "gepa-paper",
        }
    }
}

/// The operators of `gepa-reflector`.
const REFLECTOR_OPERATORS: [Operator; 6] =
    [Operator::Describe, Operator::Edit, Operator::Rule, Operator::Rewrite, Operator::Drop, Operator::Shorten];

/// An optimizer of a comparison, by its name: that of a method, `gepa-reflector` or `gepa-paper`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entrant {
    method: Method,
    variant: Option<Variant>,
}

impl From<Method> for Entrant {
    fn from(method: Method) -> Self {
        Self { method, variant: None }
    }
}

impl Entrant {
    /// Returns all entrants: every method as the task file sets it, and the variants of GEPA.
    pub fn all() -> impl Iterator<Item = Self> {
        let variants = Variant::ALL.into_iter().map(|variant| Self { method: Method::Gepa, variant: Some(variant) });
        Method::ALL.iter().map(|&method| Self::from(method)).chain(variants)
    }

    /// Returns the name, as the command line, tables and run directories have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.variant.map_or_else(|| self.method.name(), Variant::name)
    }

    /// Returns the plan with the entrant's optimizer and settings.
    #[must_use]
    pub fn applied_to(self, plan: &OptimizePlan) -> OptimizePlan {
        let own = OptimizePlan { optimizer: self.method, ..plan.clone() };
        match self.variant {
            None => own,
            Some(Variant::Reflector) => OptimizePlan { operators: REFLECTOR_OPERATORS.to_vec(), ..own },
            Some(Variant::Paper) => {
                let paper = OptimizePlan::from_preset(Preset::Paper);
                OptimizePlan {
                    preset: paper.preset,
                    minibatch: paper.minibatch,
                    candidate_selection: paper.candidate_selection,
                    epsilon: paper.epsilon,
                    top_k: paper.top_k,
                    module_selection: paper.module_selection,
                    frontier: paper.frontier,
                    gate: paper.gate,
                    proposals: paper.proposals,
                    parents: paper.parents,
                    keep: paper.keep,
                    merge: paper.merge,
                    max_merges: paper.max_merges,
                    operators: paper.operators,
                    prune: paper.prune,
                    reflection_temperature: paper.reflection_temperature,
                    ..own
                }
            }
        }
    }
}

/// Returns the entrants with these names, each once, in the order of `names`.
///
/// # Errors
/// [`RunError::Plan`] for a name that none has, with the names that there are.
pub fn entrants(names: &[String]) -> Result<Vec<Entrant>, RunError> {
    let mut found: Vec<Entrant> = Vec::new();
    for name in names {
        let Some(entrant) = Entrant::all().find(|entrant| entrant.name() == name.trim()) else {
            let all: Vec<&str> = Entrant::all().map(Entrant::name).collect();
            return Err(RunError::Plan(format!("there is no optimizer `{}`; there are {}", name.trim(), all.join(", "))));
        };
        if !found.contains(&entrant) {
            found.push(entrant);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entrants_are_found_by_their_names() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(entrants(&names(&["gepa", " opro", "gepa"])).unwrap(), [Method::Gepa, Method::Opro].map(Entrant::from));
        let error = entrants(&names(&["mipro"])).unwrap_err().to_string();
        assert!(error.contains("no optimizer `mipro`") && error.contains("miprov2") && error.contains("gepa-paper"), "{error}");
    }

    #[test]
    fn the_variants_of_gepa_keep_what_a_task_file_says_of_budget_and_seed() {
        let plan = OptimizePlan { seed: 7, minibatch: 9, ..OptimizePlan::from_preset(Preset::Default) };
        let of = |name: &str| entrants(&[name.to_owned()]).unwrap()[0].applied_to(&plan);
        assert_eq!(of("gepa"), plan);
        let reflector = of("gepa-reflector");
        assert!(!reflector.operators.contains(&Operator::Examples) && !reflector.operators.contains(&Operator::Format));
        assert_eq!((reflector.seed, reflector.minibatch, reflector.preset), (7, 9, Preset::Default));
        let paper = of("gepa-paper");
        assert_eq!((paper.seed, paper.minibatch, paper.operators.as_slice()), (7, 3, &[Operator::Paper][..]));
        assert_eq!(paper, OptimizePlan { seed: 7, ..OptimizePlan::from_preset(Preset::Paper) });
    }
}
