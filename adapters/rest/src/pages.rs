//! The records of a question, page by page, until there are enough or no more.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Uri};
use sluice_contract::answer::{Page, Received, examine};
use sluice_contract::operation::Operation;
use sluice_contract::paging::{Turn, follow, link_next};
use sluice_contract::spec::PagingStyle;
use sluice_contract::{Ask, BadAnswer, Fetched, ProviderFault};

use crate::call::Call;
use crate::request;

/// Reads as many pages as the question needs.
///
/// # Errors
/// The first page that cannot be had; a sequence that needs more pages than the binding allows, or that leads back to
/// the page just read.
pub(crate) async fn fetch(call: &mut Call<'_>, operation: &Operation, ask: &Ask<'_>) -> Result<Fetched, ProviderFault> {
    let paging = &operation.paging;
    let mut turn = paging.first(ask);
    let skipped = turn.offset;
    let mut request = request::build(operation, call.base_path(), ask, &turn)?;
    let mut pages = Vec::new();
    let mut last_named: Option<String> = None;
    loop {
        // Behind the last page some providers say "not found".
        let (Received::Answer(page), headers) = call.put(operation, &request).await? else { break };
        call.bytes_left = call.bytes_left.saturating_sub(page.len());
        let looked = if may_go_on(operation, ask, &turn) { Some(look(operation, &page, &headers)?) } else { None };
        pages.push(page);
        let Some((records, named)) = looked else { break };
        if named.is_some() && named == last_named {
            return Err(BadAnswer::Next.into());
        }
        let Some(next) = paging.after(&turn, ask, records, named.as_deref()) else { break };
        if pages.len() >= usize::try_from(paging.pages_max).unwrap_or(usize::MAX) {
            return Err(BadAnswer::TooManyRecords.into());
        }
        request = next_request(call, operation, ask, (&request, &next))?;
        turn = Turn { cursor: None, ..next };
        last_named = named;
    }
    Ok(Fetched { pages, layout: Arc::clone(&operation.layout), skipped })
}

/// Whether the answer to this turn can be followed by another page: if not, nobody counts its records twice.
fn may_go_on(operation: &Operation, ask: &Ask<'_>, turn: &Turn<'_>) -> bool {
    match operation.paging.style {
        PagingStyle::None => false,
        PagingStyle::Offset => operation.paging.after(turn, ask, turn.limit, None).is_some(),
        PagingStyle::Page | PagingStyle::Cursor | PagingStyle::Link | PagingStyle::NextUrl => true,
    }
}

/// How many records a page holds, and how it names the next one.
fn look(operation: &Operation, page: &Page, headers: &HeaderMap) -> Result<(u32, Option<String>), BadAnswer> {
    let examined = examine(page, &operation.layout)?;
    let named = if operation.paging.style == PagingStyle::Link { link_next(headers)? } else { examined.next };
    Ok((u32::try_from(examined.records).unwrap_or(u32::MAX), named))
}

/// The request for the next page: by number, offset or cursor in its place, or at the address that was named, with
/// the same method, headers and body.
fn next_request(
    call: &Call<'_>,
    operation: &Operation,
    ask: &Ask<'_>,
    (last, next): (&Request<Bytes>, &Turn<'_>),
) -> Result<Request<Bytes>, BadAnswer> {
    let named = match operation.paging.style {
        PagingStyle::Link | PagingStyle::NextUrl => next.cursor,
        PagingStyle::None | PagingStyle::Offset | PagingStyle::Page | PagingStyle::Cursor => None,
    };
    let Some(named) = named else { return request::build(operation, call.base_path(), ask, next) };
    let current = last.uri().path_and_query().map_or("", |target| target.as_str());
    let target = follow(call.base(), current, named)?;
    let mut request = last.clone();
    *request.uri_mut() = Uri::try_from(target).map_err(|_| BadAnswer::Next)?;
    Ok(request)
}
