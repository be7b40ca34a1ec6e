//! Values that a task file gives by name.

use super::section::{Section, nearest};

/// A choice with a name for each possibility.
pub(super) trait Named: Copy + PartialEq + 'static {
    const NAMES: &'static [(&'static str, Self)];

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, value)| *value == self).map_or("", |(name, _)| name)
    }
}

/// The choice at `key`, or `default`; an unknown name is a problem.
pub(super) fn choice<T: Named>(section: &Section<'_>, key: &'static str, default: T) -> T {
    given(section, key).unwrap_or(default)
}

/// The choice at `key`, where there is one; an unknown name is a problem.
pub(super) fn given<T: Named>(section: &Section<'_>, key: &'static str) -> Option<T> {
    let text = section.text(key)?;
    let known = T::NAMES.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    if known.is_none() {
        let names: Vec<&str> = T::NAMES.iter().map(|(name, _)| *name).collect();
        section.problem(key, format!("there is no `{text}`; {}", nearest(&text, &names)));
    }
    known
}
