//! Conditions on an answer, compiled: what stands in its body is tested while it is read, what stands in its
//! head before.

use http::{HeaderMap, HeaderName, StatusCode};

use super::NodeIx;
use crate::spec::{ConditionSpec, ErrorSpec, Meaning, ScalarText, SpecFault};

/// Most tests of statuses and headers in one operation: one bit each.
const HEAD_TESTS_MAX: usize = 64;
/// Deepest nesting of `all` and `any`.
const NESTING_MAX: usize = 4;
/// Seconds after which a caller may try again where a busy provider's binding names none.
const RETRY_AFTER_S: u32 = 1;

/// Whether a test of what stands at a place of the body passes.
pub(crate) type InBody<'b> = dyn FnMut(NodeIx, &Test) -> bool + 'b;

/// A compiled condition.
pub(crate) enum Condition {
    /// What stands at a place of the body.
    Body {
        node: NodeIx,
        test: Test,
    },
    /// A test of the head, by its number.
    Head(usize),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

impl Condition {
    pub(crate) fn holds(&self, head: Head, body: &mut InBody<'_>) -> bool {
        match self {
            Self::Body { node, test } => body(*node, test),
            Self::Head(test) => head.passes(*test),
            Self::All(parts) => parts.iter().all(|part| part.holds(head, body)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(head, body)),
        }
    }
}

impl Condition {
    /// Every place of the body that it looks at.
    pub(crate) fn visit(&self, on_place: &mut dyn FnMut(NodeIx)) {
        match self {
            Self::Body { node, .. } => on_place(*node),
            Self::Head(_) => {}
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.visit(on_place)),
        }
    }
}

/// What must stand at a place.
pub(crate) enum Test {
    Equals(Vec<Box<str>>),
    NotEquals(Vec<Box<str>>),
    Exists,
    Absent,
}

impl Test {
    /// Whether the text of a scalar passes; `None` where nothing, or null, stands.
    pub(crate) fn accepts(&self, text: Option<&str>) -> bool {
        let among = |list: &[Box<str>]| text.map(|text| list.iter().any(|one| **one == *text));
        match self {
            Self::Equals(list) => among(list) == Some(true),
            Self::NotEquals(list) => among(list) == Some(false),
            Self::Exists => text.is_some(),
            Self::Absent => text.is_none(),
        }
    }
}

/// A test of an answer's head.
pub(crate) enum HeadTest {
    Status(Vec<u16>),
    Header(HeaderName, Test),
}

/// Which tests of the head an answer passed, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head(u64);

impl Head {
    pub(crate) fn passes(self, test: usize) -> bool {
        self.0 >> test & 1 == 1
    }
}

/// What an error of the provider means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) means: Meaning,
    pub(crate) retry_after_s: u32,
}

/// All conditions of an operation.
#[derive(Default)]
pub(crate) struct Conditions {
    pub(crate) success: Option<Condition>,
    pub(crate) not_found: Option<Condition>,
    pub(crate) errors: Vec<(Condition, Outcome)>,
    head: Vec<HeadTest>,
}

impl Conditions {
    /// What the first error that holds means.
    pub(crate) fn outcome(&self, head: Head, body: &mut InBody<'_>) -> Option<Outcome> {
        self.errors.iter().find(|(condition, _)| condition.holds(head, body)).map(|(_, outcome)| *outcome)
    }

    /// Tests the head of an answer.
    pub(crate) fn head(&self, status: StatusCode, headers: &HeaderMap) -> Head {
        let passes = |test: &HeadTest| match test {
            HeadTest::Status(list) => list.contains(&status.as_u16()),
            HeadTest::Header(name, test) => {
                let mut values = headers.get_all(name).iter();
                match (values.next(), values.next()) {
                    (None, _) => test.accepts(None),
                    (Some(only), None) => test.accepts(Some(only.to_str().unwrap_or("\u{fffd}"))),
                    // Which of several values counts is anyone's guess.
                    (Some(_), Some(_)) => matches!(test, Test::Exists),
                }
            }
        };
        let bits = self.head.iter().enumerate().filter(|(_, test)| passes(test));
        Head(bits.fold(0, |bits, (nth, _)| bits | 1 << nth))
    }
}

/// Conditions in the making.
pub(super) struct Plan<'p> {
    pub(super) compiled: Conditions,
    pub(super) faults: Vec<SpecFault>,
    /// The node of a pointer at a place, or faults.
    pub(super) node: &'p mut dyn FnMut(&str, &str) -> Result<NodeIx, SpecFault>,
}

const EXAMPLE: &str = "{ pointer = \"/code\", equals = [\"0\"] }";

impl Plan<'_> {
    pub(super) fn one(&mut self, place: &str, spec: &ConditionSpec) -> Option<Condition> {
        self.nested(place, spec, NESTING_MAX)
    }

    pub(super) fn errors(&mut self, specs: &[ErrorSpec]) {
        for (nth, ErrorSpec { when, means, retry_after_s }) in specs.iter().enumerate() {
            let place = format!("errors.{nth}");
            let example = "errors = [{ when = { status = [503] }, means = \"busy\", retry_after_s = 5 }]";
            if retry_after_s.is_some() && *means != Meaning::Busy {
                self.fault(format!("{place}.retry_after_s"), "only a busy provider names a pause", example);
            }
            if retry_after_s.is_some_and(|pause| !(1..=3_600).contains(&pause)) {
                self.fault(format!("{place}.retry_after_s"), "not between 1 and 3600", example);
            }
            let Some(condition) = self.one(&format!("{place}.when"), when) else { continue };
            let outcome = Outcome { means: *means, retry_after_s: retry_after_s.unwrap_or(RETRY_AFTER_S) };
            self.compiled.errors.push((condition, outcome));
        }
    }

    fn nested(&mut self, place: &str, spec: &ConditionSpec, left: usize) -> Option<Condition> {
        let subjects = [
            spec.pointer.is_some(),
            spec.header.is_some(),
            !spec.status.is_empty(),
            !spec.all.is_empty(),
            !spec.any.is_empty(),
        ];
        if subjects.iter().filter(|given| **given).count() != 1 {
            self.fault(place.to_owned(), "a condition has one of pointer, header, status, all and any", EXAMPLE);
            return None;
        }
        let test = self.test(place, spec);
        if let Some(pointer) = &spec.pointer {
            let node = (self.node)(&format!("{place}.pointer"), pointer).map_err(|fault| self.faults.push(fault));
            return Some(Condition::Body { node: node.ok()?, test: test? });
        }
        if let Some(name) = &spec.header {
            let Ok(name) = HeaderName::try_from(name.as_str()) else {
                let example = "{ header = \"X-Result\", equals = [\"OK\"] }";
                self.fault(format!("{place}.header"), "not a header name", example);
                return None;
            };
            return self.head_test(place, HeadTest::Header(name, test?));
        }
        if !spec.status.is_empty() {
            let (last, why) = if place.starts_with("errors.") {
                (600, "a status lies between 200 and 599")
            } else {
                (300, "only a 2xx answer is read: other statuses stand in not_found_status or errors")
            };
            if !spec.status.iter().all(|status| (200..last).contains(status)) {
                self.fault(format!("{place}.status"), why, "{ status = [200, 202] }");
            }
            return self.head_test(place, HeadTest::Status(spec.status.clone()));
        }
        if left == 0 {
            self.fault(place.to_owned(), "conditions nest at most 4 deep", EXAMPLE);
            return None;
        }
        let (key, list) = if spec.all.is_empty() { ("any", &spec.any) } else { ("all", &spec.all) };
        let parts: Option<Vec<_>> = list
            .iter()
            .enumerate()
            .map(|(nth, part)| self.nested(&format!("{place}.{key}.{nth}"), part, left - 1))
            .collect();
        parts.map(if spec.all.is_empty() { Condition::Any } else { Condition::All })
    }

    fn test(&mut self, place: &str, spec: &ConditionSpec) -> Option<Test> {
        let needs_one = spec.pointer.is_some() || spec.header.is_some();
        let given = [spec.equals.is_some(), spec.not_equals.is_some(), spec.exists, spec.absent];
        if given.iter().filter(|given| **given).count() != usize::from(needs_one) {
            let fault = if needs_one {
                "pointer and header need one of equals, not_equals, exists and absent"
            } else {
                "equals, not_equals, exists and absent belong to pointer or header"
            };
            self.fault(place.to_owned(), fault, EXAMPLE);
            return None;
        }
        let texts = |list: &[ScalarText]| list.iter().map(|ScalarText(text)| text.as_str().into()).collect();
        for (key, list) in [("equals", &spec.equals), ("not_equals", &spec.not_equals)] {
            if list.as_ref().is_some_and(Vec::is_empty) {
                self.fault(format!("{place}.{key}"), "at least one value is needed", EXAMPLE);
            }
        }
        match (&spec.equals, &spec.not_equals) {
            (Some(list), _) => Some(Test::Equals(texts(list))),
            (None, Some(list)) => Some(Test::NotEquals(texts(list))),
            (None, None) if spec.exists => Some(Test::Exists),
            (None, None) => spec.absent.then_some(Test::Absent),
        }
    }

    fn head_test(&mut self, place: &str, test: HeadTest) -> Option<Condition> {
        let number = self.compiled.head.len();
        if number == HEAD_TESTS_MAX {
            self.fault(place.to_owned(), "more than 64 tests of statuses and headers", EXAMPLE);
            return None;
        }
        self.compiled.head.push(test);
        Some(Condition::Head(number))
    }

    fn fault(&mut self, place: String, fault: &str, example: &str) {
        self.faults.push(SpecFault::new(place, fault, example));
    }
}
