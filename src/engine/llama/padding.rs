//! Pads batches, so that the arithmetic of a row does not depend on the other rows of its batch.
//!
//! On a CPU, llama.cpp multiplies all rows of a batch by the same kernel, but it chooses the kernel by the number of rows: a
//! single row has another kernel than two (`llamafile_sgemm`, AMX), K-quants have another below eight rows
//! (`ggml_tiled_min_batch`), and repacked weights take rows by fours and the remaining rows singly (`forward_mul_mat_one_chunk`).
//! Each kernel rounds in its own order. So a batch is padded with rows whose results nobody uses, until only one kernel is chosen.

use crate::gguf::{Header, TensorType};

/// The numbers of rows for which llama.cpp chooses the same kernel. They hold for the rows of a batch, and for those of its rows
/// whose logits are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowPadding {
    /// The fewest rows.
    least: usize,
    /// The number of rows is a multiple of this.
    multiple: usize,
}

impl RowPadding {
    /// The most rows that are added to a batch: up to the fewest rows for the logits, and from there to a multiple.
    pub(super) const MOST_ADDED: usize = Self::ANY_TYPE.least + Self::ANY_TYPE.multiple;

    /// The padding that suits every type of weights.
    const ANY_TYPE: Self = Self { least: 8, multiple: 4 };

    /// The padding for types of weights for which only a single row has another kernel.
    const PLAIN_TYPES: Self = Self { least: 2, multiple: 1 };

    /// Chooses the padding for the weights of a model and of its adapters.
    pub(super) fn for_weights<'h>(headers: impl IntoIterator<Item = &'h Header>) -> Self {
        // F32, F16, Q4_1, Q5_0, Q5_1, Q8_0 and BF16 are neither repacked nor tiled on this architecture.
        let is_plain = |kind: TensorType| cfg!(target_arch = "x86_64") && [0, 1, 3, 6, 7, 8, 30].contains(&kind.0);
        if headers.into_iter().flat_map(|header| &header.tensors).all(|tensor| is_plain(tensor.kind)) {
            Self::PLAIN_TYPES
        } else {
            Self::ANY_TYPE
        }
    }

    /// Computes the padding of a batch of `rows`, of which the logits of `with_logits` are needed. To pad the rows with logits,
    /// logits are computed for other rows of the batch first; only if there are too few of these, rows are added.
    pub(super) fn padding(self, rows: usize, with_logits: usize) -> Padding {
        let padded = |count: usize| count.max(self.least).next_multiple_of(self.multiple);
        let wanted = if with_logits == 0 { 0 } else { padded(with_logits) - with_logits };
        let extra_logits = wanted.min(rows - with_logits);
        let added_with_logits = wanted - extra_logits;
        Padding { extra_logits, added_with_logits, added: padded(rows + added_with_logits) - rows }
    }
}

/// What is added to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Padding {
    /// Rows of the batch whose logits are computed in addition.
    pub(super) extra_logits: usize,
    /// Rows to add whose logits are computed.
    pub(super) added_with_logits: usize,
    /// Rows to add, with or without logits.
    pub(super) added: usize,
}

/// The value in the fingerprint.
impl std::fmt::Display for RowPadding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} by {}", self.least, self.multiple)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NONE: Padding = Padding { extra_logits: 0, added_with_logits: 0, added: 0 };

    #[test]
    fn a_batch_with_enough_rows_is_not_padded() {
        assert_eq!(RowPadding::ANY_TYPE.padding(64, 32), NONE);
        assert_eq!(RowPadding::PLAIN_TYPES.padding(2, 2), NONE);
        assert_eq!(RowPadding::PLAIN_TYPES.padding(256, 0), NONE);
    }

    #[test]
    fn a_single_answer_is_padded_with_added_rows() {
        assert_eq!(RowPadding::ANY_TYPE.padding(1, 1), Padding { added_with_logits: 7, added: 7, ..NONE });
        assert_eq!(RowPadding::PLAIN_TYPES.padding(1, 1), Padding { added_with_logits: 1, added: 1, ..NONE });
    }

    #[test]
    fn logits_of_prompt_rows_are_computed_before_rows_are_added() {
        assert_eq!(RowPadding::ANY_TYPE.padding(256, 1), Padding { extra_logits: 7, ..NONE });
        assert_eq!(RowPadding::ANY_TYPE.padding(30, 1), Padding { extra_logits: 7, added: 2, ..NONE });
        assert_eq!(RowPadding::ANY_TYPE.padding(6, 3), Padding { extra_logits: 3, added_with_logits: 2, added: 2 });
    }

    proptest! {
        #[test]
        fn padded_batches_have_numbers_of_rows_that_share_a_kernel(rows in 1..300_usize, share in 0..=100_usize, plain: bool) {
            let kinds = if plain { RowPadding::PLAIN_TYPES } else { RowPadding::ANY_TYPE };
            let with_logits = rows * share / 100;
            let Padding { extra_logits, added_with_logits, added } = kinds.padding(rows, with_logits);
            prop_assert!(added_with_logits <= added && added <= RowPadding::MOST_ADDED && extra_logits <= rows - with_logits);
            for count in [rows + added, with_logits + extra_logits + added_with_logits] {
                prop_assert!(count == 0 || count >= kinds.least && count % kinds.multiple == 0);
            }
        }
    }
}
