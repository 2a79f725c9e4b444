//! How to read a provider's answer: a binding's pointers, names and codes, compiled once into a small
//! tree that the reader walks beside the bytes.

mod condition;

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;
use sluice_domain::{Item, ItemCode, Resource};

use crate::format::Format;
use crate::pointer;
use crate::spec::{AnswerType, Charset, FormatSpec, OperationSpec, ScalarText, SpecFault, VerifySpec};

pub use condition::Head;
pub(crate) use condition::{Condition, Conditions, Outcome, Test};

type Map<V> = HashMap<Box<str>, V, RandomState>;

/// A compiled reading instruction, in the item positions of one catalogue entry.
pub struct Layout {
    pub(crate) envelope: Tree,
    pub(crate) records: Records,
    pub(crate) as_of: Option<NodeIx>,
    /// Where the answer names the next page.
    pub(crate) next: Option<NodeIx>,
    pub(crate) conditions: Conditions,
    /// Statuses that mean that nothing was found.
    pub(crate) not_found_status: Vec<u16>,
    pub(crate) answer_type: AnswerType,
    pub(crate) charset: Charset,
    /// By item position, where its value stands: in the record tree of an array, in the envelope tree
    /// of a single record.
    pub(crate) sources: Vec<Option<Source>>,
    /// Whether a wanted item may be absent from a record.
    pub(crate) optional: bool,
}

impl std::fmt::Debug for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layout").field("items", &self.sources.len()).finish_non_exhaustive()
    }
}

pub(crate) type NodeIx = u16;

/// Where records stand.
pub(crate) enum Records {
    /// In an array; each element is read with the tree.
    Array { at: NodeIx, tree: Tree },
    /// One object.
    Single { at: NodeIx },
}

pub(crate) struct Source {
    pub(crate) node: NodeIx,
    /// Provider's text → raw JSON of the catalogue's value.
    pub(crate) codes: Option<Map<Box<str>>>,
    /// How its values are written, where not as the catalogue does.
    pub(crate) format: Option<Format>,
}

/// Names of interest, level by level; everything else is skipped.
pub(crate) struct Tree(Vec<Node>);

#[derive(Default)]
pub(crate) struct Node {
    children: Map<NodeIx>,
    by_index: Vec<(usize, NodeIx)>,
}

impl Node {
    pub(crate) fn child(&self, name: &str) -> Option<NodeIx> {
        self.children.get(name).copied()
    }

    pub(crate) fn element(&self, index: usize) -> Option<NodeIx> {
        self.by_index.iter().find(|(at, _)| *at == index).map(|(_, node)| *node)
    }

    pub(crate) fn is_leaf(&self) -> bool {
        self.children.is_empty()
    }

    /// The name that leads to a node directly below.
    pub(crate) fn name_of(&self, node: NodeIx) -> Option<&str> {
        self.children.iter().find(|(_, child)| **child == node).map(|(name, _)| &**name)
    }
}

impl Tree {
    fn new() -> Self {
        Self(vec![Node::default()])
    }

    pub(crate) fn node(&self, ix: NodeIx) -> Option<&Node> {
        self.0.get(usize::from(ix))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The node of a path, made where it is not there; `None` beyond 65,535 nodes, which 256 items of
    /// 16 levels do not reach.
    fn insert(&mut self, tokens: &[String]) -> Option<NodeIx> {
        let mut at: NodeIx = 0;
        for token in tokens {
            let next = NodeIx::try_from(self.0.len()).ok()?;
            let node = self.0.get_mut(usize::from(at))?;
            if let Some(child) = node.child(token) {
                at = child;
                continue;
            }
            node.children.insert(token.as_str().into(), next);
            if let Some(index) = array_index(token) {
                node.by_index.push((index, next));
            }
            self.0.push(Node::default());
            at = next;
        }
        Some(at)
    }

    /// The pointer that leads to a node.
    pub(crate) fn pointer(&self, ix: NodeIx) -> String {
        let mut names = Vec::new();
        let mut at = ix;
        // A node comes after the one above it, so the way up ends.
        while let Some((above, name)) = (0..at).find_map(|above| Some((above, self.node(above)?.name_of(at)?))) {
            names.push(name.replace('~', "~0").replace('/', "~1"));
            at = above;
        }
        names.iter().rev().fold(String::new(), |pointer, name| pointer + "/" + name)
    }

    fn is_leaf(&self, ix: NodeIx) -> bool {
        self.node(ix).is_none_or(Node::is_leaf)
    }
}

/// RFC 6901: digits without a leading zero.
fn array_index(token: &str) -> Option<usize> {
    let canonical = token == "0" || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
    canonical.then(|| token.parse().ok()).flatten()
}

impl Layout {
    /// Compiles how an operation's records are read.
    ///
    /// # Errors
    /// Every pointer or code that cannot be used; places are relative to the operation.
    pub fn of_records(operation: &OperationSpec, resource: &Resource) -> Result<Self, Vec<SpecFault>> {
        let mut plan = Plan::default();
        plan.unknown_items("fields", operation.fields.keys(), resource);
        plan.unknown_items("codes", operation.codes.keys(), resource);
        plan.unknown_items("formats", operation.formats.keys(), resource);
        let source = |item: &Item| {
            let name = operation.fields.get(&item.code).map_or(item.code.as_str(), String::as_str);
            let codes = operation.codes.get(&item.code);
            let codes = codes.map(|map| plan.codes(&format!("codes.{}", item.code), map, item));
            let format = plan.format(operation, item, codes.is_some());
            Named { place: format!("fields.{}", item.code), pointer: Some(relative(name)), codes, format }
        };
        let sources = resource.items.iter().map(source).collect();
        plan.compile(operation, sources, false)
    }

    /// Compiles how the verdicts of a provider's comparison are read: one record whose items hold
    /// `"match"`, `"mismatch"` or `"indeterminate"`, each of which may be absent.
    ///
    /// # Errors
    /// Every pointer that cannot be used; places are relative to the verification.
    pub fn of_verdicts(
        verify: &VerifySpec,
        operation: &OperationSpec,
        resource: &Resource,
    ) -> Result<Self, Vec<SpecFault>> {
        let mut plan = Plan { operation: "operation.", ..Plan::default() };
        plan.unknown_items("results", verify.results.keys(), resource);
        let words = plan.verdict_words(verify);
        let whole = OperationSpec { records: String::new(), single_record: true, ..operation.clone() };
        let source = |item: &Item| {
            let pointer = verify.results.get(&item.code).cloned();
            let codes = pointer.is_some().then(|| words.clone());
            Named { place: format!("results.{}", item.code), pointer, codes, format: None }
        };
        let sources = resource.items.iter().map(source).collect();
        plan.compile(&whole, sources, true)
    }
}

/// A member's name as a pointer within its record; one that begins with a slash is a pointer already.
fn relative(name: &str) -> String {
    if name.starts_with('/') { name.to_owned() } else { format!("/{}", name.replace('~', "~0").replace('/', "~1")) }
}

/// Where an item's value stands, before pointers are looked up.
struct Named {
    place: String,
    pointer: Option<String>,
    codes: Option<Map<Box<str>>>,
    format: Option<Format>,
}

/// A layout in the making: collects every fault before it gives up.
#[derive(Default)]
struct Plan {
    faults: Vec<SpecFault>,
    /// Prefix of places that belong to the operation.
    operation: &'static str,
    /// Whether pointers are paths of XML elements.
    is_xml: bool,
}

impl Plan {
    fn compile(
        mut self,
        operation: &OperationSpec,
        sources: Vec<Named>,
        optional: bool,
    ) -> Result<Layout, Vec<SpecFault>> {
        self.is_xml = operation.answer_type == AnswerType::Xml;
        let mut envelope = Tree::new();
        let as_of = operation.as_of.as_ref().and_then(|pointer| self.node(&mut envelope, "as_of", pointer));
        let next = operation.paging.next.as_ref();
        let next = next.and_then(|pointer| self.node(&mut envelope, "paging.next", pointer));
        let conditions = self.conditions(&mut envelope, operation);
        let base = self.node(&mut envelope, "records", &operation.records).unwrap_or(0);
        if self.is_xml && operation.records.is_empty() {
            let example = "records = \"/resp/data/row\", fields = { XM = \"name\", XB = \"@sex\" }";
            self.fault("records", "in XML, name the element that holds a record", example);
        }
        let mut tree = Tree::new();
        let sources: Vec<Option<Source>> = sources
            .into_iter()
            .map(|Named { place, pointer, codes, format }| {
                let pointer = pointer?;
                let node = if operation.single_record {
                    self.placed(&mut envelope, &place, &format!("{}{pointer}", operation.records))
                } else {
                    self.placed(&mut tree, &place, &pointer)
                };
                node.map(|node| Source { node, codes, format })
            })
            .collect();
        let holding = if operation.single_record { &envelope } else { &tree };
        if sources.iter().flatten().any(|source| source.node == 0 || !holding.is_leaf(source.node)) {
            self.fault(
                "fields",
                "an item's place lies around another place that is read",
                "name members that hold single values",
            );
        }
        for (place, node) in [("as_of", as_of), ("paging.next", next)] {
            if node.is_some_and(|node| !envelope.is_leaf(node)) {
                self.fault(place, "it points around another place that is read", "/data/as_of");
            }
        }
        if !operation.single_record && !envelope.is_leaf(base) {
            self.fault("records", "no condition can stand inside the array of records", "/data/list");
        }
        if !self.faults.is_empty() {
            return Err(self.faults);
        }
        let records =
            if operation.single_record { Records::Single { at: base } } else { Records::Array { at: base, tree } };
        Ok(Layout {
            envelope,
            records,
            as_of,
            next,
            conditions,
            not_found_status: operation.not_found_status.clone(),
            answer_type: operation.answer_type,
            charset: operation.charset,
            sources,
            optional,
        })
    }

    fn conditions(&mut self, envelope: &mut Tree, operation: &OperationSpec) -> Conditions {
        let (prefix, is_xml) = (self.operation, self.is_xml);
        let mut node = |place: &str, text: &str| insert(envelope, place, text, is_xml);
        let mut plan = condition::Plan { compiled: Conditions::default(), faults: Vec::new(), node: &mut node };
        plan.compiled.success = operation.success.as_ref().and_then(|spec| plan.one("success", spec));
        plan.compiled.not_found = operation.not_found.as_ref().and_then(|spec| plan.one("not_found", spec));
        plan.errors(&operation.errors);
        let place = |fault: SpecFault| SpecFault { place: format!("{prefix}{}", fault.place), ..fault };
        self.faults.extend(plan.faults.into_iter().map(place));
        plan.compiled
    }

    fn format(&mut self, operation: &OperationSpec, item: &Item, has_codes: bool) -> Option<Format> {
        let place = format!("formats.{}", item.code);
        let spec = operation.formats.get(&item.code);
        let default = FormatSpec::default();
        let format = Format::compile(spec.unwrap_or(&default), item, &place, &mut self.faults);
        if has_codes && format.converts() {
            let example = format!("formats = {{ {} = {{ trim = true }} }}", item.code);
            self.fault(&place, "the code map converts already", &example);
        }
        let is_text = operation.answer_type == AnswerType::Xml && !has_codes;
        let format = if is_text { format.of_text(item.kind) } else { format };
        (!format.is_identity()).then_some(format)
    }

    fn node(&mut self, tree: &mut Tree, place: &str, text: &str) -> Option<NodeIx> {
        let place = format!("{}{place}", self.operation);
        self.placed(tree, &place, text)
    }

    fn placed(&mut self, tree: &mut Tree, place: &str, text: &str) -> Option<NodeIx> {
        insert(tree, place, text, self.is_xml).map_err(|fault| self.faults.push(fault)).ok()
    }

    fn fault(&mut self, place: &str, fault: &str, example: &str) {
        self.faults.push(SpecFault::new(format!("{}{place}", self.operation), fault, example));
    }

    fn unknown_items<'c>(&mut self, place: &str, codes: impl Iterator<Item = &'c ItemCode>, resource: &Resource) {
        for code in codes.filter(|code| resource.item(code.as_str()).is_none()) {
            let all = resource.items.iter().map(|item| item.code.as_str()).collect::<Vec<_>>().join(", ");
            let example = format!("one of {all}");
            self.faults.push(SpecFault::new(format!("{place}.{code}"), "the resource has no such item", example));
        }
    }

    fn codes(&mut self, place: &str, map: &BTreeMap<String, String>, item: &Item) -> Map<Box<str>> {
        let mut compiled = Map::default();
        for (theirs, ours) in map {
            if let Some(raw) = raw_value(item, ours) {
                compiled.insert(theirs.as_str().into(), raw);
            } else {
                let kind = item.kind;
                let fault = format!("a value of item {} (type {}) cannot be written so", item.code, kind.as_str());
                let example = if kind.is_boolean() { "{ Y = \"true\", N = \"false\" }" } else { "{ a = \"1\" }" };
                self.fault(place, &fault, example);
            }
        }
        compiled
    }

    fn verdict_words(&mut self, verify: &VerifySpec) -> Map<Box<str>> {
        let mut words = Map::default();
        for (place, texts, raw) in [
            ("match", &verify.matching, MATCH),
            ("mismatch", &verify.mismatch, MISMATCH),
            ("indeterminate", &verify.indeterminate, INDETERMINATE),
        ] {
            for ScalarText(text) in texts {
                if words.insert(text.as_str().into(), raw.into()).is_some() {
                    let example = "match = [\"1\"], mismatch = [\"0\"]";
                    self.faults.push(SpecFault::new(place, "a result may mean one thing only", example));
                }
            }
        }
        for (place, missing) in [("match", verify.matching.is_empty()), ("mismatch", verify.mismatch.is_empty())] {
            if missing {
                let example = format!("{place} = [\"1\"]");
                self.faults.push(SpecFault::new(place, "the provider's results need a meaning", example));
            }
        }
        words
    }
}

/// The node of a pointer, made where it is not there.
fn insert(tree: &mut Tree, place: &str, text: &str, is_xml: bool) -> Result<NodeIx, SpecFault> {
    let wrong = |fault: String, example: &str| SpecFault::new(place, fault, example);
    let tokens = pointer::tokens(text).map_err(|error| wrong(error.to_string(), "/data/list"))?;
    if is_xml && !pointer::is_xml_path(&tokens) {
        let fault = "in XML a path has names of elements, without prefix, and at its end perhaps an @attribute";
        return Err(wrong(fault.to_owned(), "/resp/head/@code"));
    }
    tree.insert(&tokens).ok_or_else(|| wrong("too many places are read".to_owned(), "/data/list"))
}

/// Raw JSON of a verdict cell.
pub const MATCH: &str = "\"match\"";
/// Raw JSON of a verdict cell.
pub const MISMATCH: &str = "\"mismatch\"";
/// Raw JSON of a verdict cell.
pub const INDETERMINATE: &str = "\"indeterminate\"";

/// The JSON of a value as its item's type writes it.
fn raw_value(item: &Item, text: &str) -> Option<Box<str>> {
    if item.kind.is_boolean() {
        return matches!(text, "true" | "false").then(|| text.into());
    }
    if item.kind.is_number() {
        let raw: Result<&serde_json::value::RawValue, _> = serde_json::from_str(text);
        let number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        return raw.ok().filter(|raw| number && raw.get().len() == text.len()).map(|raw| raw.get().into());
    }
    serde_json::to_string(text).ok().map(Into::into)
}
