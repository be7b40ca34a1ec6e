//! The names of choices in a task file.

use crate::engine::memory::CacheType;
use crate::metric::{Counting, Fetched, Normalization, Passing};
use crate::program::layout::{Cue, Examples, Fields, Turn};

/// An enum whose values a task file gives by name.
pub(super) trait Named: Copy + 'static {
    /// All names with their values.
    const NAMES: &'static [(&'static str, Self)];
}

impl Named for CacheType {
    const NAMES: &'static [(&'static str, Self)] = &[("f16", Self::F16), ("q8_0", Self::Q8)];
}

impl Named for Counting {
    const NAMES: &'static [(&'static str, Self)] =
        &[("loose", Self::Loose), ("strict", Self::Strict), ("loose-all", Self::LooseAll), ("strict-all", Self::StrictAll)];
}

impl Named for Fetched {
    const NAMES: &'static [(&'static str, Self)] = &[("recall", Self::Recall), ("f1", Self::F1)];
}

impl Named for Normalization {
    const NAMES: &'static [(&'static str, Self)] = &[("text", Self::Text), ("hotpotqa", Self::Hotpotqa)];
}

impl Named for Passing {
    const NAMES: &'static [(&'static str, Self)] = &[("share", Self::Share), ("all", Self::All)];
}

impl Named for Turn {
    const NAMES: &'static [(&'static str, Self)] = &[("user", Self::User), ("system", Self::System), ("below", Self::Below)];
}

impl Named for Fields {
    const NAMES: &'static [(&'static str, Self)] = &[("labelled", Self::Labelled), ("bare", Self::Bare)];
}

impl Named for Cue {
    const NAMES: &'static [(&'static str, Self)] = &[("label", Self::Label), ("begun", Self::Begun), ("none", Self::None)];
}

impl Named for Examples {
    const NAMES: &'static [(&'static str, Self)] = &[("turns", Self::Turns), ("text", Self::Text)];
}

/// Defines an enum whose variants have names in a task file.
macro_rules! named {
    ($(#[$about:meta])* $type:ident { $($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $type { $($(#[$doc])* $variant),+ }

        impl $type {
            /// All variants, in the order of the enum.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the name of the variant in a task file.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
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
pub(super) use named;
