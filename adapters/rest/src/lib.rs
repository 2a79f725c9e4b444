//! System docking by REST (系统对接): a provider's HTTP interface, declared in a binding, without code.
//!
//! What is sent comes from the binding's templates, what comes back is checked here as far as HTTP
//! goes (status, type, size, encoding) and left unread: the exchange reads it with the binding's
//! layout. Redirects are not followed, nothing is decompressed, no cookie is kept.

mod adapter;
mod binding;
mod request;
mod response;

pub use binding::{RestBinding, RestError};
