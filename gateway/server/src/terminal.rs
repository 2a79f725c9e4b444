//! Whether the terminal that a process was started from is still there. SIGHUP means both "your
//! terminal is gone" and "read your files again".

use std::fs::File;
use std::sync::LazyLock;

/// The terminal of this process's session, under a name that every process has for its own.
const OWN: &str = "/dev/tty";

static HAD_ONE: LazyLock<bool> = LazyLock::new(is_there);

fn is_there() -> bool {
    File::open(OWN).is_ok()
}

/// Remembers whether there is one: to be called before a signal can come.
pub(crate) fn remember() {
    LazyLock::force(&HAD_ONE);
}

/// Whether there was one and is none any more.
pub(crate) fn is_gone() -> bool {
    *HAD_ONE && !is_there()
}
