//! The articles that refusals rest on, as the requirements number them. A refusal of pure technique
//! has none.

/// A requirement and its article in 《临湘市政务数据资源管理暂行办法》 (临政办发〔2023〕5号).
pub(super) struct Basis {
    pub(super) rule: &'static str,
    pub(super) article: &'static str,
}

/// Departments publish their catalogue on the platform; only what is published can be called.
pub(super) const D08_3: Basis =
    Basis { rule: "D08-3", article: "《临湘市政务数据资源管理暂行办法》第八条第三款" };

/// Conditional resources are given to certain departments on certain conditions.
pub(super) const D17_3: Basis =
    Basis { rule: "D17-3", article: "《临湘市政务数据资源管理暂行办法》第十七条第三款" };

/// What law forbids to provide is not shared.
pub(super) const D17_4: Basis =
    Basis { rule: "D17-4", article: "《临湘市政务数据资源管理暂行办法》第十七条第四款" };

/// The modes of use.
pub(super) const D20: Basis =
    Basis { rule: "D20", article: "《临湘市政务数据资源管理暂行办法》第二十条" };

/// Conditional resources are applied for.
pub(super) const D21_2: Basis =
    Basis { rule: "D21-2", article: "《临湘市政务数据资源管理暂行办法》第二十一条第一款" };

/// What has passed the review is provided.
pub(super) const D21_4: Basis =
    Basis { rule: "D21-4", article: "《临湘市政务数据资源管理暂行办法》第二十一条第一款" };

/// The provider answers for supply: 谁主管,谁提供,谁负责.
pub(super) const D22_1: Basis =
    Basis { rule: "D22-1", article: "《临湘市政务数据资源管理暂行办法》第二十二条第一款" };

/// The user answers for use: 谁经手,谁使用,谁管理,谁负责.
pub(super) const D22_2: Basis =
    Basis { rule: "D22-2", article: "《临湘市政务数据资源管理暂行办法》第二十二条第二款" };

/// Authentication, against access beyond one's rights.
pub(super) const D33_2: Basis = Basis {
    rule: "D33-2",
    article: "《临湘市政务数据资源管理暂行办法》第三十三条第一款第(二)项",
};

/// Purpose and scope of use are not changed without approval.
pub(super) const D34: Basis =
    Basis { rule: "D34", article: "《临湘市政务数据资源管理暂行办法》第三十四条第(六)项" };
