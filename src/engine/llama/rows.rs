//! How many rows a batch has, so that what a row comes to is the same whatever stands beside it.
//!
//! On a CPU, llama.cpp multiplies by the same kernel for every row of a batch, but which kernel that is depends on how many rows
//! there are: one row alone goes another way than two (`llamafile_sgemm`, AMX), K-quants go another way below eight rows
//! (`ggml_tiled_min_batch`), and repacked weights take rows by fours and what is left over singly (`forward_mul_mat_one_chunk`).
//! Each of them rounds in its own order. So a batch is filled up with rows that nobody reads.

use crate::gguf::{Header, TensorType};

/// The numbers of rows that are multiplied by the same kernel, whole batches and the answers in them alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rows {
    least: usize,
    multiple: usize,
}

impl Rows {
    /// Rows that are added at most: up to the least number in answers, and from there to a multiple.
    pub(super) const MOST_ADDED: usize = Self::ALL.least + Self::ALL.multiple;

    /// For every type of weights.
    const ALL: Self = Self { least: 8, multiple: 4 };

    /// For types of which only a single row goes another way.
    const PLAIN: Self = Self { least: 2, multiple: 1 };

    /// For the weights of a file.
    pub(super) fn of(header: &Header) -> Self {
        // F32, F16, Q4_1, Q5_0, Q5_1, Q8_0 and BF16 are neither repacked nor tiled on this architecture.
        let plain = |kind: TensorType| cfg!(target_arch = "x86_64") && [0, 1, 3, 6, 7, 8, 30].contains(&kind.0);
        if header.tensors.iter().all(|tensor| plain(tensor.kind)) { Self::PLAIN } else { Self::ALL }
    }

    /// What a batch of `rows`, of which `answers` are read, needs. Rows of it that nobody reads can be read as well; only where
    /// there are too few of them, rows are added.
    pub(super) fn missing(self, rows: usize, answers: usize) -> Missing {
        let up = |count: usize| count.max(self.least).next_multiple_of(self.multiple);
        let wanted = if answers == 0 { 0 } else { up(answers) - answers };
        let read_too = wanted.min(rows - answers);
        let like_answers = wanted - read_too;
        Missing { read_too, like_answers, rows: up(rows + like_answers) - rows }
    }
}

/// What fills a batch up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Missing {
    /// Rows of its own to be read like the answers.
    pub(super) read_too: usize,
    /// Rows to be added and read.
    pub(super) like_answers: usize,
    /// Rows to be added, those among them.
    pub(super) rows: usize,
}

impl std::fmt::Display for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} by {}", self.least, self.multiple)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn missing(kinds: Rows, rows: usize, answers: usize) -> (usize, usize, usize) {
        let Missing { read_too, like_answers, rows } = kinds.missing(rows, answers);
        (read_too, like_answers, rows)
    }

    #[test]
    fn a_batch_that_is_full_stays_as_it_is() {
        assert_eq!(missing(Rows::ALL, 64, 32), (0, 0, 0));
        assert_eq!(missing(Rows::PLAIN, 2, 2), (0, 0, 0));
        assert_eq!(missing(Rows::PLAIN, 256, 0), (0, 0, 0));
    }

    #[test]
    fn an_answer_alone_is_filled_up() {
        assert_eq!(missing(Rows::ALL, 1, 1), (0, 7, 7));
        assert_eq!(missing(Rows::PLAIN, 1, 1), (0, 1, 1));
    }

    #[test]
    fn rows_of_prompts_are_read_before_any_is_added() {
        assert_eq!(missing(Rows::ALL, 256, 1), (7, 0, 0));
        assert_eq!(missing(Rows::ALL, 30, 1), (7, 0, 2));
        assert_eq!(missing(Rows::ALL, 6, 3), (3, 2, 2));
    }

    proptest! {
        #[test]
        fn rows_and_answers_come_to_numbers_that_share_a_kernel(rows in 1..300_usize, share in 0..=100_usize, plain: bool) {
            let kinds = if plain { Rows::PLAIN } else { Rows::ALL };
            let answers = rows * share / 100;
            let Missing { read_too, like_answers, rows: added } = kinds.missing(rows, answers);
            prop_assert!(like_answers <= added && added <= Rows::MOST_ADDED && read_too <= rows - answers);
            for count in [rows + added, answers + read_too + like_answers] {
                prop_assert!(count == 0 || count >= kinds.least && count % kinds.multiple == 0);
            }
        }
    }
}
