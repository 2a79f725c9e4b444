//! XML answers: what a layout reads of them, written as JSON for the one reader.
//!
//! An element of interest is a text, or an object if something within it is of interest; attributes are
//! members called `@name`; the elements that hold records are an array. Names are local ones. Everything else
//! is only checked for being well-formed. A document type is refused, so that there are no entities but the
//! five that XML itself has.

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::DEPTH_MAX;
use crate::fault::BadAnswer;
use crate::layout::{Layout, Node, NodeIx, Records};
use crate::template::json_string;

/// Most attributes of an element: comparing them with each other takes quadratic time.
const ATTRIBUTES_MAX: usize = 64;

/// Writes what a layout reads of an XML document as JSON.
///
/// # Errors
/// `NotXml` for anything but one well-formed document without document type, `TooDeep`.
pub(super) fn to_json(text: &str, layout: &Layout) -> Result<String, BadAnswer> {
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut writing = Writing { layout, open: vec![Element::at(Place::Envelope(0), layout)], roots: 0 };
    loop {
        match reader.read_event().map_err(|_| BadAnswer::NotXml)? {
            Event::Start(start) => writing.begin(&start)?,
            Event::Empty(start) => {
                writing.begin(&start)?;
                writing.end();
            }
            Event::End(_) => writing.end(),
            Event::Text(text) => writing.text(&text.xml10_content())?,
            Event::CData(text) => writing.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => writing.reference(&reference)?,
            Event::Decl(declaration) => check_declaration(&declaration, layout)?,
            Event::Comment(_) | Event::PI(_) => {}
            Event::DocType(_) => return Err(BadAnswer::NotXml),
            Event::Eof => return writing.finish(),
        }
    }
}

/// A character encoding that the document names is the one in which it was read.
fn check_declaration(declaration: &BytesDecl<'_>, layout: &Layout) -> Result<(), BadAnswer> {
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(label)) if layout.charset.is_named(&label) => Ok(()),
        Some(_) => Err(BadAnswer::NotXml),
    }
}

/// Where an element stands in the layout.
#[derive(Clone, Copy)]
enum Place {
    Envelope(NodeIx),
    Record(NodeIx),
    Nowhere,
}

/// An element that is open.
struct Element<'l> {
    name: String,
    place: Place,
    node: Option<&'l Node>,
    is_record: bool,
    is_nil: bool,
    has_elements: bool,
    text: String,
    /// Members of the object, without braces.
    members: String,
    /// Records met within, and what their element is called.
    records: Option<(&'l str, String)>,
}

impl<'l> Element<'l> {
    fn at(place: Place, layout: &'l Layout) -> Self {
        let node = match (place, &layout.records) {
            (Place::Envelope(node), _) => layout.envelope.node(node),
            (Place::Record(node), Records::Array { tree, .. }) => tree.node(node),
            _ => None,
        };
        let records = match (place, &layout.records) {
            (Place::Envelope(_), Records::Array { at, .. }) => node.and_then(|node| node.name_of(*at)),
            _ => None,
        };
        Self {
            name: String::new(),
            place,
            node,
            is_record: false,
            is_nil: false,
            has_elements: false,
            text: String::new(),
            members: String::new(),
            records: records.map(|name| (name, String::new())),
        }
    }

    fn add(&mut self, name: &str, value: &str) {
        if !self.members.is_empty() {
            self.members.push(',');
        }
        json_string(name, &mut self.members);
        self.members.push(':');
        self.members.push_str(value);
    }

    fn attributes(&mut self, start: &BytesStart<'_>) -> Result<(), BadAnswer> {
        for (nth, attribute) in start.attributes().enumerate() {
            let attribute = attribute.ok().filter(|_| nth < ATTRIBUTES_MAX).ok_or(BadAnswer::NotXml)?;
            let full = attribute.key.into_inner();
            if full == "xmlns" || full.starts_with("xmlns:") || self.node.is_none() {
                continue;
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| BadAnswer::NotXml)?;
            let name = attribute.key.local_name();
            if name.as_ref() == "nil" && full != "nil" && matches!(value.trim(), "true" | "1") {
                self.is_nil = true;
            }
            let name = format!("@{}", name.as_ref());
            if self.node.is_some_and(|node| node.child(&name).is_some()) {
                let mut json = String::new();
                json_string(checked(&value)?, &mut json);
                self.add(&name, &json);
            }
        }
        Ok(())
    }

    /// The JSON of its value.
    fn value(mut self) -> String {
        if let Some((name, records)) = self.records.take() {
            self.add(name, &format!("[{records}]"));
        }
        let is_text = !self.is_record && self.node.is_some_and(Node::is_leaf);
        if self.is_nil {
            "null".to_owned()
        } else if is_text && !self.has_elements {
            let mut json = String::new();
            json_string(&self.text, &mut json);
            json
        } else {
            format!("{{{}}}", self.members)
        }
    }
}

struct Writing<'l> {
    layout: &'l Layout,
    /// The document, and every element that is open.
    open: Vec<Element<'l>>,
    roots: usize,
}

impl<'l> Writing<'l> {
    fn begin(&mut self, start: &BytesStart<'_>) -> Result<(), BadAnswer> {
        if self.open.len() > DEPTH_MAX {
            return Err(BadAnswer::TooDeep);
        }
        self.roots += usize::from(self.open.len() == 1);
        let name = start.local_name();
        let mut element = self.child(name.as_ref());
        name.as_ref().clone_into(&mut element.name);
        element.attributes(start)?;
        if let Some(parent) = self.open.last_mut() {
            parent.has_elements = true;
        }
        self.open.push(element);
        Ok(())
    }

    fn child(&self, name: &str) -> Element<'l> {
        let Some(parent) = self.open.last() else { return Element::at(Place::Nowhere, self.layout) };
        let node = parent.node.and_then(|node| node.child(name));
        let is_record = match (parent.place, &self.layout.records) {
            (Place::Envelope(_), Records::Array { at, .. }) => node == Some(*at),
            _ => false,
        };
        let place = match (parent.place, node) {
            (Place::Envelope(_), Some(_)) if is_record => Place::Record(0),
            (Place::Envelope(_), Some(node)) => Place::Envelope(node),
            (Place::Record(_), Some(node)) => Place::Record(node),
            _ => Place::Nowhere,
        };
        Element { is_record, ..Element::at(place, self.layout) }
    }

    fn end(&mut self) {
        let Some(element) = self.open.pop() else { return };
        let Some(parent) = self.open.last_mut() else { return };
        if matches!(element.place, Place::Nowhere) {
            return;
        }
        let (is_record, name) = (element.is_record, element.name.clone());
        let value = element.value();
        match &mut parent.records {
            Some((_, records)) if is_record => {
                if !records.is_empty() {
                    records.push(',');
                }
                records.push_str(&value);
            }
            _ => parent.add(&name, &value),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), BadAnswer> {
        let is_outside = self.open.len() == 1;
        let text = checked(text)?;
        match self.open.last_mut() {
            _ if is_outside => text.trim_ascii().is_empty().then_some(()).ok_or(BadAnswer::NotXml),
            Some(element) if element.node.is_some_and(Node::is_leaf) => {
                element.text.push_str(text);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), BadAnswer> {
        if self.open.len() == 1 {
            return Err(BadAnswer::NotXml);
        }
        match reference.resolve_char_ref().map_err(|_| BadAnswer::NotXml)? {
            Some(character) => self.text(character.encode_utf8(&mut [0; 4])),
            None => self.text(resolve_predefined_entity(reference).ok_or(BadAnswer::NotXml)?),
        }
    }

    fn finish(mut self) -> Result<String, BadAnswer> {
        match (self.open.pop(), self.open.is_empty(), self.roots) {
            (Some(document), true, 1) => Ok(format!("{{{}}}", document.members)),
            _ => Err(BadAnswer::NotXml),
        }
    }
}

/// Refuses characters that XML 1.0 does not have.
fn checked(text: &str) -> Result<&str, BadAnswer> {
    let is_foreign = |character: char| matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    if text.contains(is_foreign) { Err(BadAnswer::NotXml) } else { Ok(text) }
}
