//! The option that names a split.

use clap::ValueEnum;
use gepard::data::split::Split;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum SplitName {
    Train,
    Val,
    Test,
}

impl From<SplitName> for Split {
    fn from(name: SplitName) -> Self {
        match name {
            SplitName::Train => Self::Train,
            SplitName::Val => Self::Val,
            SplitName::Test => Self::Test,
        }
    }
}
