//! What a body asks for, parsed strictly: an unknown, repeated or missing member, a value of
//! another type or form, is refused, and the refusal never repeats what was sent.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use sluice_domain::identifiers;
use sluice_domain::items::ITEMS_MAX;
use sluice_domain::{Asked, Code, Fact, Fault, Item, ItemSet, ItemType, Refusal, Resource};

/// Most items of a batch (interface.md, verify).
pub(crate) const BATCH_MAX: usize = 100;
/// Records of an answer where the caller names no limit.
const LIMIT_DEFAULT: u32 = 20;

/// Item position and value, in the order of the key set or as given.
pub(crate) type Values = Vec<(usize, String)>;

/// One subject and what is claimed of it.
#[derive(Debug)]
pub(crate) struct VerifyItem {
    /// The subject's key values, normalised, in item order.
    pub(crate) key: Values,
    /// Claimed values, in the order in which they were written.
    pub(crate) claims: Values,
}

/// A verify body.
#[derive(Debug)]
pub(crate) struct VerifyAsk {
    /// One item, or those of a batch in order.
    pub(crate) items: Vec<VerifyItem>,
    /// Whether the answer is `{"results": […]}`.
    pub(crate) is_batch: bool,
}

/// A query body.
#[derive(Debug)]
pub(crate) struct QueryAsk {
    /// Key values, normalised, in item order.
    pub(crate) filter: Values,
    /// Items wanted; `None` for all granted.
    pub(crate) fields: Option<ItemSet>,
    /// Records wanted at most.
    pub(crate) limit: u32,
    /// Where to go on.
    pub(crate) cursor: Option<String>,
}

impl VerifyAsk {
    /// Parses a verify body.
    ///
    /// # Errors
    /// `request.malformed` or `request.schema` with fault and place.
    pub(crate) fn parse(body: &[u8], resource: &Resource) -> Result<Self, Refusal> {
        let members = root(body)?;
        if members.iter().any(|(name, _)| name == "items") {
            let [(_, list)] = members.as_slice() else { return Err(schema(Fault::UnknownMember, "items")) };
            let list: Vec<&RawValue> = serde_json::from_str(list.get()).map_err(|_| batch_size())?;
            if !(1..=BATCH_MAX).contains(&list.len()) {
                return Err(batch_size());
            }
            let parse_one = |(at, raw): (usize, &&RawValue)| {
                let members = object(raw, "items").map_err(|refusal| refusal.with(Fact::Position(at)))?;
                verify_item(&members, resource).map_err(|refusal| refusal.with(Fact::Position(at)))
            };
            let items = list.iter().enumerate().map(parse_one).collect::<Result<Vec<_>, _>>()?;
            let same_key = items
                .iter()
                .all(|item| set_of(&item.key) == items.first().map(|first| set_of(&first.key)).unwrap_or_default());
            if !same_key {
                return Err(schema(Fault::BatchMixed, "items"));
            }
            return Ok(Self { items, is_batch: true });
        }
        Ok(Self { items: vec![verify_item(&members, resource)?], is_batch: false })
    }

    /// The items that rights must cover.
    pub(crate) fn asked(&self) -> Asked {
        let key = self.items.first().map(|item| set_of(&item.key)).unwrap_or_default();
        let fields = self.items.iter().fold(ItemSet::EMPTY, |all, item| all.union(&set_of(&item.claims)));
        Asked { key, fields: Some(fields) }
    }
}

impl QueryAsk {
    /// Parses a query body.
    ///
    /// # Errors
    /// `request.malformed` or `request.schema` with fault and place.
    pub(crate) fn parse(body: &[u8], resource: &Resource) -> Result<Self, Refusal> {
        let mut filter = None;
        let mut ask = Self { filter: Vec::new(), fields: None, limit: LIMIT_DEFAULT, cursor: None };
        for (name, raw) in &root(body)? {
            match &**name {
                "filter" => filter = Some(key_values(raw, resource, "filter")?),
                "fields" => ask.fields = fields(raw, resource)?,
                "limit" => ask.limit = limit(raw)?,
                "cursor" => ask.cursor = cursor(raw)?,
                _ => return Err(schema(Fault::UnknownMember, "filter, fields, limit, cursor")),
            }
        }
        ask.filter = filter.ok_or_else(|| schema(Fault::MissingMember, "filter"))?;
        Ok(ask)
    }

    /// The items that rights must cover.
    pub(crate) fn asked(&self) -> Asked {
        Asked { key: set_of(&self.filter), fields: self.fields }
    }
}

/// The values, borrowed as adapters take them.
pub(crate) fn borrowed(values: &[(usize, String)]) -> Vec<(usize, &str)> {
    values.iter().map(|(at, value)| (*at, value.as_str())).collect()
}

/// Positions of the values.
pub(crate) fn set_of(values: &[(usize, String)]) -> ItemSet {
    values.iter().map(|(at, _)| *at).collect()
}

fn schema(fault: Fault, member: &'static str) -> Refusal {
    Refusal::fault(Code::RequestSchema, fault).with(Fact::Member(member))
}

fn batch_size() -> Refusal {
    schema(Fault::BatchSize, "items").with(Fact::Limit(BATCH_MAX as u64))
}

/// The members of an object, in order, each name once.
struct Members<'m>(Vec<(Cow<'m, str>, &'m RawValue)>);

impl<'de: 'm, 'm> Deserialize<'de> for Members<'m> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    // No object of ours has more members than a resource may have items.
                    if members.len() == ITEMS_MAX {
                        return Err(serde::de::Error::custom("too many members"));
                    }
                    members.push((name, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A member's name, borrowed unless it was escaped.
struct Name<'n>(Cow<'n, str>);

impl<'de: 'n, 'n> Deserialize<'de> for Name<'n> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

type Object<'m> = Vec<(Cow<'m, str>, &'m RawValue)>;

fn root(body: &[u8]) -> Result<Object<'_>, Refusal> {
    let malformed = |fault| Refusal::fault(Code::RequestMalformed, fault);
    let text = std::str::from_utf8(body).map_err(|_| malformed(Fault::NotUtf8))?;
    let raw: &RawValue = serde_json::from_str(text).map_err(|_| malformed(Fault::NotJson))?;
    object(raw, "body")
}

fn object<'m>(raw: &'m RawValue, member: &'static str) -> Result<Object<'m>, Refusal> {
    let Members(members) = serde_json::from_str(raw.get()).map_err(|_| schema(Fault::NotObject, member))?;
    let repeated =
        members.iter().enumerate().any(|(at, (name, _))| members.iter().take(at).any(|(earlier, _)| earlier == name));
    if repeated {
        return Err(schema(Fault::DuplicateMember, member));
    }
    Ok(members)
}

fn verify_item(members: &[(Cow<'_, str>, &RawValue)], resource: &Resource) -> Result<VerifyItem, Refusal> {
    let (mut key, mut claims) = (None, None);
    for (name, raw) in members {
        match &**name {
            "subject" => key = Some(key_values(raw, resource, "subject")?),
            "claims" => claims = Some(claimed_values(raw, resource)?),
            _ => return Err(schema(Fault::UnknownMember, "subject, claims")),
        }
    }
    let key = key.ok_or_else(|| schema(Fault::MissingMember, "subject"))?;
    let claims = claims.ok_or_else(|| schema(Fault::MissingMember, "claims"))?;
    Ok(VerifyItem { key, claims })
}

/// Values of one of the key sets, in item order.
fn key_values(raw: &RawValue, resource: &Resource, member: &'static str) -> Result<Values, Refusal> {
    let mut values = item_values(raw, resource, member)?;
    values.sort_unstable_by_key(|(at, _)| *at);
    let given = set_of(&values);
    if !resource.key_sets.contains(&given) {
        let sets = resource.key_sets.iter().map(|set| resource.codes_of(set)).collect::<Vec<_>>().join(" | ");
        return Err(schema(Fault::KeySet, member).with(Fact::Choices(sets)));
    }
    Ok(values)
}

fn claimed_values(raw: &RawValue, resource: &Resource) -> Result<Values, Refusal> {
    let values = item_values(raw, resource, "claims")?;
    if values.is_empty() {
        return Err(schema(Fault::NoClaims, "claims"));
    }
    let is_out = |at: usize| resource.items.get(at).is_some_and(|item| item.out);
    if let Some((at, _)) = values.iter().find(|(at, _)| is_out(*at)) {
        let code = resource.codes_of(&std::iter::once(*at).collect());
        return Err(schema(Fault::OutItemClaimed, "claims").with(Fact::Items(code)));
    }
    Ok(values)
}

/// Members that are items of the resource with texts of the right form, normalised, for the provider, the record and
/// the limits.
fn item_values(raw: &RawValue, resource: &Resource, member: &'static str) -> Result<Values, Refusal> {
    let members = object(raw, member)?;
    let mut values = Vec::with_capacity(members.len());
    for (name, raw) in members {
        let (at, item) = resource.item(&name).ok_or_else(|| schema(Fault::UnknownItem, member))?;
        let place = |fault| schema(fault, member).with(Fact::Items(item.code.to_string()));
        let value: String = serde_json::from_str(raw.get()).map_err(|_| place(Fault::NotText))?;
        let normal = normalised(item, &value).map_err(place)?;
        values.push((at, normal));
    }
    Ok(values)
}

/// A value of an item in its one form: the same person is always the same key.
///
/// # Errors
/// What is wrong with its form.
pub(crate) fn normalised(item: &Item, value: &str) -> Result<String, Fault> {
    if value.chars().any(char::is_control) {
        return Err(Fault::ValueForm);
    }
    // White space means something in a time, and nothing anywhere else.
    let is_date = matches!(item.kind, ItemType::D | ItemType::T);
    let normal = if is_date { Cow::Borrowed(value) } else { identifiers::normalise_key(item.semantic, value) };
    if !identifiers::has_valid_form(item.semantic, item.kind, item.length, &normal) {
        let has_check_digit =
            matches!(item.semantic, Some(sluice_domain::Semantic::CnId18 | sluice_domain::Semantic::Uscc));
        return Err(if has_check_digit { Fault::CheckDigit } else { Fault::ValueForm });
    }
    Ok(normal.into_owned())
}

fn fields(raw: &RawValue, resource: &Resource) -> Result<Option<ItemSet>, Refusal> {
    let list: Option<Vec<Cow<'_, str>>> =
        serde_json::from_str(raw.get()).map_err(|_| schema(Fault::NotText, "fields"))?;
    let Some(list) = list else { return Ok(None) };
    if list.is_empty() {
        return Err(schema(Fault::NoFields, "fields"));
    }
    let mut set = ItemSet::EMPTY;
    for name in &list {
        let (at, item) = resource.item(name).ok_or_else(|| schema(Fault::UnknownItem, "fields"))?;
        if set.contains(at) {
            return Err(schema(Fault::RepeatedField, "fields").with(Fact::Items(item.code.to_string())));
        }
        set.insert(at);
    }
    Ok(Some(set))
}

fn limit(raw: &RawValue) -> Result<u32, Refusal> {
    let limit: Option<u32> = serde_json::from_str(raw.get())
        .map_err(|_| schema(Fault::LimitRange, "limit").with(Fact::Limit(u32::MAX.into())))?;
    match limit {
        Some(0) => Err(schema(Fault::LimitRange, "limit").with(Fact::Limit(u32::MAX.into()))),
        limit => Ok(limit.unwrap_or(LIMIT_DEFAULT)),
    }
}

fn cursor(raw: &RawValue) -> Result<Option<String>, Refusal> {
    let form = |_| Refusal::fault(Code::RequestCursor, Fault::CursorForm);
    serde_json::from_str::<Option<String>>(raw.get()).map_err(form)
}
