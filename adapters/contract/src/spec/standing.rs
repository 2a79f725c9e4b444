//! When a provider can be asked, as declared: instances, their health, planned outages.

use serde::{Deserialize, Serialize};

/// When a failing provider is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerSpec {
    /// Failures in a row that open the circuit (1–1,000).
    pub failures: u32,
    /// How long it stays open, in milliseconds (100–600,000).
    pub open_ms: u32,
}

impl Default for BreakerSpec {
    /// Five failures, ten seconds: a restart of the provider is bridged, a dead one costs little.
    fn default() -> Self {
        Self { failures: 5, open_ms: 10_000 }
    }
}

/// A request by which the exchange looks whether an instance serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeSpec {
    /// Path and query of a GET, below the instance's address; no placeholder.
    pub path: String,
    /// Pause between two probes of one instance, in milliseconds (500–600,000).
    #[serde(default = "interval_ms")]
    pub interval_ms: u32,
    /// Good probes in a row that make an instance healthy again (1–10).
    #[serde(default = "healthy_after")]
    pub healthy_after: u32,
    /// Bad probes in a row that make it unhealthy (1–10).
    #[serde(default = "unhealthy_after")]
    pub unhealthy_after: u32,
    /// Statuses of a good probe.
    #[serde(default = "good_status")]
    pub status: Vec<u16>,
}

/// Ten seconds: noticed within half a minute, no load for the provider.
fn interval_ms() -> u32 {
    10_000
}

/// Two: one good answer may be luck.
fn healthy_after() -> u32 {
    2
}

/// Three: one lost packet is no outage.
fn unhealthy_after() -> u32 {
    3
}

fn good_status() -> Vec<u16> {
    vec![200]
}

/// When one of several instances is left out for failing more than the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutlierSpec {
    /// Failures in a row (1–1,000).
    pub failures: u32,
    /// For how long, in milliseconds (100–600,000).
    pub eject_ms: u32,
    /// Largest share of the instances that may be left out at once, in percent (0–99); the last one never is.
    pub eject_max_percent: u32,
}

impl Default for OutlierSpec {
    /// Like the breaker, for longer, and half of the instances keep serving.
    fn default() -> Self {
        Self { failures: 5, eject_ms: 30_000, eject_max_percent: 50 }
    }
}

/// A time in which the provider is known not to serve. Either `from` and `until`, or `daily`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutageSpec {
    /// Beginning, RFC 3339 with an offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// End, not included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Hours of every day in Asia/Shanghai, `"00:30-02:00"`; `"23:00-01:00"` passes midnight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily: Option<String>,
    /// Why, for the administrator.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
}
