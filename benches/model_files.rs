//! Reading a model file's header and SHA-256 through a memory map and through `read`, in turns. Argument: FILE [REPETITIONS].
//! Prints the seconds of each pass as JSON.

#![allow(missing_docs, clippy::print_stdout)]

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use serde_json::json;
use sha2::{Digest, Sha256};

/// The size of the buffer with which files were read before, in bytes.
const PIECE: usize = 1 << 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cargo bench` adds an argument of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let Some(file) = arguments.first() else { return Ok(()) };
    let path = Path::new(file);
    let repetitions = arguments.get(1).map_or(Ok(5), |count| count.parse::<usize>())?;
    let (mut mapped, mut read, mut header) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..repetitions {
        let start = Instant::now();
        gepard::gguf::read(path)?;
        header.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let by_map = gepard::models::sha256(path)?;
        mapped.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let by_read = sha256_by_reading(path)?;
        read.push(start.elapsed().as_secs_f64());
        assert_eq!(by_map, by_read);
    }
    for times in [&mut mapped, &mut read, &mut header] {
        times.sort_by(f64::total_cmp);
    }
    let result = json!({ "bytes": path.metadata()?.len(), "hash, map": mapped, "hash, read": read, "header, map": header });
    println!("{result:#}");
    Ok(())
}

fn sha256_by_reading(path: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let mut file = File::open(path)?;
    let (mut digest, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(gepard::hash::hex(&digest.finalize())),
            filled => digest.update(&piece[..filled]),
        }
    }
}
