//! System docking by REST (系统对接): a provider's HTTP interface, declared in a binding, without code.
//!
//! What is sent comes from the binding's templates; what comes back is judged with the binding's layout and read by the
//! exchange. Redirects are not followed, nothing is decompressed, no cookie is kept.
//!
//! A question, file by file: `adapter` → `call` (may the provider be asked now, and which instance) → `pages` (as many
//! answers as it takes) → `request` (the binding's templates) → `authority` (proof of who asks) → the upstream pool.
//! A call of a declared operation: `forward` → `outgoing` → the upstream pool.

mod adapter;
mod authority;
mod binding;
mod call;
mod fault;
mod forward;
mod outgoing;
mod pages;
mod request;
mod token;
mod upkeep;

pub use binding::{RestBinding, RestError};
