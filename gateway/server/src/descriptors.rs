//! File descriptors: as many as the system allows, and some kept from callers, so that health probes,
//! the ledger and connections to providers never lack one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Callers leave this part of the descriptors to everything else.
const KEPT_PART: u64 = 4;

/// Raises the process's limit to what the system allows it; what it does not allow is no fault.
pub(crate) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
    {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// Descriptor number from which no connection of a caller is kept.
pub(crate) fn for_connections() -> i32 {
    let open_max = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    i32::try_from(open_max - open_max / KEPT_PART).unwrap_or(i32::MAX)
}
