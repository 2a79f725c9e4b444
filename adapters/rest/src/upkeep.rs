//! What a binding does beside calls: it looks whether instances live, where their names lead, and fetches the next
//! token before the present one ends. Probes go past circuit breaker and concurrency limit: they are few, and what
//! they find out is why a provider is asked again.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::header::ACCEPT;
use http::{HeaderValue, Request, Uri};
use sluice_contract::Upkeep;
use sluice_contract::credentials::Credentials;
use sluice_contract::spec::ProbeSpec;
use sluice_transport::clock;
use sluice_transport::upstream::Upstream;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::authority::{self, Lines};
use crate::binding::RestBinding;

/// How often names and tokens are looked at; each is renewed only when its own time has come.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What a probe's answer may hold; nobody reads it.
const PROBE_BYTES_MAX: usize = 64 * 1024;

/// Everything that the binding needs, until nobody else holds it.
pub(crate) fn of(binding: &Arc<RestBinding>) -> Option<Upkeep> {
    let mut parts: Vec<Pin<Box<dyn Future<Output = ()>>>> = Vec::new();
    let is_named = binding.instances.iter().any(|instance| instance.endpoint.is_named());
    if is_named || binding.token_endpoint.is_some() {
        parts.push(Box::pin(renew(Arc::downgrade(binding))));
    }
    if let Some(probe) = &binding.probe {
        for instance in 0..binding.instances.len() {
            parts.push(Box::pin(look_after(Arc::downgrade(binding), instance, probe.clone())));
        }
    }
    (!parts.is_empty()).then(|| -> Upkeep { Box::pin(async { drop(join_all(parts).await) }) })
}

async fn renew(binding: Weak<RestBinding>) {
    let mut token_endpoint = None;
    let mut every = interval(LOOK_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let Some(binding) = binding.upgrade() else { return };
        join_all(binding.instances.iter().map(|instance| instance.endpoint.refresh())).await;
        if let (Some(Credentials::OAuth2(oauth2)), Some(endpoint)) = (&binding.credentials, &binding.token_endpoint) {
            endpoint.refresh().await;
            let upstream = token_endpoint.get_or_insert_with(|| Upstream::new(Arc::clone(endpoint)));
            if let Err(why) = binding.tokens.refresh(oauth2, upstream).await {
                authority::told(&binding, why);
            }
        }
    }
}

async fn look_after(binding: Weak<RestBinding>, instance: usize, probe: ProbeSpec) {
    let every = Duration::from_millis(probe.interval_ms.into());
    let Some(mut prober) = binding.upgrade().and_then(|binding| Prober::new(&binding, instance, &probe)) else {
        return;
    };
    // Instances are not all looked at in one moment.
    sleep(every * u32::try_from(instance % 8).unwrap_or(0) / 8).await;
    loop {
        let Some(held) = binding.upgrade() else { return };
        let is_well = prober.ask(&held, every).await;
        prober.note(&held, is_well);
        drop(held);
        sleep(every).await;
    }
}

struct Prober {
    instance: usize,
    upstream: Upstream,
    token_endpoint: Option<Upstream>,
    request: Request<Bytes>,
    status: Vec<u16>,
    streak: Streak,
}

impl Prober {
    fn new(binding: &RestBinding, instance: usize, probe: &ProbeSpec) -> Option<Self> {
        let endpoint = &binding.instances.get(instance)?.endpoint;
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = Uri::try_from(format!("{}{}", binding.base_path, probe.path)).ok()?;
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("*/*"));
        Some(Self {
            instance,
            upstream: Upstream::new(Arc::clone(endpoint)),
            token_endpoint: binding.token_endpoint.as_ref().map(|endpoint| Upstream::new(Arc::clone(endpoint))),
            request,
            status: probe.status.clone(),
            streak: Streak::new(probe.healthy_after, probe.unhealthy_after),
        })
    }

    async fn ask(&self, binding: &RestBinding, every: Duration) -> bool {
        let lines = Lines { instance: &self.upstream, token_endpoint: self.token_endpoint.as_ref() };
        let deadline = clock::now() + binding.timeout.min(every);
        let answer = authority::send(binding, lines, &self.request, (deadline, PROBE_BYTES_MAX)).await;
        answer.is_ok_and(|answer| self.status.contains(&answer.status().as_u16()))
    }

    fn note(&mut self, binding: &RestBinding, is_well: bool) {
        let Some(is_dead) = self.streak.note(is_well) else { return };
        binding.balance.probed(self.instance, is_dead);
        let target = binding.instances.get(self.instance).map_or("", |instance| instance.name.as_str());
        if is_dead {
            tracing::warn!(resource = %binding.resource, target, "an instance does not answer its probes");
        } else {
            tracing::info!(resource = %binding.resource, target, "an instance answers its probes again");
        }
    }
}

/// Probes in a row.
struct Streak {
    healthy_after: u32,
    unhealthy_after: u32,
    is_dead: bool,
    /// Probes in a row that said the opposite.
    against: u32,
}

impl Streak {
    fn new(healthy_after: u32, unhealthy_after: u32) -> Self {
        Self { healthy_after, unhealthy_after, is_dead: false, against: 0 }
    }

    /// Whether the instance is dead from now on, if that has changed.
    fn note(&mut self, is_well: bool) -> Option<bool> {
        if is_well != self.is_dead {
            self.against = 0;
            return None;
        }
        self.against += 1;
        let enough = if self.is_dead { self.healthy_after } else { self.unhealthy_after };
        if self.against < enough {
            return None;
        }
        self.against = 0;
        self.is_dead = !self.is_dead;
        Some(self.is_dead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_some_probes_in_a_row_to_change_an_opinion() {
        let mut streak = Streak::new(2, 3);
        let probes = [true, false, false, true, false, false, false, false, true, false, true, true, true, false];
        let changes: Vec<_> = probes.iter().map(|is_well| streak.note(*is_well)).collect();
        let mut expected = [None; 14];
        (expected[6], expected[11]) = (Some(true), Some(false));
        assert_eq!(changes, expected);
    }
}
