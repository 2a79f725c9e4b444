//! Measures Sluice beside HAProxy and nginx on one machine, in one run.
//!
//! The figure that decides is the proxy's CPU time per request; everything here exists so that it is honest:
//! a generator that speaks mTLS and checks every answer (`load`), an upstream that costs next to nothing
//! (`upstream`), keys and tokens that serve every gateway alike (`pki`, `tokens`), the kernel's own accounts of CPU
//! time (`proc_cpu`), and a report that says when a row is not worth its number (`report`).

pub mod answers;
pub mod clock;
pub mod fsync;
pub mod latency;
pub mod load;
pub mod pki;
pub mod proc_cpu;
pub mod report;
pub mod statistics;
pub mod tokens;
pub mod upstream;
