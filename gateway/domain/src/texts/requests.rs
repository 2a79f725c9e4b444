//! Words of refusals about the form of a request.

use super::Row;

pub(super) const MISDIRECTED: Row = Row {
    title: ["请求发错了主机", "The request was sent to another host"],
    detail: [
        "Host 与 TLS 握手的 SNI 或本监听器的名称不一致。",
        "Host differs from the name of the TLS handshake (SNI) or from the names of this listener.",
    ],
    next_step: [
        "按平台公布的地址调用,使 URL、SNI 与 Host 一致;不要跨主机名复用连接。",
        "Call the published address so that URL, SNI and Host agree, and do not reuse a connection for another host name.",
    ],
    basis: None,
};

pub(super) const URI_TOO_LONG: Row = Row {
    title: ["请求地址过长", "The request target is too long"],
    detail: ["请求地址超过长度上限<({limit} 字节)>。", "The request target exceeds the limit< of {limit} bytes>."],
    next_step: [
        "查询条件放入 JSON 请求体,不要放入地址;任何身份信息都不得出现在地址中。",
        "Put conditions into the JSON body instead of the address; no identity ever belongs into an address.",
    ],
    basis: None,
};

pub(super) const HEADERS_TOO_LARGE: Row = Row {
    title: ["请求头过大", "The request headers are too large"],
    detail: [
        "请求头的数量或总长度超过上限<({limit})>。",
        "The number or the size of the request headers exceeds the limit< ({limit})>.",
    ],
    next_step: [
        "去掉不需要的请求头(如 Cookie)后重试。",
        "Leave out headers that are not needed, such as Cookie, and try again.",
    ],
    basis: None,
};

pub(super) const TIMEOUT: Row = Row {
    title: ["请求接收超时", "The request did not arrive in time"],
    detail: [
        "请求未在规定时间内完整到达,连接已关闭。",
        "The request did not arrive completely within the time limit; the connection was closed.",
    ],
    next_step: [
        "检查网络和客户端的发送速度后重试;请求头和请求体应一次连续发出。",
        "Check network and sending speed and try again; send head and body without a pause.",
    ],
    basis: None,
};

pub(super) const NOT_FOUND: Row = Row {
    title: ["没有该接口", "There is no such call"],
    detail: ["请求路径不是本平台的接口。", "The path is none of this exchange's calls."],
    next_step: [
        "核对路径:资源接口形如 /v1/resources/类目码/顺序码/verify 或 /query,目录代码占两段。",
        "Check the path: a resource is called at /v1/resources/CLASS/NUMBER/verify or /query; the catalogue code makes two segments.",
    ],
    basis: None,
};

pub(super) const METHOD: Row = Row {
    title: ["请求方法不适用", "The method does not fit the path"],
    detail: [
        "该路径不支持所用的请求方法<,可用:{choices}>。",
        "The path does not take this method<; it takes: {choices}>.",
    ],
    next_step: [
        "按 Allow 响应头所列方法重新请求;verify 和 query 使用 POST。",
        "Use a method of the Allow header; verify and query take POST.",
    ],
    basis: None,
};

pub(super) const MEDIA_TYPE: Row = Row {
    title: ["请求体的类型不受支持", "The body's media type is not supported"],
    detail: [
        "请求体不是所要求的媒体类型<({choices})>,或经过了压缩编码。",
        "The body is not of the media type expected<: {choices}>, or it is compressed.",
    ],
    next_step: [
        "资源接口使用 Content-Type: application/json(UTF-8),令牌接口使用 application/x-www-form-urlencoded,均不压缩。",
        "Send Content-Type: application/json (UTF-8) to resources and application/x-www-form-urlencoded to the token endpoint, never compressed.",
    ],
    basis: None,
};

pub(super) const TOO_LARGE: Row = Row {
    title: ["请求体过大", "The body is too large"],
    detail: ["请求体超过大小上限<({limit} 字节)>。", "The body exceeds the limit< of {limit} bytes>."],
    next_step: ["拆分后分次提交;批量核验每次不超过 100 项。", "Split the request; a batch holds 100 items at most."],
    basis: None,
};

pub(super) const MALFORMED: Row = Row {
    title: ["请求无法解析", "The request cannot be read"],
    detail: ["请求不符合 HTTP 或 JSON 的格式要求。", "The request breaks the form of HTTP or JSON."],
    next_step: [
        "用标准的 HTTP 客户端和 JSON 库生成请求;经过代理的,检查代理是否改写了请求。",
        "Make the request with an ordinary HTTP client and JSON library; if a proxy stands between, see whether it changes requests.",
    ],
    basis: None,
};

pub(super) const SCHEMA: Row = Row {
    title: ["请求内容不符合接口要求", "The request does not fit the interface"],
    detail: [
        "请求内容<中的 {member} >不符合接口约定<(数据项:{items})>。",
        "The request<, at {member},> does not fit the interface< (items: {items})>.",
    ],
    next_step: [
        "对照资源条目的 items 与 key_sets 改正请求;条目见 GET /v1/resources/资源代码 的应答。",
        "Mend the request by items and key_sets of the resource's entry (GET /v1/resources/CODE).",
    ],
    basis: None,
};

pub(super) const CURSOR: Row = Row {
    title: ["分页游标不可用", "The cursor cannot be used"],
    detail: ["分页游标无效。", "The cursor is not valid."],
    next_step: [
        "去掉 cursor 从第一页重新查询;翻页时保持 filter 和 fields 不变,并在 10 分钟内完成。",
        "Query again from the first page without cursor; while paging keep filter and fields, and finish within 10 minutes.",
    ],
    basis: None,
};

pub(super) const IDEMPOTENCY_CONFLICT: Row = Row {
    title: ["幂等键已用于其他请求", "The idempotency key belongs to another request"],
    detail: [
        "同一 Idempotency-Key 已用于内容不同或仍在处理中的请求。",
        "The same Idempotency-Key was used for a different request, or for one still in progress.",
    ],
    next_step: [
        "新的请求使用新的 Idempotency-Key;重试时保持键和内容都不变。",
        "Use a new Idempotency-Key for a new request; when retrying, keep key and content unchanged.",
    ],
    basis: None,
};
