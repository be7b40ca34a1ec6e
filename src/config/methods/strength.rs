//! Where the default numbers of an optimizer come from.

use serde::{Serialize, Serializer};

use crate::config::named::{Named, named};

named! {
    /// The defaults of all keys of an optimizer's table that are left out.
    Strength {
        /// The numbers of the paper, or of its authors' code.
        Reference = "reference",
        /// Smaller numbers, for budgets of a few hundred rollouts.
        Small = "small",
    }
}
