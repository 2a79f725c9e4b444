//! The token of a provider that wants OAuth2 client credentials: fetched once for all workers, ahead of need.
//!
//! Whoever first needs one fetches it, the others wait for the same answer; if that caller goes away meanwhile, a
//! waiting one takes over. A failure is shared too: a token endpoint that is down is not asked once for each caller.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderValue, StatusCode};
use http_body_util::Full;
use sluice_contract::credentials::OAuth2;
use sluice_transport::clock;
use sluice_transport::upstream::{Upstream, UpstreamFault};
use tokio::sync::Notify;
use tokio::time::timeout_at;

/// What a token endpoint may answer with.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Lifetime of a token whose endpoint names none.
const LIFETIME: Duration = Duration::from_mins(5);

/// Why there is no token. The endpoint's own words never get this far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoToken {
    /// No answer.
    #[error("the token endpoint gave no answer: {0}")]
    Unanswered(UpstreamFault),
    /// Our credentials, or the way in which they are sent, are wrong.
    #[error("the token endpoint refused with status {0}")]
    Refused(StatusCode),
    /// Something else than a bearer token.
    #[error("the token endpoint's answer holds no bearer token")]
    Unreadable,
    /// Another caller has just failed to get one.
    #[error("the token could not be fetched")]
    Shared,
    /// Not in time.
    #[error("no token in time")]
    Late,
}

/// The token of one binding, shared by all workers.
#[derive(Default)]
pub(crate) struct Tokens {
    held: Mutex<Held>,
    changed: Notify,
}

#[derive(Default)]
struct Held {
    token: Option<Token>,
    /// Tokens so far, to tell a new one from the one that was refused.
    issued: u64,
    failures: u64,
    is_fetching: bool,
}

/// A token to be sent.
#[derive(Clone)]
pub(crate) struct Token {
    /// Value of `Authorization`.
    pub(crate) authorization: HeaderValue,
    number: u64,
    refresh_at: Instant,
    ends_at: Instant,
}

enum Found<'t> {
    Token(Token),
    /// Nobody fetches one: the finder has to.
    Mine(Fetching<'t>),
    /// Somebody fetches one; so many attempts had failed before.
    Theirs(u64),
}

impl Tokens {
    /// A token that can be used now. Cancel safe.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn current(
        &self,
        oauth2: &OAuth2,
        upstream: &Upstream,
        deadline: Instant,
    ) -> Result<Token, NoToken> {
        loop {
            // Made before the look, so that no change between the two is missed.
            let changed = self.changed.notified();
            match self.find() {
                Found::Token(token) => return Ok(token),
                Found::Mine(fetching) => return fetching.fetch(oauth2, upstream, deadline).await,
                Found::Theirs(failures) => {
                    timeout_at(deadline.into(), changed).await.map_err(|_| NoToken::Late)?;
                    let held = self.held();
                    if held.failures > failures && held.token.is_none() {
                        return Err(NoToken::Shared);
                    }
                }
            }
        }
    }

    /// Forgets a token that the provider refused, unless there is a newer one already.
    pub(crate) fn refused(&self, token: &Token) {
        let mut held = self.held();
        if held.token.as_ref().is_some_and(|current| current.number == token.number) {
            held.token = None;
        }
    }

    /// Fetches the next token before the present one ends, so that no call has to wait; nothing to do before that,
    /// or as long as nobody has needed one.
    pub(crate) async fn refresh(&self, oauth2: &OAuth2, upstream: &Upstream) -> Result<(), NoToken> {
        let is_due = self.held().token.as_ref().is_some_and(|token| clock::now() >= token.refresh_at);
        let Some(fetching) = is_due.then(|| Fetching::begin(self, &mut self.held())).flatten() else { return Ok(()) };
        fetching.fetch(oauth2, upstream, clock::now() + FETCH_MAX).await.map(drop)
    }

    fn find(&self) -> Found<'_> {
        let mut held = self.held();
        if let Some(token) = held.token.as_ref().filter(|token| clock::now() < token.ends_at) {
            return Found::Token(token.clone());
        }
        match Fetching::begin(self, &mut held) {
            Some(fetching) => Found::Mine(fetching),
            None => Found::Theirs(held.failures),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Longest time to fetch a token that nobody waits for.
const FETCH_MAX: Duration = Duration::from_secs(10);

/// Held by the one that fetches; given back when it ends or is given up.
struct Fetching<'t>(&'t Tokens);

impl<'t> Fetching<'t> {
    fn begin(tokens: &'t Tokens, held: &mut Held) -> Option<Self> {
        // Lazily: one that is made is given back when it is dropped.
        (!std::mem::replace(&mut held.is_fetching, true)).then(|| Self(tokens))
    }

    async fn fetch(self, oauth2: &OAuth2, upstream: &Upstream, deadline: Instant) -> Result<Token, NoToken> {
        let answered = upstream.send(oauth2.request().map(Full::new), deadline, ANSWER_BYTES_MAX).await;
        let fetched = answered.map_err(NoToken::Unanswered).and_then(|answer| match answer.status() {
            StatusCode::OK => oauth2.read(answer.body()).map_err(|_| NoToken::Unreadable),
            status => Err(NoToken::Refused(status)),
        });
        let mut held = self.0.held();
        match fetched {
            Ok(fetched) => {
                let lifetime = fetched.lifetime_s.map_or(LIFETIME, |seconds| Duration::from_secs(seconds.into()));
                held.issued += 1;
                let now = clock::now();
                let token = Token {
                    authorization: fetched.authorization,
                    number: held.issued,
                    refresh_at: now + lifetime * 3 / 4,
                    ends_at: now + lifetime * 19 / 20,
                };
                held.token = Some(token.clone());
                Ok(token)
            }
            Err(fault) => {
                held.failures += 1;
                Err(fault)
            }
        }
    }
}

impl Drop for Fetching<'_> {
    fn drop(&mut self) {
        self.0.held().is_fetching = false;
        self.0.changed.notify_waiters();
    }
}
