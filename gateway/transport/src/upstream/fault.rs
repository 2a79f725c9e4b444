//! How a call to a provider fails.

use thiserror::Error;

/// Why a provider gave no usable answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UpstreamFault {
    /// No connection; the request was not sent.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(UnreachableKind),
    /// The deadline passed.
    #[error("the provider did not answer in time")]
    Timeout {
        /// Whether the request may have arrived.
        sent: bool,
    },
    /// The connection broke or the answer is not HTTP; the request may have arrived.
    #[error("the provider's answer broke off or is not well-formed HTTP")]
    Broken {
        /// Whether anything of an answer had arrived.
        answered: bool,
        /// Whether the connection had served before: then it may only have been closed meanwhile.
        reused: bool,
    },
    /// The answer is larger than allowed.
    #[error("the provider's answer is larger than {bytes_max} bytes")]
    TooLarge {
        /// Largest allowed.
        bytes_max: usize,
    },
    /// The request's own body broke off while it was passed on.
    #[error("the request's body broke off")]
    Interrupted,
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UnreachableKind {
    /// The name has no address.
    #[error("its name cannot be resolved")]
    Unresolved,
    /// Nobody listens.
    #[error("the connection was refused")]
    Refused,
    /// No answer to the connect or to the handshake in time.
    #[error("the connection was not made in time")]
    ConnectTimeout,
    /// The TLS handshake failed.
    #[error("the TLS handshake failed")]
    Tls,
    /// Not an address that may be called: barred by the egress rule, or public and without TLS.
    #[error("its address may not be called, or not in plain HTTP")]
    Forbidden,
    /// Every connection is in use and enough requests wait.
    #[error("too many requests wait for a connection")]
    Busy,
    /// Anything else, such as no route.
    #[error("the network reported an error")]
    Network,
}
