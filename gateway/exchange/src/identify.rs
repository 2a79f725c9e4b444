//! Who calls: the client certificate names a registered system, the token must be bound to it.

use http::header::AUTHORIZATION;
use sluice_domain::{Caller, Code, Refusal};

use crate::visit::Visit;

impl Visit<'_> {
    /// The registered system behind certificate and token.
    ///
    /// Everything that may have changed since the handshake is checked again: TLS sessions are
    /// resumed without it.
    ///
    /// # Errors
    /// An `identity.*` refusal, in the contract's order.
    pub(crate) fn identify(&self) -> Result<Caller, Refusal> {
        let snapshot = &self.view.snapshot;
        // A certificate that ended during a connection is treated as one that was taken back.
        if snapshot.revocations.is_revoked(self.peer) || !self.peer.is_current(self.now_s) {
            return Err(Code::IdentityCertificateRevoked.into());
        }
        let system = self.system.ok_or(Code::IdentityUnknownSystem)?;
        let registered = snapshot.policy.system(system).ok_or(Code::IdentityUnknownSystem)?;
        let token = self.bearer().ok_or(Code::IdentityTokenMissing)?;
        let verified = self.worker.verifier().verify(&snapshot.tokens, token)?;
        verified.holds_for(registered.id.as_str(), &self.peer.fingerprint, snapshot.tokens.leeway_s, self.now_s)?;
        Ok(Caller { system, party: registered.party })
    }

    /// The token of `Authorization: Bearer`; the scheme is case-insensitive (RFC 9110 §11.1).
    fn bearer(&self) -> Option<&[u8]> {
        let value = self.head.headers.get(AUTHORIZATION)?.as_bytes();
        let (scheme, token) = value.split_at_checked(b"bearer ".len())?;
        let token = token.trim_ascii();
        (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
    }
}
