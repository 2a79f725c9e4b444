//! The requests of a run, one per token, laid out as bytes before the first is sent.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, ensure};

/// Fewer tokens than this would let a small cache look like a good one.
const TOKENS_MIN: usize = 1_000;

/// What to ask.
#[derive(Debug, clap::Args)]
pub struct Form {
    /// Method
    #[arg(long, default_value = "POST")]
    pub method: String,
    /// Path with query
    #[arg(long)]
    pub path: String,
    /// Further header, `Name: value`; repeatable
    #[arg(long = "header")]
    pub headers: Vec<String>,
    /// Body
    #[arg(long, conflicts_with = "body_file")]
    pub body: Option<String>,
    /// File with the body
    #[arg(long)]
    pub body_file: Option<PathBuf>,
    /// Bearer tokens, one per line, at least 1,000 distinct; each request takes the next
    #[arg(long)]
    pub tokens: PathBuf,
}

impl Form {
    /// The bytes of one request per token.
    ///
    /// # Errors
    /// If a file cannot be read, the tokens are too few, or a part would break the request's framing.
    pub(crate) fn requests(&self, host: &str) -> anyhow::Result<Vec<Box<[u8]>>> {
        let text = fs::read_to_string(&self.tokens).with_context(|| format!("read {}", self.tokens.display()))?;
        let tokens: HashSet<&str> = text.lines().collect();
        ensure!(
            tokens.len() >= TOKENS_MIN,
            "{} holds {} distinct tokens, at least {TOKENS_MIN} are needed",
            self.tokens.display(),
            tokens.len()
        );
        let body = match (&self.body, &self.body_file) {
            (Some(body), _) => body.clone().into_bytes(),
            (None, Some(file)) => fs::read(file).with_context(|| format!("read {}", file.display()))?,
            (None, None) => Vec::new(),
        };
        text.lines().map(|token| self.request(host, token, &body)).collect()
    }

    fn request(&self, host: &str, token: &str, body: &[u8]) -> anyhow::Result<Box<[u8]>> {
        let mut lines = vec![
            format!("{} {} HTTP/1.1", self.method, self.path),
            format!("Host: {host}"),
            format!("Authorization: Bearer {token}"),
        ];
        lines.extend(self.headers.iter().cloned());
        if !body.is_empty() {
            lines.push(format!("Content-Length: {}", body.len()));
        }
        for line in &lines {
            ensure!(!line.contains(['\r', '\n']), "a line break inside {line:?}");
        }
        ensure!(self.headers.iter().all(|header| header.contains(':')), "a header needs the form `Name: value`");
        let mut request = lines.join("\r\n").into_bytes();
        request.extend_from_slice(b"\r\n\r\n");
        request.extend_from_slice(body);
        Ok(request.into_boxed_slice())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Form;

    fn form(dir: &Path, tokens: usize) -> Form {
        let text: Vec<String> = (0..tokens).map(|number| format!("t{number}")).collect();
        std::fs::write(dir.join("tokens"), text.join("\n")).unwrap();
        Form {
            method: "POST".into(),
            path: "/records/289".into(),
            headers: vec!["Exchange-Purpose: SHJZ".into()],
            body: Some("{}".into()),
            body_file: None,
            tokens: dir.join("tokens"),
        }
    }

    #[test]
    fn each_token_has_its_request() {
        let dir = tempfile::tempdir().unwrap();
        let requests = form(dir.path(), 1_000).requests("localhost:8443").unwrap();
        assert_eq!(requests.len(), 1_000);
        let expected = "POST /records/289 HTTP/1.1\r\nHost: localhost:8443\r\nAuthorization: Bearer t7\r\nExchange-Purpose: SHJZ\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(std::str::from_utf8(requests.get(7).unwrap()).unwrap(), expected);
    }

    #[test]
    fn few_tokens_and_broken_lines_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let check = |change: &dyn Fn(&mut Form), named: &str| {
            let mut form = form(dir.path(), 1_000);
            change(&mut form);
            let error = form.requests("localhost").unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        };
        check(&|form| form.headers.push("A: b\r\nC: d".into()), "line break");
        check(&|form| form.headers.push("no colon".into()), "Name: value");
        check(&|form| form.path = "/\n".into(), "line break");
        check(&|form| form.tokens = dir.path().join("none"), "none");
        check(
            &|form| {
                std::fs::write(&form.tokens, "same\n".repeat(2_000)).unwrap();
            },
            "1 distinct",
        );
    }
}
