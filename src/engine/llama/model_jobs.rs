//! Divides the requests of one call among the models that are loaded.

/// The requests of one call to one loaded model.
pub(super) struct ModelJob<Q> {
    /// The index of the loaded model.
    pub(super) shared: usize,
    /// For each request its index in the call.
    pub(super) indices: Vec<usize>,
    pub(super) requests: Vec<Q>,
}

/// Divides requests, each of which has the index of its loaded model. The models stand in the order of their first requests.
pub(super) fn divide<Q>(requests: Vec<(usize, Q)>) -> Vec<ModelJob<Q>> {
    let mut jobs: Vec<ModelJob<Q>> = Vec::new();
    for (index, (shared, request)) in requests.into_iter().enumerate() {
        match jobs.iter_mut().find(|job| job.shared == shared) {
            Some(job) => {
                job.indices.push(index);
                job.requests.push(request);
            }
            None => jobs.push(ModelJob { shared, indices: vec![index], requests: vec![request] }),
        }
    }
    jobs
}
