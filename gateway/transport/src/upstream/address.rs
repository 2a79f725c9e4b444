//! Where an endpoint's name leads, kept for a while and shared by all workers.
//!
//! The system's resolver tells no time to live, so every name is looked up again after half a minute. A lookup runs
//! beside the worker; while one is under way the others go on with what was found last.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use super::fault::UnreachableKind;
use crate::clock;

/// Addresses of one name that are tried in turn.
const ADDRESSES_MAX: usize = 4;
/// What was found is looked up again after this.
const FRESH: Duration = Duration::from_secs(30);
/// What was found serves so long while name servers do not answer.
const STALE_MAX: Duration = Duration::from_mins(5);

/// Addresses of one host and port.
pub(super) struct Addresses {
    host: String,
    port: u16,
    /// A host that is an address needs no name server.
    literal: Option<IpAddr>,
    found: ArcSwapOption<Found>,
    is_looking: AtomicBool,
}

struct Found {
    addresses: Vec<SocketAddr>,
    at: Instant,
}

impl Addresses {
    pub(super) fn new(host: String, port: u16) -> Self {
        Self {
            literal: host.parse().ok(),
            host,
            port,
            found: ArcSwapOption::empty(),
            is_looking: AtomicBool::new(false),
        }
    }

    pub(super) fn is_named(&self) -> bool {
        self.literal.is_none()
    }

    /// Addresses to connect to, the one to try first in front. Cancel safe.
    pub(super) async fn current(&self) -> Result<Vec<SocketAddr>, UnreachableKind> {
        if let Some(ip) = self.literal {
            return Ok(vec![SocketAddr::new(ip, self.port)]);
        }
        match self.known(FRESH) {
            Some(fresh) => Ok(fresh),
            None => self.look_up().await,
        }
    }

    /// Looks a name up again before anyone waits for it; nothing to do for an address.
    pub(super) async fn refresh(&self) {
        if self.literal.is_none() && self.known(FRESH * 3 / 4).is_none() {
            self.look_up().await.ok();
        }
    }

    /// Whether the name still leads to an address, as far as is known.
    pub(super) fn has(&self, address: SocketAddr) -> bool {
        self.literal.is_some() || self.found.load().as_ref().is_none_or(|found| found.addresses.contains(&address))
    }

    async fn look_up(&self) -> Result<Vec<SocketAddr>, UnreachableKind> {
        let stale = self.known(STALE_MAX);
        let Some(_looking) = Looking::begin(&self.is_looking) else {
            // The first callers of all look for themselves: waiting for another's lookup would not be shorter.
            return match stale {
                Some(stale) => Ok(stale),
                None => self.ask().await,
            };
        };
        match self.ask().await {
            Ok(addresses) => {
                self.found.store(Some(Arc::new(Found { addresses: addresses.clone(), at: clock::now() })));
                Ok(addresses)
            }
            Err(kind) => stale.ok_or(kind),
        }
    }

    async fn ask(&self) -> Result<Vec<SocketAddr>, UnreachableKind> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let addresses: Vec<SocketAddr> = found.map(|found| found.take(ADDRESSES_MAX).collect()).unwrap_or_default();
        if addresses.is_empty() { Err(UnreachableKind::Unresolved) } else { Ok(addresses) }
    }

    fn known(&self, age_max: Duration) -> Option<Vec<SocketAddr>> {
        let now = clock::now();
        self.found.load().as_ref().filter(|found| now < found.at + age_max).map(|found| found.addresses.clone())
    }
}

/// Held by the one that looks a name up; given back when it ends or is given up.
struct Looking<'a>(&'a AtomicBool);

impl<'a> Looking<'a> {
    fn begin(flag: &'a AtomicBool) -> Option<Self> {
        // Lazily: one that is made is given back when it is dropped.
        (!flag.swap(true, Ordering::Acquire)).then(|| Self(flag))
    }
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    #[tokio::test]
    async fn a_name_is_looked_up_and_kept() {
        let addresses = Addresses::new("localhost".into(), 81);
        let gone = at("10.9.8.7:81");
        assert!(addresses.has(gone), "nothing is known yet");
        let found = addresses.current().await.unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 81), "{found:?}");
        assert!(addresses.has(found[0]) && !addresses.has(gone));
    }

    #[tokio::test]
    async fn what_was_found_serves_while_name_servers_are_silent_but_not_for_ever() {
        let addresses = Addresses::new("name.invalid".into(), 80);
        assert_eq!(addresses.current().await, Err(UnreachableKind::Unresolved));
        let old = |age: Duration| {
            let at_then = clock::now().checked_sub(age).unwrap();
            addresses.found.store(Some(Arc::new(Found { addresses: vec![at("10.0.0.1:80")], at: at_then })));
        };
        old(FRESH * 2);
        assert_eq!(addresses.current().await, Ok(vec![at("10.0.0.1:80")]));
        old(STALE_MAX);
        assert_eq!(addresses.current().await, Err(UnreachableKind::Unresolved));
    }

    #[tokio::test]
    async fn one_looks_up_while_the_others_go_on() {
        let addresses = Addresses::new("localhost".into(), 80);
        let old = vec![at("10.0.0.1:80")];
        let at = clock::now().checked_sub(FRESH * 2).unwrap();
        addresses.found.store(Some(Arc::new(Found { addresses: old.clone(), at })));
        let looking = Looking::begin(&addresses.is_looking).unwrap();
        for _ in 0..2 {
            assert_eq!(addresses.current().await, Ok(old.clone()));
        }
        drop(looking);
        assert_ne!(addresses.current().await, Ok(old));
    }
}
