//! Character encodings of departmental systems: inside the exchange every text is UTF-8.

use std::borrow::Cow;

use bytes::Bytes;
use encoding_rs::{Encoding, GB18030, GBK, UTF_8};

use crate::fault::BadAnswer;
use crate::spec::Charset;

impl Charset {
    fn encoding(self) -> &'static Encoding {
        match self {
            Self::Utf8 => UTF_8,
            Self::Gbk => GBK,
            Self::Gb18030 => GB18030,
        }
    }

    /// Whether a label of HTTP or XML, such as `gb2312`, names this encoding. GBK and GB 18030 are read alike,
    /// so each name stands for both.
    pub(crate) fn is_named(self, label: &str) -> bool {
        Encoding::for_label(label.as_bytes()).is_some_and(|named| match self {
            Self::Utf8 => named == UTF_8,
            Self::Gbk | Self::Gb18030 => named == GBK || named == GB18030,
        })
    }

    /// The text of an answer.
    ///
    /// # Errors
    /// `NotUtf8` or `Charset` for bytes that are not of this encoding.
    pub(crate) fn decode(self, bytes: Bytes) -> Result<Bytes, BadAnswer> {
        if self == Self::Utf8 {
            return match simdutf8::basic::from_utf8(&bytes) {
                Ok(_) => Ok(bytes),
                Err(_) => Err(BadAnswer::NotUtf8),
            };
        }
        match self.encoding().decode_without_bom_handling_and_without_replacement(&bytes) {
            Some(Cow::Borrowed(text)) if text.len() == bytes.len() => Ok(bytes),
            Some(text) => Ok(text.into_owned().into()),
            None => Err(BadAnswer::Charset),
        }
    }

    /// The bytes of a text that is sent; `None` if the encoding lacks one of its characters.
    pub(crate) fn encode(self, text: &str) -> Option<Cow<'_, [u8]>> {
        let (bytes, _, has_unmappable) = self.encoding().encode(text);
        (!has_unmappable).then_some(bytes)
    }

    /// Parameter of a media type; empty for UTF-8, which needs none.
    pub(crate) fn parameter(self) -> &'static str {
        match self {
            Self::Utf8 => "",
            Self::Gbk => "; charset=GBK",
            Self::Gb18030 => "; charset=GB18030",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_survive_each_encoding() {
        for charset in [Charset::Utf8, Charset::Gbk, Charset::Gb18030] {
            for text in ["", "plain", "张三丰", "龘·€"] {
                let bytes = charset.encode(text).unwrap().into_owned();
                assert_eq!(charset.decode(bytes.into()).as_deref(), Ok(text.as_bytes()), "{charset:?} {text}");
            }
        }
        assert_eq!(Charset::Gbk.encode("𠮷"), None, "a rare name is not sent mutilated");
        assert_eq!(Charset::Gb18030.encode("𠮷").as_deref(), Some(&b"\x95\x34\xb2\x35"[..]));
    }

    #[test]
    fn foreign_bytes_are_refused() {
        for (charset, bytes, expected) in [
            (Charset::Utf8, &b"\xd5\xc5"[..], BadAnswer::NotUtf8),
            (Charset::Gbk, b"\xd5", BadAnswer::Charset),
            (Charset::Gb18030, b"\xff\xff", BadAnswer::Charset),
            (Charset::Gb18030, b"\x81\x30\x81", BadAnswer::Charset),
        ] {
            assert_eq!(charset.decode(Bytes::from_static(bytes)), Err(expected), "{charset:?} {bytes:?}");
        }
    }
}
