//! Words of refusals about who calls.

use super::Row;
use super::basis::D33_2;

pub(super) const CERTIFICATE_REVOKED: Row = Row {
    title: ["客户端证书已吊销", "The client certificate is revoked"],
    detail: [
        "本次连接使用的客户端证书已列入吊销清单,不再代表任何系统。",
        "The client certificate of this connection is on the revocation list and no longer stands for any system.",
    ],
    next_step: [
        "停止使用该证书,向平台运营单位申请签发新证书;如怀疑私钥泄露,请同时报告安全管理员。",
        "Stop using this certificate and ask the exchange's operator for a new one; if the private key may be exposed, tell the security administrator too.",
    ],
    basis: Some(&D33_2),
};

pub(super) const UNKNOWN_SYSTEM: Row = Row {
    title: ["未登记的系统", "The system is not registered"],
    detail: [
        "证书由受信任的机构签发,但其指纹未登记在任何系统名下。",
        "The certificate comes from a trusted authority, but its fingerprint is not registered for any system.",
    ],
    next_step: [
        "请平台管理员把该证书的 SHA-256 指纹登记到本部门的系统;换发证书后须重新登记。",
        "Ask the exchange's administrator to register the certificate's SHA-256 fingerprint for your system; a renewed certificate is registered anew.",
    ],
    basis: Some(&D33_2),
};

pub(super) const TOKEN_MISSING: Row = Row {
    title: ["缺少访问令牌", "The access token is missing"],
    detail: ["请求没有携带 Authorization: Bearer 令牌。", "The request carries no Authorization: Bearer token."],
    next_step: [
        "用同一客户端证书调用 POST /v1/token(grant_type=client_credentials)取得令牌,再放入 Authorization 头。",
        "Get a token from POST /v1/token (grant_type=client_credentials) with the same client certificate and send it in Authorization.",
    ],
    basis: Some(&D33_2),
};

pub(super) const TOKEN_INVALID: Row = Row {
    title: ["访问令牌无效", "The access token is not valid"],
    detail: ["访问令牌未通过校验。", "The access token did not pass verification."],
    next_step: [
        "从 POST /v1/token 重新取得令牌并原样发送;如使用外部签发方,请核对其算法、密钥、iss 和 aud。",
        "Get a new token from POST /v1/token and send it unchanged; with an issuer of your own, check its algorithm, key, iss and aud.",
    ],
    basis: Some(&D33_2),
};

pub(super) const TOKEN_EXPIRED: Row = Row {
    title: ["访问令牌已过期", "The access token has expired"],
    detail: ["访问令牌的有效期(exp)已过。", "The access token's lifetime (exp) is over."],
    next_step: [
        "从 POST /v1/token 取得新令牌后重试;请在 expires_in 到期前更换,并核对本机时钟。",
        "Get a new token from POST /v1/token and try again; renew before expires_in runs out, and check your clock.",
    ],
    basis: Some(&D33_2),
};

pub(super) const BINDING_MISMATCH: Row = Row {
    title: ["令牌与证书不一致", "Token and certificate do not belong together"],
    detail: [
        "令牌的 sub 或 cnf.x5t#S256 属于另一系统或另一张证书(RFC 8705)。",
        "The token's sub or cnf.x5t#S256 belongs to another system or certificate (RFC 8705).",
    ],
    next_step: [
        "使用取得令牌时的同一客户端证书;换证书后重新取令牌,不要在系统之间共用令牌。",
        "Use the client certificate with which the token was obtained; get a new token after renewing it, and never share tokens between systems.",
    ],
    basis: Some(&D33_2),
};

pub(super) const PARTY_SUSPENDED: Row = Row {
    title: ["本部门的接入已暂停", "Your department is suspended"],
    detail: ["本部门在平台上的全部调用均已暂停。", "Every call of your department is suspended on this exchange."],
    next_step: [
        "由本部门首席数据官向主管部门了解暂停原因,整改后申请恢复;恢复前请停止重试。",
        "Your chief data officer asks the supervising authority for the reason and applies for resumption; stop retrying until then.",
    ],
    basis: Some(&D33_2),
};
