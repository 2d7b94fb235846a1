//! Reading the JSON of a message: each field once, as it was written, and none that nobody knows.
//! Leaves to `request.rs`: what a field may say.

use std::fmt;

use serde::{
    Deserialize,
    de::{Deserializer, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The fields of a message. Values stay as they were written: a number keeps all of its digits.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) id: Option<&'a RawValue>,
    pub(super) method: Option<&'a RawValue>,
    pub(super) path: Option<&'a RawValue>,
    pub(super) headers: Option<&'a RawValue>,
    pub(super) body: Option<&'a RawValue>,
    pub(super) body_base64: Option<&'a RawValue>,
    /// The first field that nobody knows, or that is there twice.
    pub(super) fault: Option<Fault>,
}

pub(super) enum Fault {
    Unknown(String),
    Twice(&'static str),
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Name {
    Id,
    Method,
    Path,
    Headers,
    Body,
    #[serde(rename = "body_base64")]
    BodyBase64,
    Other(String),
}

/// Reads on behind a fault, so that an error can be told with the message's id.
impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Fields::default();
                while let Some(name) = map.next_key()? {
                    let value = map.next_value()?;
                    if let Err(fault) = fields.set(name, value) {
                        fields.fault.get_or_insert(fault);
                    }
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

impl<'a> Fields<'a> {
    fn set(&mut self, name: Name, value: &'a RawValue) -> Result<(), Fault> {
        let (field, name) = match name {
            Name::Id => (&mut self.id, "id"),
            Name::Method => (&mut self.method, "method"),
            Name::Path => (&mut self.path, "path"),
            Name::Headers => (&mut self.headers, "headers"),
            Name::Body => (&mut self.body, "body"),
            Name::BodyBase64 => (&mut self.body_base64, "body_base64"),
            Name::Other(name) => return Err(Fault::Unknown(name)),
        };
        if field.replace(value).is_some() { Err(Fault::Twice(name)) } else { Ok(()) }
    }
}

/// Names and values of an object in their order; a name that is there twice is there twice.
pub(super) struct Pairs<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Object)
    }
}
