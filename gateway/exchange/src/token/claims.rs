//! The claims of a token, in both directions.

use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// What the exchange puts into its own tokens.
#[derive(Serialize)]
pub(crate) struct Issued<'c> {
    pub(crate) iss: &'c str,
    pub(crate) aud: &'c str,
    pub(crate) sub: &'c str,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    pub(crate) jti: &'c str,
    pub(crate) cnf: Confirmation,
}

/// RFC 8705: the certificate a token is bound to.
#[derive(Serialize, Deserialize)]
pub(crate) struct Confirmation {
    #[serde(rename = "x5t#S256")]
    pub(crate) x5t_s256: String,
}

/// Header members that matter. `jku`, `x5u`, `jwk` and `x5c` are never followed; a `crit` header
/// names an extension we do not know, so it is refused (RFC 7515 §4.1.11). A member given twice is
/// an error of the derived reader.
#[derive(Deserialize)]
pub(crate) struct Header {
    pub(crate) alg: String,
    #[serde(default)]
    pub(crate) kid: Option<String>,
    #[serde(default)]
    pub(crate) crit: Option<serde_json::Value>,
}

/// Claims that matter; all required but `nbf`. Times are whole seconds: a fraction, a text or a
/// negative number is refused.
#[derive(Deserialize)]
pub(crate) struct Presented {
    pub(crate) iss: String,
    pub(crate) aud: Audience,
    pub(crate) sub: String,
    pub(crate) exp: u64,
    #[serde(default)]
    pub(crate) nbf: Option<u64>,
    #[serde(default)]
    pub(crate) iat: Option<u64>,
    pub(crate) cnf: Object<Confirmation>,
}

/// An object, and nothing that could pass for one: the derived reader takes a list for a struct, by position.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members)).map(Object)
            }
        }
        deserializer.deserialize_map(Members(PhantomData))
    }
}

/// `aud`: one text or a list of texts (RFC 7519 §4.1.3).
pub(crate) struct Audience(Vec<String>);

impl Audience {
    pub(crate) fn names(&self, audience: &str) -> bool {
        self.0.iter().any(|each| each == audience)
    }
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Audience;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or a list of texts")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Audience, E> {
                Ok(Audience(vec![text.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Audience, A::Error> {
                let mut all = Vec::new();
                while let Some(each) = list.next_element()? {
                    all.push(each);
                }
                Ok(Audience(all))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
