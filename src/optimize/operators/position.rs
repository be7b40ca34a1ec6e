//! The position of a module in the data flow of its program.

use crate::program::Program;

/// Where a module's inputs come from and where its outputs go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModulePosition {
    /// The inputs that another module writes.
    pub written_inputs: Vec<String>,
    /// Of [`Self::written_inputs`], those that every module that reads this module's outputs reads too. Empty if no module does.
    pub shared_with_readers: Vec<String>,
    /// The outputs that another module or a step reads.
    pub read_outputs: Vec<String>,
    /// The outputs that a retrieval step uses as its query.
    pub search_queries: Vec<String>,
    /// The inputs that a retrieval step found.
    pub search_results: Vec<String>,
    /// Whether the outputs are read by at least one module, by no step, and only by modules whose own outputs nothing reads.
    pub is_last_but_one: bool,
}

impl ModulePosition {
    /// Computes the position of the module at `module_index`.
    #[must_use]
    pub fn new(program: &Program, module_index: usize) -> Self {
        let module = &program.modules[module_index];
        let select =
            |names: &[String], matches: &dyn Fn(&String) -> bool| names.iter().filter(|name| matches(name)).cloned().collect();
        let others: Vec<usize> = (0..program.modules.len()).filter(|&other| other != module_index).collect();
        let is_written = |name: &String| others.iter().any(|&other| program.modules[other].outputs.contains(name));
        let reads_outputs = |inputs: &[String]| inputs.iter().any(|name| module.outputs.contains(name));
        let readers: Vec<usize> = others.iter().copied().filter(|&other| reads_outputs(&program.modules[other].inputs)).collect();
        let is_last = |reader: usize| !program.modules[reader].outputs.iter().any(|name| program.is_read_by_others(reader, name));
        Self {
            written_inputs: select(&module.inputs, &is_written),
            shared_with_readers: select(&module.inputs, &|name| {
                let all_read_it = readers.iter().all(|&reader| program.modules[reader].inputs.contains(name));
                is_written(name) && !readers.is_empty() && all_read_it
            }),
            read_outputs: select(&module.outputs, &|name| program.is_read_by_others(module_index, name)),
            search_queries: select(&module.outputs, &|name| {
                program.tools.iter().any(|tool| tool.action.is_search() && tool.inputs.contains(name))
            }),
            search_results: select(&module.inputs, &|name| {
                program.tools.iter().any(|tool| tool.action.is_search() && tool.outputs.contains(name))
            }),
            is_last_but_one: !readers.is_empty()
                && readers.iter().all(|&reader| is_last(reader))
                && !program.tools.iter().any(|tool| reads_outputs(&tool.inputs)),
        }
    }
}
