//! What Python's Jinja2 has and minijinja has not: methods of texts, and formatting with `%`.

mod methods;
mod percent;
mod tags;

use minijinja::Environment;

pub(crate) use tags::without_slices;

/// Lets templates call the methods of Python's texts, lists and dictionaries.
pub(crate) fn add_methods(environment: &mut Environment<'_>) {
    environment.set_unknown_method_callback(methods::call);
}

/// Returns a template of Jinja2 as one of minijinja: `'%d of %d' % (a, b)` becomes a call of the filter `format`.
pub(crate) fn as_minijinja(source: &str) -> String {
    tags::mapped(source, percent::as_filter)
}
