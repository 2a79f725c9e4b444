//! Words of refusals about limits, providers, the ledger and the exchange itself.

use super::Row;
use super::basis::{D22_1, D33_2};

pub(super) const LIMIT_RATE: Row = Row {
    title: ["调用过于频繁", "Too many calls at once"],
    detail: [
        "调用频率超过< {grant} >每秒上限<({limit} 次)>。",
        "The calls exceed the limit per second< of {grant}>< ({limit})>.",
    ],
    next_step: [
        "<{retry} 秒后重试;>请按 RateLimit 响应头平滑发送,批量核验使用 items 一次提交,一批不超过每秒上限。",
        "<Try again in {retry} s. >Spread calls as the RateLimit header tells, and verify many subjects in one batch with items, no larger than the limit per second.",
    ],
    basis: None,
};

pub(super) const LIMIT_QUOTA: Row = Row {
    title: ["当日额度已用完", "The quota of the day is used up"],
    detail: [
        "今日(北京时间)调用次数已达< {grant} >的上限<({limit} 次)>。",
        "Today's calls (Asia/Shanghai) have reached the limit< of {grant}>< ({limit})>.",
    ],
    next_step: [
        "<{retry} 秒后(次日零时起)重试;>额度长期不足的,在平台申请调整并说明业务量。",
        "<Try again in {retry} s, when the next day begins. >If the quota is too small for good, apply for a larger one and state the volume.",
    ],
    basis: None,
};

pub(super) const LIMIT_REFUSALS: Row = Row {
    title: ["被拒绝的调用过多", "Too many refused calls"],
    detail: [
        "本系统被拒绝的调用超过每秒上限<({limit} 次)>,超出部分不再逐条答复和存证;被允许的调用不受影响。",
        "Refused calls of this system exceed the limit per second< ({limit})>; those beyond it are neither explained nor recorded one by one. Permitted calls are not affected.",
    ],
    next_step: [
        "<等待 {retry} 秒;>按先前答复中的 code 和 next_step 改正请求,不要原样重试。",
        "<Wait {retry} s. >Mend the requests by code and next_step of the earlier answers; do not repeat them unchanged.",
    ],
    basis: None,
};

pub(super) const UNREACHABLE: Row = Row {
    title: ["提供部门的系统无法连接", "The provider cannot be reached"],
    detail: [
        "平台无法连接提供部门<({provider})>的业务系统,未取得任何数据。",
        "The exchange could not connect to the system of the provider<, {provider}>; no data was obtained.",
    ],
    next_step: [
        "<{retry} 秒后>稍后重试;持续失败的,联系提供部门<({provider})>的值班人员并告知 request_id。",
        "Try again later<, in {retry} s at the earliest>; if it lasts, tell the provider's duty contact< at {provider}> the request_id.",
    ],
    basis: Some(&D22_1),
};

pub(super) const BAD_ANSWER: Row = Row {
    title: ["提供部门的应答不符合约定", "The provider's answer breaks the agreement"],
    detail: [
        "<{provider}的>业务系统的应答缺少数据项、类型不符或与查询条件不一致,平台未予转交。",
        "The answer of the provider's system< ({provider})> lacks items, has wrong types or does not fit the filter; the exchange passed none of it on.",
    ],
    next_step: [
        "原样重试无效。请把 request_id 告知提供部门<({provider})>,由其对照目录和对接文档修正接口。",
        "Repeating the call does not help. Tell the provider< ({provider})> the request_id; its interface has to be mended against catalogue and binding.",
    ],
    basis: Some(&D22_1),
};

pub(super) const TIMEOUT: Row = Row {
    title: ["提供部门应答超时", "The provider did not answer in time"],
    detail: [
        "<{provider}的>业务系统未在规定时间<({limit} 毫秒)>内应答,平台未取得数据。",
        "The provider's system< ({provider})> did not answer within its time limit< of {limit} ms>; no data was obtained.",
    ],
    next_step: [
        "<{retry} 秒后>稍后重试查询和验证;持续超时的,联系提供部门<({provider})>并告知 request_id。",
        "Try the call again later<, in {retry} s at the earliest>; if it lasts, tell the provider< ({provider})> the request_id.",
    ],
    basis: Some(&D22_1),
};

pub(super) const CIRCUIT_OPEN: Row = Row {
    title: ["提供部门的系统暂停调用", "The provider is given a pause"],
    detail: [
        "<{provider}的>业务系统近期连续失败,平台暂停向其转发调用,以便恢复。",
        "The provider's system< ({provider})> failed repeatedly; the exchange holds calls back so that it can recover.",
    ],
    next_step: [
        "<{retry} 秒后>按 Retry-After 重试;持续不可用的,联系提供部门<({provider})>的值班人员。",
        "Try again as Retry-After says<, in {retry} s>; if it lasts, ask the provider's duty contact< at {provider}>.",
    ],
    basis: Some(&D22_1),
};

pub(super) const LEDGER_UNAVAILABLE: Row = Row {
    title: ["无法存证,未提供数据", "The access could not be recorded, so nothing was served"],
    detail: [
        "访问记录未能可靠写入存证账本;没有记录就不提供数据。",
        "The record of this access could not be made durable; without a record no data is served.",
    ],
    next_step: [
        "<{retry} 秒后>稍后重试;持续出现的,告知平台运营单位(账本磁盘)。",
        "Try again later<, in {retry} s at the earliest>; if it lasts, tell the exchange's operator (disk of the ledger).",
    ],
    basis: Some(&D33_2),
};

pub(super) const POLICY_STALE: Row = Row {
    title: ["平台的规则数据已过时", "The exchange's policy is out of date"],
    detail: [
        "平台的策略快照或证书吊销清单超过允许的时限,为安全起见暂不作授权判断。",
        "The policy snapshot or a certificate revocation list is older than allowed; until it is renewed no right is judged.",
    ],
    next_step: [
        "<{retry} 秒后>稍后重试;持续出现的,告知平台运营单位更新吊销清单或策略。",
        "Try again later<, in {retry} s at the earliest>; if it lasts, ask the exchange's operator to renew revocation list and policy.",
    ],
    basis: None,
};

pub(super) const DRAINING: Row = Row {
    title: ["平台节点正在停机", "This node is shutting down"],
    detail: [
        "本节点正在有序停机,不再接受新的请求;本次请求未被处理。",
        "This node drains before it stops and takes no new requests; this one was not processed.",
    ],
    next_step: [
        "<{retry} 秒后>重新建立连接并重试,由其他节点或重启后的节点处理。",
        "Connect anew and try again< in {retry} s>; another node, or this one after its restart, will serve the call.",
    ],
    basis: None,
};

pub(super) const OVERLOADED: Row = Row {
    title: ["平台繁忙", "The exchange is overloaded"],
    detail: [
        "平台正在处理的请求已达上限;本次请求未被处理。",
        "The exchange has as many requests in hand as it accepts; this one was not processed.",
    ],
    next_step: [
        "<{retry} 秒后>以递增且随机的间隔重试;持续出现的,告知平台运营单位。",
        "Try again< in {retry} s> with growing, randomised pauses; if it lasts, tell the exchange's operator.",
    ],
    basis: None,
};

pub(super) const INTERNAL: Row = Row {
    title: ["平台内部错误", "An internal error of the exchange"],
    detail: [
        "平台处理本次请求时发生内部错误,未提供任何数据。",
        "The exchange failed while processing this request; no data was served.",
    ],
    next_step: [
        "可重试一次;再次失败的,把 request_id 告知平台运营单位。",
        "Try once more; if it fails again, tell the exchange's operator the request_id.",
    ],
    basis: None,
};
