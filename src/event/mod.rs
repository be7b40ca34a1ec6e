//! The events of a run: everything that the library reports while it works.
//!
//! The terminal, the JSON stream (`--progress json`), the journal and the report all read these types. The library itself
//! never prints. An [`Event`] is either a [`Decision`] of the optimizer, which the journal stores and a replay must repeat,
//! or a [`Lifecycle`] event, which is only reported.

/// Defines an enum of variants without fields, each with a fixed text, by which JSON and messages name it.
macro_rules! text_enum {
    ($(#[$about:meta])* $type:ident { $($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $type { $($(#[$doc])* #[serde(rename = $text)] $variant),+ }

        impl $type {
            /// All variants, in the order of their definition.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the text of this variant, in JSON and in messages.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.text())
            }
        }
    };
}

mod decision;
mod lifecycle;
mod origin;
mod stop_reason;
#[cfg(test)]
pub(crate) mod tests;
mod unusable;

use serde::{Deserialize, Serialize};

pub use self::decision::{Behind, Decision};
pub use self::lifecycle::{Lifecycle, Purpose};
pub use self::origin::{MethodStep, Origin};
pub use self::stop_reason::StopReason;
pub use self::unusable::Unusable;

/// One thing that happened in a run. Its JSON is that of the decision or the life-cycle event alone: an object whose field
/// `event` names the variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "an event of a run")]
pub enum Event {
    /// A decision of the optimizer.
    Decision(Decision),
    /// Anything else, such as the progress of a wave.
    Lifecycle(Lifecycle),
}

impl From<Decision> for Event {
    fn from(decision: Decision) -> Self {
        Self::Decision(decision)
    }
}

impl From<Lifecycle> for Event {
    fn from(event: Lifecycle) -> Self {
        Self::Lifecycle(event)
    }
}
