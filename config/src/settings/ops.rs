//! `[ops]`: the listener of health and metrics.

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;

use crate::document::Document;
use crate::fault::Fault;
use crate::settings::data::address;

/// Two ports above the data listener's customary 8443, on loopback: it speaks plain HTTP.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8445);

/// The ops listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ops {
    /// Address to listen on, plain HTTP. Default 127.0.0.1:8445.
    pub listen: SocketAddr,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawOps {
    listen: Option<String>,
}

impl Ops {
    pub(crate) fn read(raw: RawOps, document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let listen = raw.listen.map_or(Some(LISTEN), |text| address("ops.listen", &text, document, faults));
        Some(Self { listen: listen? })
    }
}
