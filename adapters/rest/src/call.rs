//! One question under way: within planned outages, circuit breaker, concurrency and deadline; put to one instance, and
//! to another if the first cannot have seen it or says that it does not serve.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use sluice_contract::answer::{Received, receive};
use sluice_contract::balance::Tried;
use sluice_contract::breaker::Admittance;
use sluice_contract::gate::Place;
use sluice_contract::operation::Operation;
use sluice_contract::{Ask, ProviderFault};
use sluice_transport::clock;
use sluice_transport::upstream::UpstreamFault;
use tokio::time::sleep;

use crate::adapter::RestAdapter;
use crate::authority::Unproven;
use crate::fault::{Health, fault, is_unsent};

/// Pause before the same instance is asked again, doubled each time: a listener that restarts needs a moment.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// A question that was let through.
pub(crate) struct Call<'a> {
    adapter: &'a RestAdapter,
    deadline: Instant,
    /// Bytes that the answers may still have, all pages together.
    pub(crate) bytes_left: usize,
    /// Which instance begins among equals.
    turn: usize,
    /// The instance that answered last: the pages of one answer come from one instance while it serves.
    instance: Option<usize>,
    _place: Place,
}

/// What came of one attempt.
struct Attempt {
    health: Health,
    /// Whether another instance may be asked without doing anything twice that matters.
    may_move: bool,
    /// Whether the provider cannot have seen the request.
    is_unsent: bool,
    outcome: Result<(Received, HeaderMap), ProviderFault>,
}

impl<'a> Call<'a> {
    /// Waits for a place.
    ///
    /// # Errors
    /// Why the provider is not asked now.
    pub(crate) async fn begin(adapter: &'a RestAdapter, ask: &Ask<'_>) -> Result<Self, ProviderFault> {
        let binding = &*adapter.binding;
        let now_s = clock::now_unix_s();
        if let Some(until_s) = binding.outages.at(now_s) {
            let retry_after_s = u32::try_from(until_s - now_s).unwrap_or(u32::MAX).max(1);
            return Err(ProviderFault::PlannedOutage { retry_after_s });
        }
        if let Some(retry_after_s) = binding.breaker.refuses(binding.now_ms()) {
            return Err(ProviderFault::CircuitOpen { retry_after_s });
        }
        let deadline = ask.deadline.min(clock::now() + binding.timeout);
        let place =
            binding.gate.enter(ask.caller, deadline).await.map_err(|_| ProviderFault::Busy { retry_after_s: 1 })?;
        if let Admittance::Refused { retry_after_s } = binding.breaker.admit(binding.now_ms()) {
            return Err(ProviderFault::CircuitOpen { retry_after_s });
        }
        let turn = adapter.next_turn();
        Ok(Self { adapter, deadline, bytes_left: binding.body_bytes_max, turn, instance: None, _place: place })
    }

    /// Address below which the pages of this answer lie.
    pub(crate) fn base(&self) -> &'a Uri {
        let binding = &*self.adapter.binding;
        let answered = self.instance.and_then(|instance| binding.instances.get(instance));
        answered.map_or(&binding.base, |instance| &instance.base)
    }

    /// Its path, without a slash at the end.
    pub(crate) fn base_path(&self) -> &'a str {
        &self.adapter.binding.base_path
    }

    /// Puts the question. Verify and query change nothing, so a repetition does no harm even if a provider counts it.
    pub(crate) async fn put(
        &mut self,
        operation: &Operation,
        request: &Request<Bytes>,
    ) -> Result<(Received, HeaderMap), ProviderFault> {
        let binding = &*self.adapter.binding;
        let mut tried = Tried::default();
        let (mut left, mut pause) = (binding.retries, RETRY_PAUSE);
        let attempt = loop {
            let attempt = self.attempt(operation, request, &mut tried).await;
            let can_move = tried.len() < binding.instances.len();
            let is_worth_it = attempt.is_unsent || attempt.may_move && can_move;
            if left == 0 || !is_worth_it || clock::now() + pause >= self.deadline {
                break attempt;
            }
            left -= 1;
            if !can_move {
                sleep(pause).await;
                pause *= 2;
            }
        };
        match attempt.health {
            Health::Up => binding.breaker.succeeded(),
            Health::Down => binding.breaker.failed(binding.now_ms()),
            Health::Unknown => {}
        }
        attempt.outcome
    }

    async fn attempt(&mut self, operation: &Operation, request: &Request<Bytes>, tried: &mut Tried) -> Attempt {
        let binding = &*self.adapter.binding;
        let chosen = match self.instance.filter(|instance| !tried.has(*instance)) {
            Some(same) => binding.balance.ask(same),
            None => binding.balance.choose(binding.now_ms(), self.turn, *tried),
        };
        tried.add(chosen.instance);
        let sent = self.adapter.send(chosen.instance, request, self.deadline, self.bytes_left).await;
        let attempt = match sent {
            Ok(response) => judge(operation, response),
            Err(Unproven::NoAnswer(failed)) => Attempt::failed(failed),
            Err(Unproven::NoToken(fault)) => {
                Attempt { health: Health::Down, may_move: false, is_unsent: false, outcome: Err(fault) }
            }
        };
        match attempt.health {
            Health::Up => binding.balance.succeeded(chosen.instance),
            Health::Down => binding.failed(chosen.instance),
            Health::Unknown => {}
        }
        if attempt.outcome.is_ok() {
            self.instance = Some(chosen.instance);
        }
        attempt
    }
}

impl Attempt {
    fn failed(failed: UpstreamFault) -> Self {
        let (health, fault) = fault(failed);
        Self { health, may_move: false, is_unsent: is_unsent(failed), outcome: Err(fault) }
    }
}

fn judge(operation: &Operation, response: Response<Bytes>) -> Attempt {
    let (head, body) = response.into_parts();
    let is_failure = head.status.is_server_error() || head.status == StatusCode::TOO_MANY_REQUESTS;
    let received = receive(&operation.layout, head.status, &head.headers, body);
    let by_status = if is_failure { Health::Down } else { Health::Up };
    let (health, may_move, outcome) = match received {
        Ok(Received::Retryable) => (Health::Down, true, Err(ProviderFault::Unreachable)),
        Ok(Received::Busy { retry_after_s }) => (Health::Up, true, Err(ProviderFault::Busy { retry_after_s })),
        Ok(received) => (Health::Up, false, Ok((received, head.headers))),
        Err(bad) => (by_status, false, Err(ProviderFault::from(bad))),
    };
    Attempt { health, may_move, is_unsent: false, outcome }
}
