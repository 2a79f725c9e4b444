//! From page to page of a provider's answer: which page a call asks for, and where the next one is.
//!
//! Pure: the adapter drives the loop. A next address that the provider names is followed only on the same
//! origin and below the binding's own path, so that no answer can send the exchange elsewhere.

use http::header::LINK;
use http::{HeaderMap, Uri};

use crate::adapter::Ask;
use crate::fault::BadAnswer;
use crate::spec::{PagingSpec, PagingStyle, SpecFault};
use crate::template::is_plain_path;

/// Records of a page where a provider that counts pages declares no size.
const PAGE_SIZE: u32 = 100;
/// Pages that one call reads where nothing is declared: 5,000 records of 100.
const PAGES_MAX: u32 = 50;
/// Longest cursor or next address that is taken from an answer, in bytes.
pub const NEXT_BYTES_MAX: usize = 4_096;

/// Compiled paging of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// The way of counting.
    pub style: PagingStyle,
    /// Most pages that one call reads.
    pub pages_max: u32,
    first: u32,
    size_max: Option<u32>,
}

/// Which page a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn<'a> {
    /// `{limit}`: most records wanted from the provider.
    pub limit: u32,
    /// `{offset}`: records before the page.
    pub offset: u32,
    /// `{page}`: number of the page.
    pub page: u32,
    /// `{cursor}`: what the page before said; none for the first.
    pub cursor: Option<&'a str>,
}

impl Paging {
    pub(crate) fn compile(spec: &PagingSpec, faults: &mut Vec<SpecFault>) -> Self {
        let mut fault = |key: &str, fault: &str, example: &str| {
            faults.push(SpecFault::new(format!("paging.{key}"), fault, example));
        };
        let style = spec.style;
        let table = "paging = { style = \"cursor\", next = \"/data/next\" }";
        if spec.first.is_some_and(|first| first > 1 || style != PagingStyle::Page) {
            fault("first", "pages are counted from 0 or from 1", "paging = { style = \"page\", first = 1 }");
        }
        if spec.size_max.is_some_and(|size| !(1..=10_000).contains(&size)) {
            fault("size_max", "not between 1 and 10000", "paging = { style = \"offset\", size_max = 100 }");
        }
        if spec.pages_max.is_some_and(|pages| !(1..=1_000).contains(&pages)) {
            fault("pages_max", "not between 1 and 1000", "paging = { style = \"offset\", pages_max = 50 }");
        }
        match (matches!(style, PagingStyle::Cursor | PagingStyle::NextUrl), &spec.next) {
            (true, None) => fault("next", "say where the answer names the next page", table),
            (false, Some(_)) => fault("next", "only cursor and next_url look for it", table),
            _ => {}
        }
        let size_max = spec.size_max.or((style == PagingStyle::Page).then_some(PAGE_SIZE));
        Self { style, pages_max: spec.pages_max.unwrap_or(PAGES_MAX), first: spec.first.unwrap_or(1), size_max }
    }

    /// The first page for a question. Where records are counted or pages are, it begins at or before the
    /// first record wanted ([`Turn::offset`]); elsewhere at the very beginning.
    pub fn first(&self, ask: &Ask<'_>) -> Turn<'static> {
        let through = ask.offset.saturating_add(ask.limit);
        let size = |wanted: u32| self.size_max.map_or(wanted, |most| wanted.min(most));
        let start = Turn { limit: size(through), offset: 0, page: self.first, cursor: None };
        match self.style {
            PagingStyle::Offset => Turn { limit: size(ask.limit), offset: ask.offset, ..start },
            PagingStyle::Page => {
                let size = self.size_max.unwrap_or(PAGE_SIZE).max(1);
                let before = ask.offset / size;
                Turn { limit: size, offset: before * size, page: self.first.saturating_add(before), cursor: None }
            }
            PagingStyle::None | PagingStyle::Cursor | PagingStyle::Link | PagingStyle::NextUrl => start,
        }
    }

    /// The page after one that held `records`, if the question needs it and there can be one; `next` is what
    /// the answer said. Where the provider counts by addresses, the turn tells only how many are left.
    pub fn after<'n>(&self, turn: &Turn<'_>, ask: &Ask<'_>, records: u32, next: Option<&'n str>) -> Option<Turn<'n>> {
        let offset = turn.offset.saturating_add(records);
        let left = ask.offset.saturating_add(ask.limit).checked_sub(offset).filter(|left| *left > 0)?;
        let limit = self.size_max.map_or(left, |most| left.min(most));
        match self.style {
            PagingStyle::None => None,
            PagingStyle::Offset | PagingStyle::Page if records < turn.limit => None,
            PagingStyle::Offset => Some(Turn { limit, offset, page: turn.page, cursor: None }),
            PagingStyle::Page => {
                Some(Turn { limit: turn.limit, offset, page: turn.page.saturating_add(1), cursor: None })
            }
            PagingStyle::Cursor | PagingStyle::Link | PagingStyle::NextUrl => {
                next.map(|next| Turn { limit, offset, page: turn.page, cursor: Some(next) })
            }
        }
    }
}

/// The target of the `Link` header that is the next page (RFC 8288).
///
/// # Errors
/// `Next` when a header has no valid form.
pub fn link_next(headers: &HeaderMap) -> Result<Option<String>, BadAnswer> {
    for value in headers.get_all(LINK) {
        let mut rest = value.to_str().map_err(|_| BadAnswer::Next)?.trim_start();
        while !rest.is_empty() {
            let (target, after) =
                rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).ok_or(BadAnswer::Next)?;
            let (parameters, others) = split_outside_quotes(after, ',');
            if is_next(parameters) {
                return Ok(Some(target.to_owned()));
            }
            rest = others.trim_start();
        }
    }
    Ok(None)
}

fn is_next(mut parameters: &str) -> bool {
    while !parameters.is_empty() {
        let (parameter, rest) = split_outside_quotes(parameters, ';');
        if let Some((name, value)) = parameter.split_once('=')
            && name.trim().eq_ignore_ascii_case("rel")
        {
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            return relations.any(|relation| relation.eq_ignore_ascii_case("next"));
        }
        parameters = rest;
    }
    false
}

/// What stands before and after the first separator outside quotes.
fn split_outside_quotes(text: &str, separator: char) -> (&str, &str) {
    let mut is_quoted = false;
    let at = text.find(|character| {
        is_quoted ^= character == '"';
        character == separator && !is_quoted
    });
    at.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?))).unwrap_or((text, ""))
}

/// The target (path and query) of a next address that an answer names: absolute on the origin of `base`, or
/// relative to `current`, the target of the call that was answered; below the path of `base`.
///
/// # Errors
/// `Next` for any other address.
pub fn follow(base: &Uri, current: &str, reference: &str) -> Result<String, BadAnswer> {
    let is_plain = reference.len() <= NEXT_BYTES_MAX
        && reference.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\#<>\"{}|^`".contains(&byte));
    let current_path = current.split('?').next().unwrap_or_default();
    let target = match reference {
        _ if !is_plain || reference.starts_with("//") => return Err(BadAnswer::Next),
        _ if reference.starts_with('/') => reference.to_owned(),
        _ if reference.starts_with('?') => format!("{current_path}{reference}"),
        _ if reference.contains("://") => {
            let absolute: Uri = reference.parse().map_err(|_| BadAnswer::Next)?;
            if !is_same_origin(base, &absolute) {
                return Err(BadAnswer::Next);
            }
            absolute.path_and_query().map(ToString::to_string).ok_or(BadAnswer::Next)?
        }
        // Whatever that scheme may be.
        _ if reference.split('/').next().is_some_and(|segment| segment.contains(':')) => return Err(BadAnswer::Next),
        _ => format!("{}/{reference}", current_path.rsplit_once('/').map_or("", |(folder, _)| folder)),
    };
    let below = base.path().trim_end_matches('/');
    let path = target.split('?').next().unwrap_or_default();
    let is_below = path.strip_prefix(below).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if is_below && is_plain_path(path) { Ok(target) } else { Err(BadAnswer::Next) }
}

fn is_same_origin(one: &Uri, other: &Uri) -> bool {
    let origin = |uri: &Uri| {
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let port = authority.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
        Some((scheme, authority.host().to_ascii_lowercase(), port))
    };
    origin(one).is_some() && origin(one) == origin(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_named_by_a_link_header() {
        for (values, expected) in [
            (&["<https://a/x?page=2>; rel=\"next\""][..], Ok(Some("https://a/x?page=2"))),
            (&["</x?a=1,2>; rel=prev, </x?a=3>; title=\"a, b; rel=next\"; rel=\"last next\""], Ok(Some("/x?a=3"))),
            (&["</1>; rel=first", "</2>; REL=Next"], Ok(Some("/2"))),
            (&["</1>; rel=nextish"], Ok(None)),
            (&[], Ok(None)),
            (&["next"], Err(BadAnswer::Next)),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(LINK, value.parse().unwrap());
            }
            assert_eq!(link_next(&headers), expected.map(|target| target.map(str::to_owned)), "{values:?}");
        }
    }

    #[test]
    fn next_addresses_stay_on_the_origin_and_below_the_base() {
        let base: Uri = "https://mz.example:8443/api".parse().unwrap();
        for (reference, expected) in [
            ("https://mz.example:8443/api/p?page=2", Some("/api/p?page=2")),
            ("HTTPS://MZ.example:8443/api/p", Some("/api/p")),
            ("/api/q?c=a%2Fb", Some("/api/q?c=a%2Fb")),
            ("?page=3", Some("/api/p?page=3")),
            ("q?page=3", Some("/api/q?page=3")),
            ("/api", Some("/api")),
            ("http://mz.example:8443/api/p", None),
            ("https://mz.example/api/p", None),
            ("https://169.254.169.254/api/p", None),
            ("https://mz.example:8443@evil/api/p", None),
            ("https://u@mz.example:8443/api/p", None),
            ("//evil/api/p", None),
            ("/apix", None),
            ("/admin", None),
            ("/api/../admin", None),
            ("/api/%2e%2e/admin", None),
            ("../admin", None),
            ("/api/p#x", None),
            ("/api/p x", None),
            ("/api/\r\nHost:x", None),
            ("https:/api", None),
        ] {
            assert_eq!(follow(&base, "/api/p?page=1", reference).ok().as_deref(), expected, "{reference}");
        }
    }
}
