//! A call of a declared operation as it is sent: made anew for each instance that is tried, around the one body there is.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, VIA};
use http::{HeaderMap, HeaderValue, Method as HttpMethod, Request, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};
use sluice_contract::credentials::{Credentials, Fixed};
use sluice_contract::paging::Turn;
use sluice_contract::{Ask, BadAnswer, Forward, ProviderFault, Upload};
use sluice_domain::operation::Method;
use sluice_domain::{ItemSet, Operation};

use crate::binding::RestBinding;
use crate::token::Token;
use crate::{authority, request};

/// Our pseudonym among the hops of a message (RFC 9110 §7.6.3).
const HOP: HeaderValue = HeaderValue::from_static("1.1 sluice");
/// Headers of a binding name no page.
const FIRST: Turn<'static> = Turn { limit: 0, offset: 0, page: 0, cursor: None };

/// A call that can be sent.
pub(crate) struct Outgoing {
    head: Request<()>,
    content: Content,
}

enum Content {
    Nothing,
    /// In memory already, because people stand in it.
    Whole(Bytes),
    /// Passed on as it comes.
    Passed(Lent),
}

/// A body that stays ours while an instance is asked: if nothing of it left, another instance may have it.
#[derive(Clone)]
struct Lent(Rc<Lending>);

struct Lending {
    upload: RefCell<Upload>,
    has_begun: Cell<bool>,
}

impl Outgoing {
    /// Fills the templates of the binding. A body that the exchange has read whole is taken whole.
    ///
    /// # Errors
    /// `NotAskable` where a header or the target cannot carry what it should.
    pub(crate) async fn of(
        binding: &RestBinding,
        operation: &Operation,
        forward: Forward<'_>,
    ) -> Result<Self, ProviderFault> {
        let ask = Ask {
            resource: forward.resource,
            key: &[],
            claims: &[],
            items: ItemSet::EMPTY,
            limit: 0,
            offset: 0,
            deadline: forward.ends_at,
            request_id: forward.request_id,
            caller: forward.caller,
        };
        let mut head = Request::new(());
        *head.headers_mut() = headers(binding, forward.headers, &ask)?;
        *head.method_mut() = method(operation.method);
        let mut target = format!("{}{}", binding.base_path, forward.target);
        if let Some(Credentials::Fixed(Fixed::Query(pair))) = &binding.credentials {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.push_str(pair);
        }
        *head.uri_mut() = Uri::try_from(target).map_err(|_| BadAnswer::NotAskable)?;
        let content = match forward.body {
            None => Content::Nothing,
            Some(body) if operation.reads_request() => {
                Content::Whole(body.collect().await.map_err(|_| ProviderFault::Interrupted)?.to_bytes())
            }
            Some(body) => Content::Passed(Lent::new(body)),
        };
        Ok(Self { head, content })
    }

    /// The request for one instance, signed or with a token where the binding says so.
    pub(crate) fn request(&self, binding: &RestBinding, token: Option<&Token>) -> Request<Option<Upload>> {
        let mut head = self.head.clone();
        if let Some(token) = token {
            head.headers_mut().insert(AUTHORIZATION, token.authorization.clone());
        }
        if let Some(Credentials::Hmac(signing)) = &binding.credentials {
            // A signature over a body that is passed on is refused with the declaration.
            let body = if let Content::Whole(body) = &self.content { body.as_ref() } else { &[] };
            authority::sign(signing, &mut head, body);
        }
        head.map(|()| -> Option<Upload> {
            match &self.content {
                Content::Nothing => None,
                Content::Whole(body) => Some(Box::pin(Full::new(body.clone()).map_err(|never| match never {}))),
                Content::Passed(lent) => Some(Box::pin(lent.clone())),
            }
        })
    }

    /// Whether it can be sent from its beginning: nothing has been taken of a body that is passed on.
    pub(crate) fn is_whole(&self) -> bool {
        match &self.content {
            Content::Nothing | Content::Whole(_) => true,
            Content::Passed(Lent(lending)) => !lending.has_begun.get(),
        }
    }
}

fn headers(binding: &RestBinding, mut headers: HeaderMap, ask: &Ask<'_>) -> Result<HeaderMap, BadAnswer> {
    for (name, template) in &binding.headers {
        let mut text = String::new();
        template.fill(ask, &FIRST, &mut text).map_err(|_| BadAnswer::NotAskable)?;
        headers.insert(name, HeaderValue::from_str(&text).map_err(|_| BadAnswer::NotAskable)?);
    }
    if let Some(Credentials::Fixed(Fixed::Header(name, value))) = &binding.credentials {
        headers.insert(name, value.clone());
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(VIA, HOP);
    request::introduce(&mut headers, ask)?;
    Ok(headers)
}

fn method(declared: Method) -> HttpMethod {
    match declared {
        Method::Get => HttpMethod::GET,
        Method::Post => HttpMethod::POST,
        Method::Put => HttpMethod::PUT,
        Method::Patch => HttpMethod::PATCH,
        Method::Delete => HttpMethod::DELETE,
    }
}

impl Lent {
    fn new(upload: Upload) -> Self {
        Self(Rc::new(Lending { upload: RefCell::new(upload), has_begun: Cell::new(false) }))
    }
}

impl Body for Lent {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.has_begun.set(true);
        self.0.upload.borrow_mut().as_mut().poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.upload.borrow().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.upload.borrow().size_hint()
    }
}
