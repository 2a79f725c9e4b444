//! Which service a path names. The raw path is matched; the edge has already refused every
//! encoding that could make two paths of one.

use http::Method;
use sluice_domain::{Code, Mode, Refusal};

/// A service of the data listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route<'p> {
    /// `POST /v1/token`.
    Token,
    /// `GET /.well-known/jwks.json`.
    Jwks,
    /// `GET /.well-known/oauth-authorization-server`.
    Metadata,
    /// `GET /v1/resources`.
    Catalogue,
    /// `GET /v1/resources/{code}`.
    Entry { code: &'p str },
    /// `GET /v1/resources/{code}/openapi.json`.
    Interface { code: &'p str },
    /// `POST /v1/resources/{code}/verify|query`.
    Service { code: &'p str, mode: Mode },
    /// `ANY /v1/resources/{code}/call/{path}`; the path keeps its slash and every byte.
    Call { code: &'p str, path: &'p str },
    /// `GET /v1/resources/{code}/files/{id}`.
    File { code: &'p str, id: &'p str },
    /// `GET /v1/receipts/{index}`.
    Receipt { index: &'p str },
}

impl Route<'_> {
    /// Path template, the only form of a path that is recorded or counted.
    pub(crate) fn template(&self) -> &'static str {
        match self {
            Self::Token => "/v1/token",
            Self::Jwks => "/.well-known/jwks.json",
            Self::Metadata => "/.well-known/oauth-authorization-server",
            Self::Catalogue => "/v1/resources",
            Self::Entry { .. } => "/v1/resources/{code}",
            Self::Interface { .. } => "/v1/resources/{code}/openapi.json",
            Self::Service { mode: Mode::Verify, .. } => "/v1/resources/{code}/verify",
            Self::Service { .. } => "/v1/resources/{code}/query",
            Self::Call { .. } => "/v1/resources/{code}/call/{path}",
            Self::File { .. } => "/v1/resources/{code}/files/{id}",
            Self::Receipt { .. } => "/v1/receipts/{index}",
        }
    }

    /// The only method that it takes; `None` where the resource's operations say so.
    fn method(&self) -> Option<Method> {
        match self {
            Self::Token | Self::Service { .. } => Some(Method::POST),
            Self::Call { .. } => None,
            _ => Some(Method::GET),
        }
    }
}

/// What a path named, and whether it may be called so.
pub(crate) struct Matched<'p> {
    /// The service, when the path names one.
    pub(crate) route: Option<Route<'p>>,
    /// The refusal that route or method call for.
    pub(crate) refusal: Option<Refusal>,
}

impl<'p> Matched<'p> {
    /// Catalogue code of a call on a resource: these are recorded, refused or not.
    pub(crate) fn resource_call(&self) -> Option<(&'p str, Mode)> {
        match self.route {
            Some(Route::Service { code, mode }) => Some((code, mode)),
            Some(Route::Call { code, .. } | Route::File { code, .. }) => Some((code, Mode::Call)),
            _ => None,
        }
    }
}

/// Matches path and method.
pub(crate) fn find<'p>(method: &Method, path: &'p str) -> Matched<'p> {
    let Some(route) = parse(path) else {
        return Matched { route: None, refusal: Some(Code::RequestNotFound.into()) };
    };
    let refusal = route.method().filter(|only| method != only).map(|only| not_allowed(only.as_str()));
    Matched { route: Some(route), refusal }
}

/// `request.method` with the methods that the path takes, as `Allow` lists them.
pub(crate) fn not_allowed(methods: &str) -> Refusal {
    Refusal::new(Code::RequestMethod).with(sluice_domain::Fact::Choices(methods.to_owned()))
}

fn parse(path: &str) -> Option<Route<'_>> {
    match path {
        "/v1/token" => return Some(Route::Token),
        "/.well-known/jwks.json" => return Some(Route::Jwks),
        "/.well-known/oauth-authorization-server" => return Some(Route::Metadata),
        "/v1/resources" => return Some(Route::Catalogue),
        _ => {}
    }
    if let Some(index) = path.strip_prefix("/v1/receipts/") {
        return (!index.is_empty() && !index.contains('/')).then_some(Route::Receipt { index });
    }
    // A code has two segments: 101001001/000001.
    let rest = path.strip_prefix("/v1/resources/")?;
    let class_end = rest.find('/')?;
    let after_class = rest.get(class_end + 1..)?;
    let Some(sequence_end) = after_class.find('/') else {
        let is_code = class_end > 0 && !after_class.is_empty();
        return is_code.then_some(Route::Entry { code: rest });
    };
    let code = rest.get(..class_end + 1 + sequence_end)?;
    let tail = after_class.get(sequence_end + 1..)?;
    match tail {
        "verify" => return Some(Route::Service { code, mode: Mode::Verify }),
        "query" => return Some(Route::Service { code, mode: Mode::Query }),
        "openapi.json" => return Some(Route::Interface { code }),
        _ => {}
    }
    if let Some(id) = tail.strip_prefix("files/") {
        return (!id.is_empty() && !id.contains('/')).then_some(Route::File { code, id });
    }
    let path = tail.strip_prefix("call")?;
    (path.starts_with('/') && path.len() > 1).then_some(Route::Call { code, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_services_and_nothing_else_does() {
        let code = "101001001/000001";
        for (path, route) in [
            ("/v1/token", Some(Route::Token)),
            ("/v1/resources", Some(Route::Catalogue)),
            ("/v1/resources/101001001/000001", Some(Route::Entry { code })),
            ("/v1/resources/101001001/000001/verify", Some(Route::Service { code, mode: Mode::Verify })),
            ("/v1/resources/101001001/000001/query", Some(Route::Service { code, mode: Mode::Query })),
            ("/v1/resources/101001001/000001/openapi.json", Some(Route::Interface { code })),
            ("/v1/resources/101001001/000001/openapi", None),
            ("/v1/resources/101001001/000001/call/a", Some(Route::Call { code, path: "/a" })),
            ("/v1/resources/101001001/000001/call/a/%41/call", Some(Route::Call { code, path: "/a/%41/call" })),
            ("/v1/resources/101001001/000001/call", None),
            ("/v1/resources/101001001/000001/call/", None),
            ("/v1/resources/101001001/000001/callx/a", None),
            ("/v1/resources/101001001/000001/files/F-1", Some(Route::File { code, id: "F-1" })),
            ("/v1/resources/101001001/000001/files/", None),
            ("/v1/resources/101001001/000001/files/a/b", None),
            ("/v1/receipts/12", Some(Route::Receipt { index: "12" })),
            ("/v1/receipts/", None),
            ("/v1/receipts/1/2", None),
            ("/v1/resources/", None),
            ("/v1/resources/101001001", None),
            ("/v1/resources/101001001/", None),
            ("/v1/resources/101001001/000001/", None),
            ("/v1/resources/101001001/000001/verify/", None),
            ("/v1/resources/101001001/000001/Verify", None),
            ("/V1/token", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(parse(path), route, "{path}");
        }
    }

    #[test]
    fn a_known_path_with_another_method_says_which_is_allowed() {
        let matched = find(&Method::GET, "/v1/token");
        assert_eq!(matched.refusal.unwrap().code, Code::RequestMethod);
        assert!(find(&Method::POST, "/v1/token").refusal.is_none());
        assert_eq!(
            find(&Method::POST, "/v1/resources/101001001/000001/files/a").refusal.unwrap().code,
            Code::RequestMethod
        );
        assert!(find(&Method::PATCH, "/v1/resources/101001001/000001/call/a").refusal.is_none());
        assert_eq!(find(&Method::GET, "/nothing").refusal.unwrap().code, Code::RequestNotFound);
    }
}
