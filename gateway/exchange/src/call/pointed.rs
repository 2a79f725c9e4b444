//! Reads the texts at declared places of a JSON document in one pass, and the grammar of all of it. A document in which
//! two readers could find different values at a place is refused.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use sluice_domain::operation::{Pointer, Token};

/// Why the places cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Not UTF-8.
    NotUtf8,
    /// Not one JSON document.
    NotJson,
    /// A place is not there.
    Missing,
    /// Something else than a text or null is there.
    NotText,
    /// A member on the way stands twice in its object.
    Repeated,
}

/// Why, and at which of the places (the number that it came with), if it was one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) fault: Unreadable,
    pub(super) at: Option<usize>,
}

impl From<Unreadable> for Refused {
    fn from(fault: Unreadable) -> Self {
        Self { fault, at: None }
    }
}

/// The texts at the places, each with the number that its place came with. Null is nobody.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn values(json: &[u8], places: &[(&Pointer, usize)]) -> Result<Vec<(usize, String)>, Refused> {
    let text = std::str::from_utf8(json).map_err(|_| Unreadable::NotUtf8)?;
    let mut found = Vec::new();
    let fault = Cell::new(Refused::from(Unreadable::NotJson));
    let at: Vec<Rest<'_>> = places.iter().map(|(pointer, item)| (pointer.as_slice(), *item)).collect();
    let mut document = serde_json::Deserializer::from_str(text);
    let walk = Walk { at, found: &mut found, fault: &fault };
    walk.deserialize(&mut document).and_then(|()| document.end()).map_err(|_| fault.get())?;
    Ok(found)
}

/// What is left of a pointer, and the number of its place.
type Rest<'p> = (&'p [Token], usize);

struct Walk<'p, 'f> {
    at: Vec<Rest<'p>>,
    found: &'f mut Vec<(usize, String)>,
    fault: &'f Cell<Refused>,
}

impl Walk<'_, '_> {
    /// Refuses the document for the first pointer that is one of these.
    fn refuse<E: serde::de::Error>(&self, fault: Unreadable, is_one: impl Fn(&Rest<'_>) -> bool) -> E {
        let at = self.at.iter().find(|rest| is_one(rest)).map(|(_, item)| *item);
        self.fault.set(Refused { fault, at });
        E::custom("refused")
    }

    /// A scalar: it may stand only where every pointer ends.
    fn scalar<E: serde::de::Error>(self) -> Result<(), E> {
        self.end()?;
        Err(self.refuse(Unreadable::NotText, |_| true))
    }

    /// No pointer may go on from here.
    fn end<E: serde::de::Error>(&self) -> Result<(), E> {
        let goes_on = |(rest, _): &Rest<'_>| !rest.is_empty();
        if self.at.iter().any(goes_on) { Err(self.refuse(Unreadable::Missing, goes_on)) } else { Ok(()) }
    }

    /// A container: no pointer may end here.
    fn enter<E: serde::de::Error>(&self) -> Result<(), E> {
        let ends = |(rest, _): &Rest<'_>| rest.is_empty();
        if self.at.iter().any(ends) { Err(self.refuse(Unreadable::NotText, ends)) } else { Ok(()) }
    }
}

/// The pointers that go on through a member or an element.
fn through<'p>(at: &[Rest<'p>], fits: impl Fn(&Token) -> bool) -> Vec<Rest<'p>> {
    at.iter()
        .filter_map(|(rest, item)| rest.split_first().filter(|(first, _)| fits(first)).map(|(_, rest)| (rest, *item)))
        .collect()
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.enter()?;
        let mut seen = vec![false; self.at.len()];
        while let Some(name) = map.next_key::<String>()? {
            let is_it = |token: &Token| matches!(token, Token::Member(member) if **member == *name);
            let next = through(&self.at, is_it);
            if next.is_empty() {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            for (seen, (rest, _)) in seen.iter_mut().zip(&self.at) {
                if rest.first().is_some_and(is_it) && std::mem::replace(seen, true) {
                    return Err(self.refuse(Unreadable::Repeated, |(rest, _)| rest.first().is_some_and(is_it)));
                }
            }
            map.next_value_seed(Walk { at: next, found: &mut *self.found, fault: self.fault })?;
        }
        let Some((missing, _)) = self.at.iter().zip(&seen).find(|(_, seen)| !**seen) else { return Ok(()) };
        Err(self.refuse(Unreadable::Missing, |rest| rest == missing))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.enter()?;
        let is_no_array = |(rest, _): &Rest<'_>| !matches!(rest.first(), Some(Token::Each));
        if self.at.iter().any(is_no_array) {
            return Err(self.refuse(Unreadable::Missing, is_no_array));
        }
        let next = through(&self.at, |token| *token == Token::Each);
        while list.next_element_seed(Walk { at: next.clone(), found: &mut *self.found, fault: self.fault })?.is_some() {
        }
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.end()?;
        self.found.extend(self.at.iter().map(|(_, item)| (*item, text.to_owned())));
        Ok(())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.scalar()
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.scalar()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A document, places in it, and what is found there.
    type Case<'c> = (&'c str, &'c [&'c str], Result<&'c [(usize, &'c str)], Unreadable>);

    fn pointer(text: &str) -> Pointer {
        let token = |name: &str| if name == "*" { Token::Each } else { Token::Member(name.into()) };
        text.split('/').skip(1).map(token).collect()
    }

    #[test]
    fn texts_are_found_where_they_are_declared_or_the_document_is_refused() {
        let rows: &[Case<'_>] = &[
            (r#"{"id":"a"}"#, &["/id"], Ok(&[(0, "a")])),
            (r#"{"id":"\u0061","x":[{"id":1}]}"#, &["/id"], Ok(&[(0, "a")])),
            (r#"{"\u0069d":"a"}"#, &["/id"], Ok(&[(0, "a")])),
            (r#"{"list":[{"id":"a"},{"id":"b"},{"id":null}]}"#, &["/list/*/id"], Ok(&[(0, "a"), (0, "b")])),
            (r#"{"list":[]}"#, &["/list/*/id"], Ok(&[])),
            (r#"[["a"],["b","c"]]"#, &["/*/*"], Ok(&[(0, "a"), (0, "b"), (0, "c")])),
            (r#"{"data":null}"#, &["/data/id"], Ok(&[])),
            (r#"{"a":{"x":"1","y":"2"}}"#, &["/a/x", "/a/y"], Ok(&[(0, "1"), (1, "2")])),
            (r#"{"a":"1"}"#, &["/a", "/a"], Ok(&[(0, "1"), (1, "1")])),
            (r"{}", &["/id"], Err(Unreadable::Missing)),
            (r#"{"ID":"a"}"#, &["/id"], Err(Unreadable::Missing)),
            (r#"{"list":[{"id":"a"},{}]}"#, &["/list/*/id"], Err(Unreadable::Missing)),
            (r#"{"list":{"id":"a"}}"#, &["/list/*/id"], Err(Unreadable::Missing)),
            (r#"{"data":"a"}"#, &["/data/id"], Err(Unreadable::Missing)),
            (r#"["a"]"#, &["/id"], Err(Unreadable::Missing)),
            (r#"{"id":1}"#, &["/id"], Err(Unreadable::NotText)),
            (r#"{"id":true}"#, &["/id"], Err(Unreadable::NotText)),
            (r#"{"id":{"id":"a"}}"#, &["/id"], Err(Unreadable::NotText)),
            (r#"{"id":["a"]}"#, &["/id"], Err(Unreadable::NotText)),
            (r#"{"id":"a","id":"b"}"#, &["/id"], Err(Unreadable::Repeated)),
            (r#"{"id":"a","\u0069d":"b"}"#, &["/id"], Err(Unreadable::Repeated)),
            (r#"{"d":{"id":"a"},"d":{}}"#, &["/d/id"], Err(Unreadable::Repeated)),
            (r#"{"id":"a"} {}"#, &["/id"], Err(Unreadable::NotJson)),
            (r#"{"id":"a","x":01}"#, &["/id"], Err(Unreadable::NotJson)),
            (r#"{"id":"a""#, &["/id"], Err(Unreadable::NotJson)),
            ("", &["/id"], Err(Unreadable::NotJson)),
        ];
        for (json, places, expected) in rows {
            let pointers: Vec<Pointer> = places.iter().map(|place| pointer(place)).collect();
            let places: Vec<(&Pointer, usize)> = pointers.iter().zip(0..).collect();
            let found = values(json.as_bytes(), &places).map_err(|refused| refused.fault);
            let expected =
                expected.map(|rows| rows.iter().map(|(item, text)| (*item, (*text).to_owned())).collect::<Vec<_>>());
            assert_eq!(found, expected, "{json}");
        }
        assert_eq!(values(b"{\"id\":\"\xff\"}", &[]), Err(Unreadable::NotUtf8.into()));
    }

    #[test]
    fn the_place_at_fault_is_told_and_not_what_stands_there() {
        for (json, fault, at) in [
            (r#"{"a":"1","b":{}}"#, Unreadable::Missing, Some(1)),
            (r#"{"a":"1"}"#, Unreadable::Missing, Some(1)),
            (r#"{"b":{"*":[{"id":7}]},"a":7}"#, Unreadable::Missing, Some(1)),
            (r#"{"b":[{"id":7}],"a":"x"}"#, Unreadable::NotText, Some(1)),
            (r#"{"b":[{"id":"x"}],"a":7}"#, Unreadable::NotText, Some(0)),
            (r#"{"b":[{"id":"x"}],"a":"x","b":[]}"#, Unreadable::Repeated, Some(1)),
            ("[", Unreadable::Missing, Some(0)),
            ("{", Unreadable::NotJson, None),
        ] {
            let (a, b) = (pointer("/a"), pointer("/b/*/id"));
            assert_eq!(values(json.as_bytes(), &[(&a, 0), (&b, 1)]), Err(Refused { fault, at }), "{json}");
        }
    }
}
