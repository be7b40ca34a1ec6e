//! Passes the versions of llama.cpp's binding and kernels to the code, which names them in the fingerprint of a run.
//!
//! Both crates are pinned exactly in `Cargo.toml`, so the pins are the versions that cargo compiles. The attention has a version of
//! its own, because `scripts/build/attention.cpp` may replace llama.cpp's.

#![allow(clippy::print_stdout, reason = "cargo reads the output of a build script")]

fn main() -> Result<(), String> {
    println!("cargo::rerun-if-changed=Cargo.toml");
    let manifest = std::fs::read_to_string("Cargo.toml").map_err(|error| format!("cannot read Cargo.toml: {error}"))?;
    for (dependency, variable) in [("llama-cpp-2", "LLAMA_CPP_2_VERSION"), ("llama-cpp-sys-2", "LLAMA_CPP_SYS_2_VERSION")] {
        let version = pinned_version(&manifest, dependency)
            .ok_or_else(|| format!("Cargo.toml must pin `{dependency}` exactly: version = \"=x.y.z\""))?;
        println!("cargo::rustc-env={variable}={version}");
    }
    // Set in `.cargo/config.toml`, together with the file that replaces llama.cpp's attention.
    println!("cargo::rerun-if-env-changed=GGML_PREFIX_ATTENTION");
    let attention = match std::env::var("GGML_PREFIX_ATTENTION") {
        Ok(version) => format!("prefix attention {version}"),
        Err(_) => "llama.cpp's attention".to_owned(),
    };
    println!("cargo::rustc-env=LLAMA_ATTENTION={attention}");
    Ok(())
}

/// Returns the version behind `version = "=` of a dependency. The manifest has one line for the dependency, or, once cargo has
/// packaged it, one table.
fn pinned_version<'m>(manifest: &'m str, dependency: &str) -> Option<&'m str> {
    let entry = match manifest.split_once(&format!("\n{dependency} = {{")) {
        Some((_, rest)) => rest.split('\n').next()?,
        None => manifest.split_once(&format!("\n[dependencies.{dependency}]\n"))?.1.split("\n[").next()?,
    };
    Some(entry.split_once("version = \"=")?.1.split_once('"')?.0)
}
