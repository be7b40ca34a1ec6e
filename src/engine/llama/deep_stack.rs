//! Runs llama.cpp's tokenizers on a stack that is deep enough: some of them recurse at each character (`std::regex`).

/// The stack of a thread that tokenizes, in bytes. Only the pages that are touched take memory.
pub(super) const STACK_BYTES: usize = 256 << 20;

/// The length of a text, in bytes, from which it is tokenized on a thread of its own.
const LONG_TEXT: usize = 4096;

/// Runs `tokenize`, which tokenizes a text of `bytes` bytes. A long text is tokenized on a new thread with a deep stack. If no
/// thread can be started, the current one is used.
pub(super) fn on_deep_stack<T: Send>(bytes: usize, tokenize: impl Fn() -> T + Sync) -> T {
    if bytes < LONG_TEXT {
        return tokenize();
    }
    let tokens = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, &tokenize).ok()?;
        thread.join().ok()
    });
    tokens.unwrap_or_else(tokenize)
}
