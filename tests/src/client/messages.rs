//! Requests and answers.

use serde_json::Value;

/// A request.
#[derive(Debug, Clone)]
pub struct Call {
    /// HTTP method.
    pub method: String,
    /// Request target, as it is to stand on the wire.
    pub target: String,
    /// Headers beside Host, Authorization and Content-Length.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Call {
    /// A `GET`.
    pub fn get(target: &str) -> Self {
        Self { method: "GET".to_owned(), target: target.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// A `POST` of a JSON body.
    pub fn post(target: &str, body: &Value) -> Self {
        let body = body.to_string().into_bytes();
        Self { method: "POST".to_owned(), body, ..Self::get(target) }.header("Content-Type", "application/json")
    }

    /// A call of a service of a resource.
    pub fn service(resource: &str, mode: &str, body: &Value) -> Self {
        Self::post(&format!("/v1/resources/{resource}/{mode}"), body)
    }

    /// A token request.
    pub fn token(form: &str) -> Self {
        let body = form.as_bytes().to_vec();
        Self { method: "POST".to_owned(), body, ..Self::get("/v1/token") }
            .header("Content-Type", "application/x-www-form-urlencoded")
    }

    /// With the three headers of a call on a resource.
    #[must_use]
    pub fn by(self, purpose: &str, handler: &str, matter: &str) -> Self {
        self.header("Exchange-Purpose", purpose).header("Exchange-Handler", handler).header("Exchange-Matter", matter)
    }

    /// With a header, in place of one of that name.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        let mut call = self.without(name);
        call.headers.push((name.to_owned(), value.to_owned()));
        call
    }

    /// Without a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// With other bytes as the body.
    #[must_use]
    pub fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The bytes of the request for a host.
    pub fn wire(&self, host: &str, token: Option<&str>) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let mut line = |name: &str, value: &str| head.extend([name, ": ", value, "\r\n"]);
        let has = |wanted: &str| self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        if !has("Host") {
            line("Host", host);
        }
        if let Some(token) = token.filter(|_| !has("Authorization")) {
            line("Authorization", &format!("Bearer {token}"));
        }
        self.headers.iter().for_each(|(name, value)| line(name, value));
        let frames_itself = has("Content-Length") || has("Transfer-Encoding");
        if (!self.body.is_empty() || self.method == "POST") && !frames_itself {
            line("Content-Length", &self.body.len().to_string());
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// An answer, read to its end.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// Index and leaf of an `Exchange-Receipt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptLine {
    /// The log.
    pub origin: String,
    /// Index of the record.
    pub index: u64,
    /// Leaf hash in base64.
    pub leaf: String,
}

impl Answer {
    /// The value of a header that stands there once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values =
            self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
        let value = values.next();
        assert!(values.next().is_none(), "{name} stands there twice");
        value
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// `ok` for a 2xx, else the stable code of the problem document.
    pub fn code(&self) -> String {
        if (200..300).contains(&self.status) {
            return "ok".to_owned();
        }
        self.json()["code"].as_str().map_or_else(|| format!("{} without a code", self.status), str::to_owned)
    }

    /// The receipt.
    pub fn receipt(&self) -> Option<ReceiptLine> {
        let value = self.header("Exchange-Receipt")?;
        let part = |name: &str| {
            let parts = value.split(", ").filter_map(|part| part.split_once('='));
            parts.filter(|(known, _)| *known == name).map(|(_, value)| value.trim_matches('"').to_owned()).next()
        };
        let leaf = value.split("leaf=\"").nth(1)?.trim_end_matches('"').to_owned();
        Some(ReceiptLine { origin: part("origin")?, index: part("index")?.parse().ok()?, leaf })
    }
}
