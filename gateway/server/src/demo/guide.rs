//! What the demo prints: addresses, and lines to paste into a shell.

use std::fmt::Write as _;
use std::path::Path;

use super::examples::{Call, Examples};
use super::settings;

/// Where the demo is reached and where its files are.
pub(super) struct Guide<'a> {
    /// The demo's folder, as it was named.
    pub(super) dir: &'a Path,
    /// Port of the data listener.
    pub(super) port: u16,
    /// How this program was called, for lines that call it again.
    pub(super) program: String,
}

/// Case number that the lines name where a resource wants one: any would do.
const MATTER: &str = "DEMO-2026-0001";

impl Guide<'_> {
    /// All of it.
    pub(super) fn text(&self, examples: &Examples) -> String {
        let mut out = String::new();
        let (port, ops) = (self.port, settings::ops_port(self.port));
        let _ = writeln!(
            out,
            "Sluice 数闸 demo is ready. 演示已就绪。\n\n  data 数据面  {}   (client certificate 需客户端证书)\n  ops  运维    http://127.0.0.1:{ops}/readyz  /livez  /metrics\n  files 文件   {}\n\nPaste any line into a shell. 复制任意一行到终端执行。",
            settings::public_url(port),
            self.dir.display()
        );
        if let Some(call) = &examples.verify_match {
            section(
                &mut out,
                "a token for one's own certificate",
                "申领绑定本证书的访问令牌",
                &self.token(&call.party),
            );
            section(&mut out, "verify: the claim matches", "验证:一致", &self.curl(call, ""));
        }
        let shown = [
            (&examples.verify_mismatch, "verify: the claim does not match", "验证:不一致", ""),
            (&examples.query_granted, "query with a grant", "查询:有授权", ""),
            (
                &examples.query_masked,
                "query whose answer is masked; see the header Exchange-Masked",
                "查询:结果脱敏,见响应头 Exchange-Masked",
                "-i ",
            ),
            (&examples.query_ungranted, "the same query without a grant: refused", "同一查询,无授权:拒绝", ""),
            (
                &examples.not_shared,
                "a resource that is not shared: refused with its statute",
                "不予共享的资源:依法拒绝",
                "",
            ),
        ];
        for (call, en, zh, options) in shown {
            if let Some(call) = call {
                section(&mut out, en, zh, &self.curl(call, options));
            }
        }
        if let Some(call) = &examples.verify_match {
            self.receipt(&mut out, call);
        }
        let _ = write!(out, "\nCtrl-C ends the demo; `--fresh` starts over. 按 Ctrl-C 结束;--fresh 重新开始。");
        out
    }

    fn receipt(&self, out: &mut String, call: &Call) {
        let index = format!(
            "N=$({} | sed -n 's/^[Ee]xchange-[Rr]eceipt:.*index=\\([0-9]*\\).*/\\1/p'); echo \"$N\"",
            self.curl(call, "-o /dev/null -D - ")
        );
        section(out, "make a call and keep the index of its receipt", "调用一次并记下回执序号", &index);
        let receipt = format!(
            "curl -sS -w '\\n' {} {} \"{}/v1/receipts/$N\"",
            self.identity(&call.party),
            self.bearer(&call.party),
            settings::public_url(self.port)
        );
        section(out, "the receipt, with its proof", "回执及其证明", &receipt);
        let ledger = quoted(&self.dir.join("ledger"));
        let program = &self.program;
        let show = format!("{program} ledger show --dir {ledger} --index $N --json");
        section(out, "the same record in the ledger", "账本中的同一条记录", &show);
        section(out, "check the whole ledger", "校验整个账本", &format!("{program} ledger verify --dir {ledger}"));
    }

    fn token(&self, party: &str) -> String {
        format!(
            "curl -sS -w '\\n' {} -d grant_type=client_credentials {}/v1/token",
            self.identity(party),
            settings::public_url(self.port)
        )
    }

    fn curl(&self, call: &Call, options: &str) -> String {
        let body = quoted_text(&call.body.to_string());
        format!(
            "curl -sS -w '\\n' {options}{} {} -H 'Content-Type: application/json' -H 'Exchange-Purpose: {}' -H 'Exchange-Handler: {}' -H 'Exchange-Matter: {MATTER}' -d {body} {}/v1/resources/{}/{}",
            self.identity(&call.party),
            self.bearer(&call.party),
            call.purpose,
            call.handler,
            settings::public_url(self.port),
            call.resource,
            call.mode.as_str()
        )
    }

    fn identity(&self, party: &str) -> String {
        let pki = self.dir.join("pki");
        let folder = pki.join("parties").join(party);
        format!(
            "--cacert {} --cert {} --key {}",
            quoted(&pki.join("ca.pem")),
            quoted(&folder.join("cert.pem")),
            quoted(&folder.join("key.pem"))
        )
    }

    fn bearer(&self, party: &str) -> String {
        let file = self.dir.join("tokens").join(format!("{party}.jwt"));
        format!("-H \"Authorization: Bearer $(cat {})\"", quoted(&file))
    }
}

fn section(out: &mut String, en: &str, zh: &str, line: &str) {
    let _ = write!(out, "\n# {zh} · {en}\n{line}\n");
}

/// A path as one word of a shell.
pub(super) fn quoted(path: &Path) -> String {
    quoted_text(&path.display().to_string())
}

fn quoted_text(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:,@".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_shell() {
        let rows = [
            ("demo-data/pki", "demo-data/pki"),
            ("my demo", "'my demo'"),
            ("it's", r"'it'\''s'"),
            ("$HOME/x", "'$HOME/x'"),
            ("演示", "'演示'"),
        ];
        for (path, word) in rows {
            assert_eq!(quoted(Path::new(path)), word);
        }
    }
}
