//! Named points at which a debug build can be told to abort, as a power cut would.
//!
//! Random kills seldom hit the instant between two writes; the crash tests name it. A
//! release build holds none of this: [`point`] is empty there.

/// Aborts the process if `TALLYLIGHT_ABORT_AT` names this point: `name`, or `name:3` for its third time.
#[cfg(debug_assertions)]
pub(crate) fn point(name: &str) {
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex};

    static WANTED: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
        let wanted = std::env::var("TALLYLIGHT_ABORT_AT").ok()?;
        let (name, time) = wanted.split_once(':').unwrap_or((&wanted, "1"));
        Some((name.to_owned(), time.parse().ok()?))
    });
    static PASSED: LazyLock<Mutex<HashMap<String, u32>>> = LazyLock::new(Mutex::default);

    let Some((wanted, time)) = WANTED.as_ref().filter(|(wanted, _)| wanted == name) else {
        return;
    };
    let mut passed = PASSED
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let count = passed.entry(wanted.clone()).or_default();
    *count += 1;
    if *count == *time {
        std::process::abort();
    }
}

/// Nothing: release builds cannot be told to abort.
#[cfg(not(debug_assertions))]
pub(crate) fn point(_name: &str) {}
