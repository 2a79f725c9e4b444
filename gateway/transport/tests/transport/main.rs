//! The edge over real sockets and real TLS.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod body;
mod cost;
mod drain;
mod edge;
mod framing;
mod fuzz;
mod limits;
mod problem;
mod provider;
mod site;
mod tls;
mod upstream;
