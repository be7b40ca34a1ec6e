//! Divides the requests of one call among the models that are loaded.

/// A loaded model, and the adapter that changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    /// The index of the loaded model.
    pub(super) shared: usize,
    /// The index of the adapter among those of the model. None if it is used as it is.
    pub(super) adapter: Option<usize>,
}

/// The requests of one call to one loaded model with one adapter.
pub(super) struct ModelJob<Q> {
    pub(super) target: Target,
    /// For each request its index in the call.
    pub(super) indices: Vec<usize>,
    pub(super) requests: Vec<Q>,
}

/// Divides requests, each of which has its target. The targets stand in the order of their first requests.
pub(super) fn divide<Q>(requests: Vec<(Target, Q)>) -> Vec<ModelJob<Q>> {
    let mut jobs: Vec<ModelJob<Q>> = Vec::new();
    for (index, (target, request)) in requests.into_iter().enumerate() {
        match jobs.iter_mut().find(|job| job.target == target) {
            Some(job) => {
                job.indices.push(index);
                job.requests.push(request);
            }
            None => jobs.push(ModelJob { target, indices: vec![index], requests: vec![request] }),
        }
    }
    jobs
}
