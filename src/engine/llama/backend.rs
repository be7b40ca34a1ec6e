//! The global state of llama.cpp: its back ends, its devices, and the text that identifies this build.

use std::sync::OnceLock;

use llama_cpp_2::LlamaBackendDeviceType;
use llama_cpp_2::llama_backend::LlamaBackend;

use crate::engine::error::EngineError;
use crate::engine::memory::Machine;
use crate::engine::settings::Device;

/// The binding and the kernels, with the versions that `Cargo.toml` pins, and the attention. Answers differ between versions of
/// the kernels.
const VERSIONS: &str = concat!(
    "llama-cpp-2 ",
    env!("LLAMA_CPP_2_VERSION"),
    ", llama-cpp-sys-2 ",
    env!("LLAMA_CPP_SYS_2_VERSION"),
    ", ",
    env!("LLAMA_ATTENTION")
);

/// Returns llama.cpp's global state, which is created once a process. Its log is off, because a library never prints.
pub(super) fn backend() -> Result<&'static LlamaBackend, EngineError> {
    static BACKEND: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
    let backend = BACKEND.get_or_init(|| {
        #[cfg(feature = "dynamic-backends")]
        load_backends();
        let mut backend = LlamaBackend::init().map_err(|e| e.to_string())?;
        backend.void_logs();
        Ok(backend)
    });
    backend.as_ref().map_err(|cause| EngineError::Backend { doing: "starting up", cause: cause.clone() })
}

/// Loads llama.cpp's back ends from the folder `backends` beside the program or, if there is none, from the folder in which they
/// were built. Of those for CPUs, llama.cpp chooses the best for this CPU.
///
/// llama.cpp's default would search the working directory as well, where other people may put libraries.
#[cfg(feature = "dynamic-backends")]
fn load_backends() {
    extern "C" fn silent(_: llama_cpp_sys_2::ggml_log_level, _: *const std::ffi::c_char, _: *mut std::ffi::c_void) {}
    // SAFETY: `silent` is a function with the signature that llama.cpp calls. It reads none of its arguments.
    #[allow(unsafe_code)]
    unsafe {
        llama_cpp_sys_2::llama_log_set(Some(silent), std::ptr::null_mut());
    }
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join("backends")));
    match beside.filter(|folder| folder.is_dir() && folder.to_str().is_some()) {
        Some(folder) => llama_cpp_2::llama_backend::load_backends_from_path(&folder),
        None => llama_cpp_2::llama_backend::load_backends(),
    }
}

/// Returns the versions of the binding and the kernels, and the instruction sets and back ends of this build as llama.cpp lists
/// them.
#[must_use]
pub fn build_features() -> String {
    static FEATURES: OnceLock<String> = OnceLock::new();
    FEATURES.get_or_init(read_build_features).clone()
}

/// Reads the text of [`build_features`] from llama.cpp.
fn read_build_features() -> String {
    // Back ends that are libraries must be loaded before llama.cpp can list their features.
    #[cfg(feature = "dynamic-backends")]
    drop(backend());
    // SAFETY: the function takes no argument. It returns a pointer to a static, NUL-terminated buffer that llama.cpp fills anew at
    // each call. Only this function calls it, and it runs once a process, so the buffer does not change while it is read.
    #[allow(unsafe_code)]
    let text = unsafe { std::ffi::CStr::from_ptr(llama_cpp_sys_2::llama_print_system_info()) };
    let text = text.to_string_lossy();
    let is_on = |part: &&str| !part.trim().is_empty() && !part.trim().ends_with("= 0");
    let parts: Vec<&str> = text.split('|').filter(is_on).map(str::trim).collect();
    format!("{VERSIONS}; {}", parts.join(", "))
}

/// Returns the devices that llama.cpp finds. It is empty if llama.cpp cannot be started.
#[must_use]
pub fn devices() -> Vec<Device> {
    // Back ends that are libraries must be loaded before llama.cpp can list their devices.
    drop(backend());
    let device = |device: llama_cpp_2::LlamaBackendDevice| Device {
        name: format!("{}: {}", device.name, device.description),
        memory: device.memory_total as u64,
    };
    llama_cpp_2::list_llama_ggml_backend_devices().into_iter().map(device).collect()
}

/// Returns the memory that models may take on this machine. `ram` replaces the share of the main memory.
pub(super) fn machine(backend: &LlamaBackend, ram: Option<u64>) -> Machine {
    let devices = llama_cpp_2::list_llama_ggml_backend_devices();
    let free_on = |kind| devices.iter().filter(|device| device.device_type == kind).map(|device| device.memory_free as u64).sum();
    // llama.cpp uses integrated GPUs only if there is no other GPU.
    let free: u64 = match free_on(LlamaBackendDeviceType::Gpu) {
        0 => free_on(LlamaBackendDeviceType::IntegratedGpu),
        free => free,
    };
    let machine = Machine::current(backend.supports_gpu_offload().then_some(free));
    Machine { ram: ram.unwrap_or(machine.ram), ..machine }
}

#[cfg(test)]
mod tests {
    use super::build_features;

    #[test]
    fn the_build_names_the_pinned_versions_of_binding_and_kernels() {
        let manifest: toml::Table = include_str!("../../../Cargo.toml").parse().unwrap();
        for dependency in ["llama-cpp-2", "llama-cpp-sys-2"] {
            let pin = manifest["dependencies"][dependency]["version"].as_str().unwrap();
            let named = format!("{dependency} {}", pin.strip_prefix('=').unwrap());
            assert!(build_features().contains(&named), "{named} is not in {}", build_features());
        }
    }
}
