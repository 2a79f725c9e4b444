//! ACCESS: a request was decided, permitted or refused.

use std::net::IpAddr;

use super::element::{DecodeError, Elements, Sink};
use super::tags::SubjectTags;
use super::{Head, Kind};

/// Elements of ACCESS: rows 0–23.
const ROWS: u64 = 24;

/// What the exchange decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Refused; `code` says why.
    Deny,
    /// Permitted.
    Permit,
}

/// HTTP method, one byte in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Method {
    /// Any other method.
    Other = 0,
    /// GET.
    Get = 1,
    /// HEAD.
    Head = 2,
    /// POST.
    Post = 3,
    /// PUT.
    Put = 4,
    /// PATCH.
    Patch = 5,
    /// DELETE.
    Delete = 6,
    /// OPTIONS.
    Options = 7,
}

impl Method {
    const NAMES: [(Self, &'static str); 8] = [
        (Self::Other, "OTHER"),
        (Self::Get, "GET"),
        (Self::Head, "HEAD"),
        (Self::Post, "POST"),
        (Self::Put, "PUT"),
        (Self::Patch, "PATCH"),
        (Self::Delete, "DELETE"),
        (Self::Options, "OPTIONS"),
    ];

    /// The method of that name (capitals, as on the wire); unknown ones are `Other`.
    pub fn from_name(name: &str) -> Self {
        Self::NAMES.iter().find(|(_, known)| *known == name).map_or(Self::Other, |(method, _)| *method)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(method, _)| *method == self).map_or("OTHER", |(_, name)| name)
    }

    fn from_number(number: u8) -> Option<Self> {
        Self::NAMES.iter().map(|(method, _)| *method).find(|method| *method as u8 == number)
    }
}

/// One decided request. Empty texts mean "not known", as after a refusal early in the order of checks.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// Rows 2–4.
    pub head: Head,
    /// Row 6: calling party.
    pub consumer_party: &'a str,
    /// Row 6: calling system.
    pub consumer_system: &'a str,
    /// Row 7: handler 经手人, an id of the calling party; never a citizen's.
    pub handler: &'a str,
    /// Row 8: first 16 bytes of the SHA-256 of the client certificate.
    pub client_cert_fp: Option<[u8; 16]>,
    /// Row 9: peer address.
    pub src_ip: IpAddr,
    /// Row 9: peer port.
    pub src_port: u16,
    /// Row 9: listener's name.
    pub listener: &'a str,
    /// Row 10: providing party.
    pub provider_party: &'a str,
    /// Row 10: resource code.
    pub resource: &'a str,
    /// Row 10: version of the resource's entry.
    pub resource_version: &'a str,
    /// Row 10: declared operation, where a resource has several.
    pub operation: &'a str,
    /// Row 11.
    pub method: Method,
    /// Row 11: route template. Never a raw path or query.
    pub path_template: &'a str,
    /// Row 12: keyed tag of the record or file asked for.
    pub resource_id_tag: Option<[u8; 16]>,
    /// Row 13: highest level disclosed, 1–4.
    pub level: u8,
    /// Row 13: categories, a bit set of the caller's.
    pub categories: u16,
    /// Row 14.
    pub subjects: SubjectTags<'a>,
    /// Row 15: purpose code.
    pub purpose: &'a str,
    /// Row 15: the law that grant or resource rests on.
    pub legal_basis: &'a str,
    /// Row 15: keyed tag of the matter; never the clear one.
    pub matter_tag: Option<[u8; 16]>,
    /// Row 16.
    pub grant: &'a str,
    /// Row 16: revision of the policy that decided.
    pub policy_revision: &'a str,
    /// Row 16: revision of the whole snapshot.
    pub snapshot_revision: &'a str,
    /// Row 17.
    pub decision: Decision,
    /// Row 17: stable code of a refusal, such as `grant.expired`; empty for a permit.
    pub code: &'a str,
    /// Row 18: keyed digest of the request body, where it was read whole; never a plain hash, since a body can be
    /// little but a guessable identity.
    pub request_digest: Option<[u8; 32]>,
    /// Row 20: items disclosed, one bit each in item order.
    pub disclosed: &'a [u8],
    /// Row 20: those of them that were masked.
    pub masked: &'a [u8],
    /// Row 21: rate and anomaly flags.
    pub risk_flags: u16,
    /// Row 22: `UUIDv7` of the request.
    pub request_id: [u8; 16],
    /// Row 22: `verify`, `query`, `push`, `call`.
    pub mode: &'a str,
    /// Row 22.
    pub share_type: &'a str,
    /// Row 22: selection, exception grant and others, a bit set of the caller's.
    pub flags: u16,
    /// Row 22: how many calls it counts against limits: the size of a batch.
    pub units: u32,
    /// Row 23: W3C trace id.
    pub trace_id: Option<[u8; 16]>,
}

impl<'a> Access<'a> {
    /// Appends the record's CBOR to `out`; no heap beyond `out` itself.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        let mut sink = Sink::record(out, ROWS, Kind::Access, &self.head);
        sink.nulls(1);
        sink.array(2).text(self.consumer_party).text(self.consumer_system);
        sink.text(self.handler);
        sink.optional_bytes(self.client_cert_fp.as_ref().map(<[u8; 16]>::as_slice));
        sink.array(3);
        match self.src_ip {
            IpAddr::V4(ip) => sink.bytes(&ip.octets()),
            IpAddr::V6(ip) => sink.bytes(&ip.octets()),
        };
        sink.uint(self.src_port).text(self.listener);
        sink.array(4).text(self.provider_party).text(self.resource);
        sink.text(self.resource_version).text(self.operation);
        sink.array(2).uint(self.method as u8).text(self.path_template);
        sink.optional_bytes(self.resource_id_tag.as_ref().map(<[u8; 16]>::as_slice));
        sink.array(2).uint(self.level).uint(self.categories);
        self.subjects.encode(&mut sink);
        sink.array(3).text(self.purpose).text(self.legal_basis);
        sink.optional_bytes(self.matter_tag.as_ref().map(<[u8; 16]>::as_slice));
        sink.array(3).text(self.grant).text(self.policy_revision).text(self.snapshot_revision);
        sink.array(2).uint(u8::from(self.decision == Decision::Permit)).text(self.code);
        sink.optional_bytes(self.request_digest.as_ref().map(<[u8; 32]>::as_slice));
        sink.nulls(1);
        sink.array(2).bytes(self.disclosed).bytes(self.masked);
        sink.uint(self.risk_flags);
        sink.array(5).bytes(&self.request_id).text(self.mode).text(self.share_type);
        sink.uint(self.flags).uint(self.units);
        sink.optional_bytes(self.trace_id.as_ref().map(<[u8; 16]>::as_slice));
    }

    pub(super) fn decode(head: Head, from: &mut Elements<'a>) -> Result<Self, DecodeError> {
        from.skip(1)?;
        let [consumer_party, consumer_system] = from.texts()?;
        let handler = from.text()?;
        let client_cert_fp = from.optional_fixed()?;
        from.group(3)?;
        let src_ip = address(from.inner().bytes()?)?;
        let (src_port, listener) = (from.inner().u16()?, from.inner().str()?);
        let [provider_party, resource, resource_version, operation] = from.texts()?;
        from.group(2)?;
        let method = method(from.inner().u8()?)?;
        let path_template = from.inner().str()?;
        let resource_id_tag = from.optional_fixed()?;
        from.group(2)?;
        let (level, categories) = (from.inner().u8()?, from.inner().u16()?);
        let subjects = SubjectTags::decode(from)?;
        from.group(3)?;
        let (purpose, legal_basis) = (from.inner().str()?, from.inner().str()?);
        let matter_tag = from.inner_optional_fixed()?;
        let [grant, policy_revision, snapshot_revision] = from.texts()?;
        from.group(2)?;
        let decision = decision(from.inner().u8()?)?;
        let code = from.inner().str()?;
        let request_digest = from.optional_fixed()?;
        from.skip(1)?;
        from.group(2)?;
        let (disclosed, masked) = (from.inner().bytes()?, from.inner().bytes()?);
        let risk_flags = from.u16()?;
        from.group(5)?;
        let request_id = from.inner_fixed()?;
        let (mode, share_type) = (from.inner().str()?, from.inner().str()?);
        let (flags, units) = (from.inner().u16()?, from.inner().u32()?);
        let trace_id = from.optional_fixed()?;
        Ok(Self {
            head,
            consumer_party,
            consumer_system,
            handler,
            client_cert_fp,
            src_ip,
            src_port,
            listener,
            provider_party,
            resource,
            resource_version,
            operation,
            method,
            path_template,
            resource_id_tag,
            level,
            categories,
            subjects,
            purpose,
            legal_basis,
            matter_tag,
            grant,
            policy_revision,
            snapshot_revision,
            decision,
            code,
            request_digest,
            disclosed,
            masked,
            risk_flags,
            request_id,
            mode,
            share_type,
            flags,
            units,
            trace_id,
        })
    }
}

fn address(bytes: &[u8]) -> Result<IpAddr, DecodeError> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Ok(v4.into());
    }
    <[u8; 16]>::try_from(bytes).map(IpAddr::from).map_err(|_| DecodeError::Fault("address is neither 4 nor 16 bytes"))
}

fn method(number: u8) -> Result<Method, DecodeError> {
    Method::from_number(number).ok_or(DecodeError::Fault("unknown method"))
}

fn decision(number: u8) -> Result<Decision, DecodeError> {
    match number {
        0 => Ok(Decision::Deny),
        1 => Ok(Decision::Permit),
        _ => Err(DecodeError::Fault("unknown decision")),
    }
}
