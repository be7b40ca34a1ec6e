//! Opens the engine over the servers of a plan.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::config::{ModelSource, Plan};
use crate::engine::remote::{Patience, Remote, ServedModel};
use crate::error::RunError;
use crate::event::{Event, Lifecycle};

/// Returns the models of a plan that run on servers, in its order.
fn served_models(plan: &Plan) -> Result<Vec<ServedModel>, RunError> {
    let mut served = Vec::new();
    for model in &plan.models {
        let ModelSource::Openai(servers) = &model.source else { continue };
        let key = |variable: &String| {
            std::env::var(variable).map_err(|_| {
                let name = &model.name;
                RunError::Plan(format!("`model.{name}.api_key_env`: the environment variable `{variable}` is not set"))
            })
        };
        served.push(ServedModel {
            name: model.name.clone(),
            urls: servers.urls.clone(),
            model: servers.model.clone(),
            api_key: servers.api_key_env.as_ref().map(key).transpose()?,
            timeout: Duration::from_secs(servers.timeout),
            concurrency: servers.concurrency,
            tokenizer: servers.tokenizer.clone(),
            ca: servers.ca.clone(),
            proxy: servers.proxy.clone(),
            context: servers.context,
            thinking: servers.thinking.unwrap_or(0),
            patience: Patience::default(),
        });
    }
    Ok(served)
}

/// Asks the servers of a plan what they are and what they can do, and emits notes about it.
///
/// # Errors
/// [`RunError::Engine`] if a model has no server that can be used, [`RunError::Plan`] if its key is missing, and
/// [`RunError::Interrupted`] if `interrupted` is set.
pub(super) fn open(plan: &Plan, interrupted: &AtomicBool, listener: &mut dyn FnMut(&Event)) -> Result<Remote, RunError> {
    let mut look = || if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let remote = Remote::open(&served_models(plan)?, &mut look)?;
    for note in remote.notes() {
        listener(&Lifecycle::Noted { note }.into());
    }
    Ok(remote)
}
