//! All tests that need no model: one binary, so that it is linked once.
//!
//! A new test goes into the file of its subject: what is typed on the command line into `command_line`, a whole run with the
//! scripted engine into `whole_runs` or `search`, a method into `optimizers`, a task file's data into `task_data`. A test that
//! loads a GGUF file through llama.cpp goes into `tests/real_model`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod support;

mod bad_input;
mod black_box;
mod code;
mod command_line;
mod commands;
mod comparison;
mod conformance;
mod datasets;
mod deployment;
mod docs;
mod doctor;
mod dspy_optimizers;
mod early_errors;
mod export;
mod feedback;
mod init;
mod large_data;
mod method_keys;
mod method_numbers;
mod optimizers;
mod outside_metrics;
mod own_program;
mod pinned_run;
mod predict;
mod programs;
mod race;
mod report;
mod report_size;
mod safety;
mod search;
mod tables;
mod task_data;
mod tokenizer;
mod weights;
mod whole_runs;
