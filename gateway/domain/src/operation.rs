//! Operations of docked systems that a resource declares for the mode `call`: which paths there are, what they may
//! give out, and where people stand in them.
//!
//! An operation's answer is not projected, so everything it may disclose is declared beforehand: a call needs a grant
//! that names the operation and shows every declared item in clear.

mod rules;

use serde::{Deserialize, Serialize};

use crate::catalogue::Resource;
use crate::ids::OperationId;
use crate::items::ItemSet;

pub(crate) use rules::broken_rules;

/// Most operations of one resource.
pub const OPERATIONS_MAX: usize = 64;

/// Id under which grants name the sealed files of a resource.
pub const FILES: &str = "files";

/// Position of an operation in its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationIx(pub u8);

/// A set of a resource's operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OperationSet(u64);

impl OperationSet {
    /// Whether the operation is in the set.
    pub fn contains(self, operation: OperationIx) -> bool {
        usize::from(operation.0) < OPERATIONS_MAX && self.0 & (1 << operation.0) != 0
    }
}

impl FromIterator<OperationIx> for OperationSet {
    /// Positions from [`OPERATIONS_MAX`] on are ignored (the catalogue refuses them).
    fn from_iter<I: IntoIterator<Item = OperationIx>>(operations: I) -> Self {
        let within = operations.into_iter().filter(|operation| usize::from(operation.0) < OPERATIONS_MAX);
        Self(within.fold(0, |bits, operation| bits | (1 << operation.0)))
    }
}

/// HTTP methods that an operation may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "RFC 9110 §9.3 and RFC 5789 explain them")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// All.
    pub const ALL: [Self; 5] = [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// As it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Whether a request with it may have a body here. HTTP gives a body of GET and DELETE no meaning, so
    /// two readers could disagree about it.
    pub fn takes_body(self) -> bool {
        matches!(self, Self::Post | Self::Put | Self::Patch)
    }
}

/// A path with parameters, such as `/orders/{id}`, matched byte for byte against the path of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(Box<str>),
    Parameter(Box<str>),
}

/// Not a path that can be matched byte for byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a path begins with a slash and has segments of letters, digits and -._~!$&'()*+,=:@ or one parameter in braces each"
)]
pub struct PathError;

impl PathTemplate {
    /// Parses a template. A parameter takes a whole segment; each name occurs once.
    ///
    /// # Errors
    /// When a segment is empty, `.` or `..`, or holds what a path cannot carry unencoded.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let rest = text.strip_prefix('/').ok_or(PathError)?;
        let segments = rest.split('/').map(Segment::parse).collect::<Result<Vec<_>, _>>()?;
        let parsed = Self(segments);
        let names: Vec<&str> = parsed.parameters().collect();
        let repeated = names.iter().enumerate().any(|(at, name)| names.iter().take(at).any(|before| before == name));
        if repeated { Err(PathError) } else { Ok(parsed) }
    }

    /// Names of the parameters, in order.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::Parameter(name) => Some(&**name),
            Segment::Literal(_) => None,
        })
    }

    /// Whether a raw path is one of this template's: same number of segments, literals equal byte for byte.
    pub fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix('/') else { return false };
        let mut raw = rest.split('/');
        let fits = |segment: &Segment| match (segment, raw.next()) {
            (Segment::Literal(text), Some(raw)) => **text == *raw,
            (Segment::Parameter(_), Some(raw)) => !raw.is_empty(),
            (_, None) => false,
        };
        self.0.iter().all(fits) && raw.next().is_none()
    }

    /// The raw segment that stands for a parameter in a path of this template.
    pub fn value<'p>(&self, name: &str, path: &'p str) -> Option<&'p str> {
        let is_named = |segment: &Segment| matches!(segment, Segment::Parameter(known) if **known == *name);
        let at = self.0.iter().position(is_named)?;
        path.strip_prefix('/')?.split('/').nth(at)
    }

    /// The path with a raw segment in place of its only parameter.
    pub fn filled(&self, value: &str) -> String {
        self.0.iter().fold(String::new(), |path, segment| match segment {
            Segment::Literal(text) => path + "/" + text,
            Segment::Parameter(_) => path + "/" + value,
        })
    }

    /// Sorts the more specific of two templates that match one path first: a literal before a parameter.
    fn rank(&self) -> Vec<bool> {
        self.0.iter().map(|segment| matches!(segment, Segment::Parameter(_))).collect()
    }

    /// Whether both match the same paths.
    fn is_like(&self, other: &Self) -> bool {
        let alike = |(a, b): (&Segment, &Segment)| match (a, b) {
            (Segment::Literal(a), Segment::Literal(b)) => a == b,
            (Segment::Parameter(_), Segment::Parameter(_)) => true,
            _ => false,
        };
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(alike)
    }
}

impl std::fmt::Display for PathTemplate {
    /// As it is declared.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|segment| match segment {
            Segment::Literal(text) => write!(f, "/{text}"),
            Segment::Parameter(name) => write!(f, "/{{{name}}}"),
        })
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, PathError> {
        if let Some(name) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            return if is_name { Ok(Self::Parameter(name.into())) } else { Err(PathError) };
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte);
        let is_literal = !matches!(text, "" | "." | "..") && text.bytes().all(is_plain);
        if is_literal { Ok(Self::Literal(text.into())) } else { Err(PathError) }
    }
}

/// A step of a [`Pointer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A member of an object.
    Member(Box<str>),
    /// Every element of an array, written `*`.
    Each,
}

/// Where a value stands in a JSON body: a JSON pointer (RFC 6901) in which `*` is every element of an array.
pub type Pointer = Vec<Token>;

/// Where a person stands in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestPlace {
    /// A parameter of the path.
    Path(Box<str>),
    /// A query parameter.
    Query(Box<str>),
    /// A place in the JSON body, which is then read whole before it is sent.
    Body(Pointer),
}

/// Where a person stands in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponsePlace {
    /// A header, in lower case.
    Header(Box<str>),
    /// A place in the JSON body, which is then read whole before it is given out.
    Body(Pointer),
}

/// A declared place and the item that its values are of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectAt<P> {
    /// Where.
    pub at: P,
    /// Position of the item in the resource.
    pub item: usize,
}

/// Hash functions by which a provider tells the content of a sealed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DigestAlgorithm {
    /// SHA-256.
    Sha256,
    /// SM3 (GB/T 32905).
    Sm3,
}

/// A header in which the provider tells the digest of a sealed file, in hexadecimal or base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestHeader {
    /// Name in lower case. An answer without it is refused.
    pub header: Box<str>,
    /// What it holds.
    pub algorithm: DigestAlgorithm,
}

/// What makes an operation give out sealed files: the content is hashed and compared before its first byte leaves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sealed {
    /// Where the provider tells the digest, if it does.
    pub digest: Option<DigestHeader>,
}

/// Bounds of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallBounds {
    /// Longest request body in bytes.
    pub request_bytes_max: u64,
    /// Longest answer in bytes.
    pub response_bytes_max: u64,
    /// From the end of the request to the head of the answer, in milliseconds.
    pub first_byte_ms: u32,
    /// Longest silence of either side within a body, in milliseconds.
    pub idle_ms: u32,
    /// The whole call, in milliseconds.
    pub total_ms: u32,
}

/// A declared operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Id, as grants name it.
    pub id: OperationId,
    /// Method.
    pub method: Method,
    /// Path below the binding's base address.
    pub path: PathTemplate,
    /// Names of the query parameters that may be sent.
    pub query: Vec<Box<str>>,
    /// Media types of request bodies, lower case without parameters; none: no body is taken.
    pub request_types: Vec<Box<str>>,
    /// Media types of answers, lower case without parameters.
    pub response_types: Vec<Box<str>>,
    /// Items that it may give out, all of them in clear.
    pub items: ItemSet,
    /// Where people stand in the request.
    pub request_subjects: Vec<SubjectAt<RequestPlace>>,
    /// Where people stand in the answer.
    pub response_subjects: Vec<SubjectAt<ResponsePlace>>,
    /// Whether it changes nothing at the provider: then it is called while the record reaches the disk.
    pub safe: bool,
    /// Statuses 400–499 that are passed on, without their body.
    pub statuses: Vec<u16>,
    /// Bounds.
    pub bounds: CallBounds,
    /// `Some` for the files of a resource.
    pub sealed: Option<Sealed>,
}

impl Operation {
    /// Items by which a request names people.
    pub fn key(&self) -> ItemSet {
        self.request_subjects.iter().map(|subject| subject.item).collect()
    }

    /// Whether people stand in the body of a request.
    pub fn reads_request(&self) -> bool {
        self.request_subjects.iter().any(|subject| matches!(subject.at, RequestPlace::Body(_)))
    }

    /// Whether people stand in the body of an answer.
    pub fn reads_response(&self) -> bool {
        self.response_subjects.iter().any(|subject| matches!(subject.at, ResponsePlace::Body(_)))
    }
}

impl Resource {
    /// An operation by its position.
    pub fn operation(&self, at: OperationIx) -> Option<&Operation> {
        self.operations.get(usize::from(at.0))
    }

    /// Position of an operation by its id.
    pub fn operation_by_id(&self, id: &str) -> Option<OperationIx> {
        self.indexed().find(|(_, operation)| operation.id.as_str() == id).map(|(at, _)| at)
    }

    /// Operations whose path a raw path is, the most specific first; sealed files have a path of their own.
    pub fn operations_at(&self, path: &str) -> Vec<(OperationIx, &Operation)> {
        let is_at = |operation: &Operation| operation.sealed.is_none() && operation.path.matches(path);
        let mut found: Vec<_> = self.indexed().filter(|(_, operation)| is_at(operation)).collect();
        found.sort_by_cached_key(|(_, operation)| operation.path.rank());
        found
    }

    fn indexed(&self) -> impl Iterator<Item = (OperationIx, &Operation)> {
        (0..).map(OperationIx).zip(&self.operations)
    }
}

/// Whether a media type is JSON.
pub fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> PathTemplate {
        PathTemplate::parse(text).unwrap()
    }

    #[test]
    fn only_paths_that_match_byte_for_byte_are_templates() {
        for text in ["/orders", "/orders/{id}", "/a-b.c~d/{a}/x/{b}", "/a:b@c/{id_1}"] {
            assert_eq!(path(text).to_string(), text);
        }
        for text in [
            "", "orders", "/", "/a/", "//a", "/a//b", "/.", "/../a", "/a%20b", "/a;b", "/a?b", "/a#b", "/{}", "/{a-b}",
            "/x{a}", "/{a}x", "/{a}/{a}", "/订单", "/a b", "/a\\b", "/{a", "/a}",
        ] {
            assert_eq!(PathTemplate::parse(text), Err(PathError), "{text}");
        }
    }

    #[test]
    fn a_path_is_matched_as_it_stands() {
        for (template, raw, expected) in [
            ("/orders/{id}", "/orders/7", true),
            ("/orders/{id}", "/orders/%E4%B8%80", true),
            ("/orders/{id}", "/orders", false),
            ("/orders/{id}", "/orders/", false),
            ("/orders/{id}", "/orders/7/x", false),
            ("/orders/{id}", "/Orders/7", false),
            ("/orders/{id}", "/%6frders/7", false),
            ("/orders/{id}", "orders/7", false),
        ] {
            assert_eq!(path(template).matches(raw), expected, "{template} {raw}");
        }
        assert_eq!(path("/a/{x}/b/{y}").value("y", "/a/1/b/2"), Some("2"));
        assert_eq!(path("/a/{x}").value("y", "/a/1"), None);
        assert_eq!(path("/files/{id}").filled("F-1"), "/files/F-1");
    }

    #[test]
    fn templates_that_match_the_same_paths_are_alike() {
        assert!(path("/a/{x}").is_like(&path("/a/{y}")));
        assert!(!path("/a/{x}").is_like(&path("/a/b")) && !path("/a/{x}").is_like(&path("/a/{x}/c")));
    }
}
