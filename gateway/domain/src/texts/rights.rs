//! Words of refusals about what may be asked, for which purpose, by whom and under which grant.

use super::Row;
use super::basis::{D08_3, D17_3, D17_4, D20, D21_2, D21_4, D22_2, D34};

pub(super) const PURPOSE_MISSING: Row = Row {
    title: ["未说明用途", "The purpose is missing"],
    detail: [
        "请求缺少 Exchange-Purpose 头,无法判断数据用于何事。",
        "The request has no Exchange-Purpose header, so that nobody could tell what the data is for.",
    ],
    next_step: [
        "在 Exchange-Purpose 中填写用途代码<,可选:{choices}>。",
        "Send a purpose code in Exchange-Purpose<; there are: {choices}>.",
    ],
    basis: Some(&D22_2),
};

pub(super) const PURPOSE_UNKNOWN: Row = Row {
    title: ["用途代码不存在", "The purpose is unknown"],
    detail: [
        "Exchange-Purpose 不是平台用途清单中的代码。",
        "Exchange-Purpose is not a code of the exchange's list of purposes.",
    ],
    next_step: [
        "改用清单中的用途代码<:{choices}>;区分大小写。清单缺少所需用途时,请向平台管理员提出增加。",
        "Use a code of the list<: {choices}>; capitals count. If the list lacks your purpose, ask the exchange's administrator to add it.",
    ],
    basis: Some(&D22_2),
};

pub(super) const HANDLER_MISSING: Row = Row {
    title: ["未说明经手人", "The handler is missing"],
    detail: [
        "请求缺少 Exchange-Handler 头,无法落实“谁经手,谁负责”。",
        "The request has no Exchange-Handler header: nobody answers for this access.",
    ],
    next_step: [
        "在 Exchange-Handler 中填写经办此事、已在平台登记的本部门人员编号;批处理任务填写其责任人编号。",
        "Send in Exchange-Handler the id of the registered person of your department who handles the matter; a batch job names the person responsible for it.",
    ],
    basis: Some(&D22_2),
};

pub(super) const HANDLER_UNKNOWN: Row = Row {
    title: ["经手人未登记", "The handler is not registered"],
    detail: [
        "Exchange-Handler 不是本部门在平台登记的人员编号。",
        "Exchange-Handler is not the id of a person registered for your department.",
    ],
    next_step: [
        "核对编号,或由本部门管理员登记该人员的姓名、岗位后重试;不得以公民身份号码作为编号。",
        "Check the id, or have your administrator register the person with name and post; a citizen's id number is never a handler id.",
    ],
    basis: Some(&D22_2),
};

pub(super) const HANDLER_DISABLED: Row = Row {
    title: ["经手人已停用", "The handler is disabled"],
    detail: [
        "Exchange-Handler 所指人员已被本部门停用,不得再经手数据调用。",
        "The person named in Exchange-Handler is disabled and may not handle calls.",
    ],
    next_step: [
        "改由在岗的登记人员经手;停用有误的,由本部门管理员恢复。",
        "Let an active registered person handle the call; if the person was disabled by mistake, your administrator can restore the entry.",
    ],
    basis: Some(&D22_2),
};

pub(super) const RESOURCE_NOT_FOUND: Row = Row {
    title: ["目录中没有该资源", "The resource is not in the catalogue"],
    detail: [
        "路径中的目录代码不存在或尚未发布。",
        "The catalogue code in the path does not exist or is not published.",
    ],
    next_step: [
        "用 GET /v1/resources 检索正确的代码;目录中确无所需数据的,可在平台提出数据需求。",
        "Look the code up with GET /v1/resources; if the catalogue really lacks the data, file a data request on the platform.",
    ],
    basis: Some(&D08_3),
};

pub(super) const NOT_SHARED: Row = Row {
    title: ["不予共享的资源", "The resource is not shared"],
    detail: [
        "该资源依法列为不予共享类,任何调用均不提供<;依据:{law}>。",
        "The law keeps this resource from being shared; no call is served<. Legal basis: {law}>.",
    ],
    next_step: [
        "停止调用。确有使用需求的,向行政审批服务局提出申请,由其组织论证和审核(第二十一条第二款)。",
        "Stop calling it. If the data is really needed, apply to the administrative approval bureau, which has the case examined (article 21, paragraph 2).",
    ],
    basis: Some(&D17_4),
};

pub(super) const MODE_NOT_OFFERED: Row = Row {
    title: ["资源不提供这种使用方式", "The resource does not offer this mode"],
    detail: [
        "该资源未以所请求的方式提供<,可用方式:{choices}>。",
        "The resource is not offered in the mode asked for<; it offers: {choices}>.",
    ],
    next_step: [
        "改用目录所列的使用方式<({choices})>;方式以资源条目的 modes 为准。",
        "Use a mode of the catalogue entry<: {choices}>; see modes in its entry under /v1/resources.",
    ],
    basis: Some(&D20),
};

pub(super) const MATTER_MISSING: Row = Row {
    title: ["未说明办理事项编号", "The case number is missing"],
    detail: [
        "该资源要求每次调用在 Exchange-Matter 头中注明事项或案件编号。",
        "Every call on this resource has to name its case in the Exchange-Matter header.",
    ],
    next_step: [
        "在 Exchange-Matter 中填写业务系统的受理编号:1–64 个可见 ASCII 字符,中文须百分号编码(UTF-8)<;有疑问请联系{provider}>。",
        "Send the case number of your business system in Exchange-Matter: 1–64 printable ASCII characters, anything else percent-encoded UTF-8<; ask {provider} in case of doubt>.",
    ],
    basis: Some(&D22_2),
};

pub(super) const GRANT_REQUIRED: Row = Row {
    title: ["需要授权", "A grant is required"],
    detail: [
        "该资源为有条件共享类,本部门今天没有对它生效的授权。",
        "The resource is shared on conditions, and your department holds no grant for it that is valid today.",
    ],
    next_step: [
        "在平台提交使用申请,写明用途、依据、数据项和期限<,由{provider}审核>,审核期限为 5 个工作日;已获批准的,请核对授权的起始日期。",
        "Submit an application on the platform with purpose, legal basis, items and period; it is reviewed< by {provider}> within 5 working days. If one was approved already, check its first day.",
    ],
    basis: Some(&D21_2),
};

pub(super) const GRANT_REVOKED: Row = Row {
    title: ["授权已撤销", "The grant was revoked"],
    detail: ["授权< {grant} >已被撤销,不再有效。", "Grant< {grant}> was revoked and is no longer valid."],
    next_step: [
        "在平台查看撤销理由;仍需使用的重新申请,有异议的可提请主管部门协调。",
        "Read the reason on the platform; apply again if the data is still needed, or take a disagreement to the supervising authority.",
    ],
    basis: Some(&D21_4),
};

pub(super) const GRANT_SUSPENDED: Row = Row {
    title: ["授权已暂停", "The grant is suspended"],
    detail: ["授权< {grant} >目前处于暂停状态。", "Grant< {grant}> is suspended at present."],
    next_step: [
        "在平台查看暂停理由并按要求整改;恢复前请停止重试,有异议的可提请主管部门协调。",
        "Read the reason on the platform and mend what it names; stop retrying until the grant is resumed, or take a disagreement to the supervising authority.",
    ],
    basis: Some(&D21_4),
};

pub(super) const GRANT_EXPIRED: Row = Row {
    title: ["授权已到期", "The grant has expired"],
    detail: ["授权< {grant}>已到期<,最后有效日为 {on}>。", "Grant< {grant}> has expired<; its last day was {on}>."],
    next_step: [
        "仍需使用的,在平台以原授权为基础重新提交使用申请;请在到期前续期,避免业务中断。",
        "If the data is still needed, apply again on the platform on the basis of the old grant; renew before the last day to avoid a gap.",
    ],
    basis: Some(&D21_2),
};

pub(super) const MODE_NOT_GRANTED: Row = Row {
    title: ["授权不含这种使用方式", "The grant does not cover this mode"],
    detail: [
        "授权< {grant}>不包含所请求的使用方式<,已授权方式:{choices}>。",
        "Grant< {grant}> does not cover the mode asked for<; it covers: {choices}>.",
    ],
    next_step: [
        "改用已授权的使用方式,或在平台申请增加该方式(共享条件限定只验证的,不能申请查询)。",
        "Use a granted mode, or apply for this one on the platform (not where the share condition allows verification only).",
    ],
    basis: Some(&D21_2),
};

pub(super) const PURPOSE_MISMATCH: Row = Row {
    title: ["用途不在授权范围内", "The purpose is not covered by the grant"],
    detail: [
        "授权< {grant}>不包含本次所报的用途<,已授权用途:{choices}>。",
        "Grant< {grant}> does not cover the purpose stated<; it covers: {choices}>.",
    ],
    next_step: [
        "仅在事项确属已授权用途时改报该用途;用途不同的,须另行申请,不得借用。",
        "State a granted purpose only if the matter truly falls under it; for another purpose apply anew, never borrow one.",
    ],
    basis: Some(&D34),
};

pub(super) const FIELD_NOT_GRANTED: Row = Row {
    title: ["数据项不在授权范围内", "An item is not covered by the grant"],
    detail: [
        "授权< {grant}>不包含以下数据项<:{items}>。",
        "Grant< {grant}> does not cover every item named in the request<: {items}>.",
    ],
    next_step: [
        "从请求中去掉未授权的数据项<({items})>,或在平台申请增加;省略 fields 即返回全部已授权数据项。",
        "Leave out the items not granted<: {items}>, or apply for them on the platform; without fields a query answers all that is granted.",
    ],
    basis: Some(&D17_3),
};

pub(super) const ROW_SCOPE: Row = Row {
    title: ["须按数据主体查询", "The subject has to be named"],
    detail: [
        "该资源仅限按特定对象使用,请求的键中没有公民身份号码。",
        "This resource is used for a named subject only, and the key of the request holds no citizen id.",
    ],
    next_step: [
        "在 subject 或 filter 中使用含公民身份号码的键组合;可用组合见资源条目的 key_sets。",
        "Use a key set with the citizen id in subject or filter; see key_sets of the resource's entry.",
    ],
    basis: Some(&D17_3),
};
