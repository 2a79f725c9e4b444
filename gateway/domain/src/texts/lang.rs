//! In which language to answer.

use super::Both;

/// Most languages looked at in one header; browsers send a handful.
const LANGUAGES_MAX: usize = 16;

/// Language of the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lang {
    /// 简体中文.
    #[default]
    Zh,
    /// English.
    En,
}

impl Lang {
    /// The language of `Accept-Language` (RFC 9110, 12.5.4) with the highest weight, the first on a
    /// tie; Chinese where the header names neither.
    pub fn from_accept_language(header: Option<&str>) -> Self {
        let mut best = (0, Self::default());
        for entry in header.unwrap_or_default().split(',').take(LANGUAGES_MAX) {
            let (range, parameters) = entry.split_once(';').unwrap_or((entry, ""));
            let (Some(lang), Some(weight)) = (Self::of_range(range.trim()), weight(parameters)) else { continue };
            if weight > best.0 {
                best = (weight, lang);
            }
        }
        best.1
    }

    /// BCP 47 tag, for `Content-Language`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }

    fn of_range(range: &str) -> Option<Self> {
        let primary = range.split('-').next()?;
        if primary == "*" || primary.eq_ignore_ascii_case("zh") {
            Some(Self::Zh)
        } else if primary.eq_ignore_ascii_case("en") {
            Some(Self::En)
        } else {
            None
        }
    }

    pub(super) const fn of(self, [zh, en]: Both) -> &'static str {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}

/// Weight in thousandths; 1000 where none is given, `None` for an unreadable one.
fn weight(parameters: &str) -> Option<u32> {
    let parameters = parameters.trim();
    if parameters.is_empty() {
        return Some(1000);
    }
    let value = parameters.strip_prefix("q=").or_else(|| parameters.strip_prefix("Q="))?;
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    if !matches!(whole, "0" | "1") || fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u32 = format!("{fraction:0<3}").parse().ok()?;
    Some(if whole == "1" { 1000 } else { thousandths })
}
