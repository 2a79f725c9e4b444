//! One precise sentence for each fault that a code may cover.

use super::Both;
use crate::refusal::Fault;

/// What exactly is wrong, with places for facts.
#[expect(clippy::too_many_lines, reason = "a table with one row per fault, exhaustive so that none is forgotten")]
pub(super) const fn sentence(fault: Fault) -> Both {
    match fault {
        // Framing: the connection closes after most of these.
        Fault::BadRequestLine => ["请求行不符合 HTTP 格式。", "The request line is not well-formed HTTP."],
        Fault::HostMissing => ["请求没有 Host 头。", "The request has no Host header."],
        Fault::HostRepeated => ["请求有多个 Host 头。", "The request has more than one Host header."],
        Fault::HostMismatch => {
            ["请求行中的主机与 Host 头不一致。", "The host of the request line differs from the Host header."]
        }
        Fault::TransferEncoding => [
            "Transfer-Encoding 只能是单独一个 chunked,且不得与 Content-Length 并用。",
            "Transfer-Encoding may be a single chunked only, and never together with Content-Length.",
        ],
        Fault::ContentLength => [
            "Content-Length 不是单独一个十进制数,或与请求体长度不符。",
            "Content-Length is not one decimal number, or not the length of the body.",
        ],
        Fault::HeaderRepeated => {
            ["只能出现一次的请求头< {member} >重复出现。", "A header that may stand once is repeated<: {member}>."]
        }
        Fault::HeaderCharacters => [
            "请求头< {member} >含有控制字符或不可见字符。",
            "A header<, {member},> holds control or invisible characters.",
        ],
        Fault::HeaderReserved => [
            "请求带有只能由平台设置的请求头< {member}>,或在 Connection 中列出了不允许的头。",
            "The request sets a header that is the exchange's to set<, {member},> or lists one in Connection that may not be dropped.",
        ],
        Fault::PathEncoding => [
            "请求路径的百分号编码有误,或编码了斜杠、反斜杠、控制字符。",
            "The path has a wrong percent-encoding, or encodes a slash, a backslash or a control character.",
        ],
        Fault::PathSegments => [
            "请求路径含有空段、点段(“.”或“..”)或路径参数。",
            "The path has empty segments, dot segments or path parameters.",
        ],
        Fault::MethodUnsupported => ["平台不接受这种请求方法。", "The exchange does not take this method."],
        Fault::UpgradeUnsupported => {
            ["平台不支持协议升级(Upgrade、h2c)。", "The exchange does not upgrade protocols (Upgrade, h2c)."]
        }
        Fault::ExpectUnsupported => ["Expect 头只能是 100-continue。", "Expect may be 100-continue only."],
        Fault::BodyBroken => [
            "请求体没有完整到达,或其分块格式有误。",
            "The body did not arrive completely, or its chunks are not well formed.",
        ],
        Fault::BodyEncoding => {
            ["请求体经过压缩编码;请发送未压缩的内容。", "The body is encoded (compressed); send it plain."]
        }
        // Body, headers, cursor, token.
        Fault::NotUtf8 => ["请求体不是有效的 UTF-8 文本。", "The body is not valid UTF-8."],
        Fault::NotJson => ["请求体不是一个完整的 JSON 文档。", "The body is not one complete JSON document."],
        Fault::DuplicateMember => [
            "<{member} 处的>JSON 对象中有重复的成员名,含义不明,不予处理。",
            "A JSON object< at {member}> repeats a member name, which leaves its meaning open.",
        ],
        Fault::NotObject => ["<{member} >应为 JSON 对象。", "A JSON object is expected< at {member}>."],
        Fault::UnknownMember => [
            "JSON 对象中有未定义的成员<;此处可用:{member}>。",
            "A JSON object has an unknown member<; known here: {member}>.",
        ],
        Fault::MissingMember => ["缺少必需的成员< {member}>。", "A required member is missing<: {member}>."],
        Fault::NotText => [
            "<{member} 中>有不是字符串的值<(数据项 {items})>;所有值均以字符串发送,数字也加引号。",
            "A value< in {member}>< (item {items})> is not a string; every value is sent as a string, numbers in quotes.",
        ],
        Fault::TooLong => [
            "<{member} 中>有值超过长度上限<({limit} 个字符)><(数据项 {items})>。",
            "A value< in {member}>< (item {items})> is longer than allowed< ({limit} characters)>.",
        ],
        Fault::UnknownItem => {
            ["<{member} 中>有该资源没有的数据项。", "An item named< in {member}> does not exist in this resource."]
        }
        Fault::OutItemClaimed => [
            "数据项< {items} >是由提供部门给出的应答代码,不能作为核验内容。",
            "An answer code made by the provider cannot be claimed<: {items}>.",
        ],
        Fault::KeySet => [
            "<{member} 中>的键组合不是该资源允许的组合<;可用:{choices}>。",
            "The keys< in {member}> are none of the resource's key sets<; there are: {choices}>.",
        ],
        Fault::NoClaims => ["claims 中至少要有一项待核验内容。", "claims needs at least one item to verify."],
        Fault::NoFields => [
            "fields 不能为空数组;省略 fields 即返回全部已授权数据项。",
            "fields may not be empty; leave it out to get all that is granted.",
        ],
        Fault::RepeatedField => ["fields 中有重复的数据项<:{items}>。", "fields names an item twice<: {items}>."],
        Fault::CheckDigit => [
            "<{member} 中>数据项< {items} >的号码长度、日期或校验码有误(公民身份号码按 GB 11643,统一社会信用代码按 GB 32100)。",
            "A number< in {member}>< (item {items})> has a wrong length, date or check digit (citizen id: GB 11643; 统一社会信用代码: GB 32100).",
        ],
        Fault::ValueForm => [
            "<{member} 中>数据项< {items} >的值不符合其数据类型或长度(日期、数值、手机号等见目录)。",
            "A value< in {member}>< (item {items})> does not fit the item's type or length as the catalogue gives them.",
        ],
        Fault::LimitRange => {
            ["limit 应为 1 至<上限 {limit} 的>整数。", "limit has to be an integer of at least 1<, at most {limit}>."]
        }
        Fault::BatchSize => [
            "items 应为 1 至< {limit} >项的数组。",
            "items has to be an array of at least one entry<, at most {limit}>.",
        ],
        Fault::BatchMixed => [
            "items 中混用了不同的键组合;一批请求只能使用同一种。",
            "items mixes different key sets; one batch uses one of them.",
        ],
        Fault::BatchAboveRate => [
            "本批的条数超过每秒上限<({limit} 条)>,等待也不能通过;请拆成较小的批次提交。",
            "The batch has more items than the limit per second allows< ({limit})>, so waiting does not help: split it into smaller batches.",
        ],
        Fault::PurposeForm => [
            "Exchange-Purpose 的格式有误:应为 1–32 个 [A-Za-z0-9._-] 字符,且只出现一次。",
            "Exchange-Purpose is not well formed: 1–32 characters of [A-Za-z0-9._-], sent once.",
        ],
        Fault::HandlerForm => [
            "Exchange-Handler 的格式有误:应为 1–64 个 [A-Za-z0-9._-] 字符,且只出现一次。",
            "Exchange-Handler is not well formed: 1–64 characters of [A-Za-z0-9._-], sent once.",
        ],
        Fault::MatterForm => [
            "Exchange-Matter 的格式有误:应为 1–64 个字符,可见 ASCII 或百分号编码的 UTF-8,且只出现一次。",
            "Exchange-Matter is not well formed: 1–64 characters of printable ASCII or percent-encoded UTF-8, sent once.",
        ],
        Fault::QueryParameter => [
            "地址中的查询参数< {member} >未定义、重复或取值有误<(可用:{choices})>。",
            "A query parameter< ({member})> is unknown, repeated or has a wrong value< (known: {choices})>.",
        ],
        Fault::CursorForm => ["cursor 不是本平台签发的游标。", "cursor was not made by this exchange."],
        Fault::CursorForeign => [
            "cursor 属于另一部门、授权、查询条件或数据项组合。",
            "cursor belongs to another department, grant, filter or set of fields.",
        ],
        Fault::CursorExpired => ["cursor 已超过 10 分钟的有效期。", "cursor is older than its 10 minutes."],
        Fault::TokenForm => ["令牌或令牌请求的格式有误。", "The token, or the request for one, is not well formed."],
        Fault::TokenAlgorithm => [
            "令牌头部声明的算法或参数不被接受(自签发令牌为 ES256)。",
            "The token's header names an algorithm or parameter that is not accepted (the exchange's own tokens are ES256).",
        ],
        Fault::TokenSignature => [
            "令牌签名不正确,或签名密钥不在受信任的密钥中。",
            "The token's signature is wrong, or its key is not one of the trusted keys.",
        ],
        Fault::TokenIssuer => ["令牌的签发方(iss)不受信任。", "The token's issuer (iss) is not trusted."],
        Fault::TokenAudience => ["令牌的受众(aud)不是本平台。", "The token's audience (aud) is not this exchange."],
        Fault::TokenClaims => [
            "令牌缺少必需的声明或其类型有误(iss、aud、sub、exp、cnf)。",
            "A required claim of the token is missing, repeated or of a wrong type (iss, aud, sub, exp, cnf).",
        ],
        Fault::TokenNotYetValid => [
            "令牌尚未生效(nbf 或 iat 在未来);请核对本机时钟。",
            "The token is not valid yet (nbf or iat lies in the future); check your clock.",
        ],
        Fault::PlannedOutage => [
            "提供部门<({provider})>的业务系统正在计划内停机,其间不作询问<;约 {retry} 秒后恢复>。",
            "The provider's system<, {provider},> is in a planned outage and is not asked meanwhile<; it ends in {retry} s>.",
        ],
        Fault::ProviderBusy => [
            "<{provider}的>业务系统同时受理的调用已达约定上限,本次调用未转交。",
            "The provider's system< ({provider})> has as many calls in hand as it agreed to take; this one was not passed on.",
        ],
    }
}
