//! Which models of a plan are loaded: those that something asks.

use std::collections::BTreeSet;

use super::metric::{MetricPlan, PartPlan, PrivacyPlan};
use super::plan::Plan;
use crate::engine::ModelId;

impl Plan {
    /// Returns the plan without reflectors, and without the models that only they asked: what scores a candidate without a search.
    #[must_use]
    pub fn without_reflectors(&self) -> Self {
        let mut plan = self.clone();
        plan.optimize.reflectors.clear();
        plan.remove_unused_models();
        plan
    }

    /// Returns the plan without reflectors and judges, and without the models that only they asked: what answers a row without
    /// scoring it. Its metric judges nothing where it was a judge.
    #[must_use]
    pub fn without_scoring(&self) -> Self {
        let mut plan = self.clone();
        plan.metric = without_judges(plan.metric);
        plan.optimize.reflectors.clear();
        plan.remove_unused_models();
        plan
    }

    /// Removes the models that nothing asks, so that they are not loaded, and renumbers the references to the others.
    pub(super) fn remove_unused_models(&mut self) {
        let used: BTreeSet<ModelId> = self.model_refs_mut().map(|model| model.id).collect();
        for model in self.model_refs_mut() {
            model.id = ModelId(used.range(..model.id).count());
        }
        let mut index = 0;
        self.models.retain(|_| {
            index += 1;
            used.contains(&ModelId(index - 1))
        });
    }
}

/// Returns a metric without its judges. A judge becomes a sum of nothing.
fn without_judges(metric: MetricPlan) -> MetricPlan {
    match metric {
        MetricPlan::Judge(_) => MetricPlan::Sum { part: Vec::new() },
        MetricPlan::Privacy(plan) => {
            let quality = plan.quality.map(|quality| Box::new(without_judges(*quality)));
            MetricPlan::Privacy(PrivacyPlan { quality, ..plan })
        }
        MetricPlan::Sum { part } => {
            let without = |part: PartPlan| PartPlan { metric: without_judges(part.metric), ..part };
            MetricPlan::Sum { part: part.into_iter().map(without).collect() }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Plan, load};

    fn plan(metric: &str) -> Plan {
        let folder = tempfile::tempdir().unwrap();
        let models: String = ["grader", "writer", "task"]
            .map(|name| format!("[model.{name}]\nengine = \"scripted\"\nscript = \"{name}.jsonl\"\n"))
            .concat();
        let module =
            "[[module]]\nname = \"m\"\ninputs = [\"q\"]\noutputs = [\"a\"]\ninstruction = \"Answer.\"\nmodel = \"task\"\n";
        let text = format!("[data]\ntrain = \"t.jsonl\"\n{module}{metric}{models}[optimize]\nreflectors = [\"writer\"]\n");
        let path = folder.path().join("gepard.toml");
        std::fs::write(&path, text).unwrap();
        load(&path, &[]).unwrap()
    }

    fn names(plan: &Plan) -> (Vec<&str>, usize) {
        (plan.models.iter().map(|model| model.name.as_str()).collect(), plan.modules[0].model.id.0)
    }

    #[test]
    fn a_command_loads_only_the_models_that_it_asks() {
        let judge = "[metric]\nkind = \"judge\"\nmodel = \"grader\"\nrubric = \"Is it good?\"\n";
        let sum = "[metric]\nkind = \"sum\"\n[[metric.part]]\nweight = 1\nkind = \"exact\"\nfield = \"a\"\n[[metric.part]]\nweight = 1\n\
                   kind = \"judge\"\nmodel = \"grader\"\nrubric = \"Is it good?\"\n";
        for metric in [judge, sum] {
            let plan = plan(metric);
            assert_eq!(names(&plan), (vec!["grader", "writer", "task"], 2));
            assert_eq!(names(&plan.without_reflectors()), (vec!["grader", "task"], 1));
            assert_eq!(names(&plan.without_scoring()), (vec!["task"], 0));
        }
    }
}
