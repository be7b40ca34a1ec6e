//! The journal: the append-only record of a run, and its replay.
//!
//! Every answer that took time is appended before the optimizer sees it. To resume, the optimizer starts again with the same
//! seed, and the journal answers it until there are no more records.
//!
//! A line of `journal.jsonl` is `{"crc":"…","record":{…}}`; `crc` is the CRC-32 of the record's bytes in hexadecimal. The first
//! record has the version of the format and the run's fingerprint. A last line without a line feed was torn by a crash and is
//! dropped. Anything else that is damaged is an error that names the line.
//!
//! Only the position of a record is kept in memory; a record that is needed again is read again.

mod file;
mod fingerprint;
mod line;
mod predictions;
mod read;
mod record;
mod version;

pub use file::{Journal, RecordId};
pub use fingerprint::recorded_fingerprint;
pub use predictions::{PredictionJournal, SubWavePredictions};
pub use read::read;
pub use record::{CandidateExamples, Limits, Record, SubWaveRequest};
pub use version::VERSION;

#[cfg(test)]
mod tests;
