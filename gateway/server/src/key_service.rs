//! Keys of subject tags from a service of the privacy office: each month's key for that month alone, so that this
//! machine never holds what the tags of other months were made with. Whoever is to have no key is told 404.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use sluice_config::settings::{self, monthly_key_of};
use sluice_domain::Egress;
use sluice_exchange::{Epoch, KeySource, TagKey, Unavailable};
use sluice_transport::upstream::ClientTls;

use crate::line::{Line, Way};

/// 64 digits and a line feed, with room for white space.
const ANSWER_BYTES_MAX: usize = 256;
/// A service behind several addresses may have one that just went away.
const ATTEMPTS: usize = 2;

pub(crate) struct KeyService {
    line: Line,
    folder: String,
}

impl KeyService {
    /// # Errors
    /// An address or a file that cannot be used.
    pub(crate) fn new(given: &settings::KeyService, egress: &Egress) -> anyhow::Result<Self> {
        let tls = ClientTls::load(&given.ca, Some((&given.certificate, &given.key)), None)?;
        let way = Way {
            name: "key-service",
            origin: &given.origin,
            tls: Some(tls),
            timeout: given.timeout,
            answer_max: ANSWER_BYTES_MAX,
        };
        Ok(Self { line: Line::new(way, egress)?, folder: format!("{}{}", given.origin, given.path) })
    }

    fn ask(&self, epoch: Epoch) -> anyhow::Result<(StatusCode, Bytes)> {
        let target = format!("{}/{}", self.folder, epoch.file_name());
        self.line.ask(Request::get(target).body(Full::default())?)
    }
}

impl KeySource for KeyService {
    fn read(&self, epoch: Epoch) -> Result<Option<TagKey>, Unavailable> {
        let mut asked = self.ask(epoch);
        for _ in 1..ATTEMPTS {
            asked = asked.or_else(|_| self.ask(epoch));
        }
        let (status, body) =
            asked.map_err(|error| Unavailable(format!("the key service does not answer: {error:#}")))?;
        let malformed = || Unavailable(String::from("the key service gives something else than 64 hexadecimal digits"));
        match status {
            StatusCode::OK => {
                let key = monthly_key_of(&body).and_then(|key| TagKey::new(key.expose()));
                key.map(Some).ok_or_else(malformed)
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            status => Err(Unavailable(format!("the key service answers with status {}", status.as_u16()))),
        }
    }
}
