//! JSON, strictly as RFC 8259 has it, passed over as fast as it can be proven well-formed: what is of no
//! interest is neither decoded nor copied.

use super::DEPTH_MAX;
use crate::fault::BadAnswer;

/// A value as it stands in the text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Raw<'a> {
    /// Its JSON.
    pub(super) json: &'a str,
    /// Whether it is a string with escapes.
    pub(super) is_escaped: bool,
}

/// A position in a text that is valid UTF-8.
pub(super) struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// Whether a control character is anywhere in the text: in a string it would be an error, between values it may
    /// be white space.
    has_controls: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        // Without a branch, so that the loop runs on vectors.
        let controls = text.as_bytes().iter().fold(0, |any, byte| any | u8::from(*byte < 0x20));
        Self { text, at: 0, has_controls: controls != 0 }
    }

    /// The next byte that is no white space, which is not passed.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                byte => return byte.copied(),
            }
        }
    }

    /// Passes the byte that was peeked at.
    #[inline]
    pub(super) fn pass(&mut self) {
        self.at += 1;
    }

    /// Passes a byte after white space, if it is this one.
    #[inline]
    pub(super) fn passes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Passes a text that stands exactly here, after white space.
    #[inline]
    pub(super) fn passes_text(&mut self, expected: &str) -> bool {
        self.peek();
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let is_next = rest.starts_with(expected.as_bytes());
        self.at += if is_next { expected.len() } else { 0 };
        is_next
    }

    /// A member's name, with its quotes, and the colon behind it; both together if nothing stands between them.
    #[inline]
    pub(super) fn name(&mut self) -> Result<(Raw<'a>, Option<&'a str>), BadAnswer> {
        if self.peek() != Some(b'"') {
            return Err(BadAnswer::NotJson);
        }
        let start = self.at;
        let name = self.string()?;
        let end = self.at;
        if !self.passes(b':') {
            return Err(BadAnswer::NotJson);
        }
        let is_tight = self.at == end + 1;
        Ok((name, self.text.get(start..self.at).filter(|_| is_tight)))
    }

    /// Passes one value.
    #[inline]
    pub(super) fn value(&mut self) -> Result<Raw<'a>, BadAnswer> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{' | b'[') => self.nested(),
            Some(_) => self.word(),
            None => Err(BadAnswer::NotJson),
        }
    }

    #[inline]
    fn since(&self, start: usize, is_escaped: bool) -> Result<Raw<'a>, BadAnswer> {
        // Both ends lie beside ASCII, so they never cut a character.
        let json = self.text.get(start..self.at).ok_or(BadAnswer::NotUtf8)?;
        Ok(Raw { json, is_escaped })
    }

    /// Where the run of bytes ends that stand for themselves in a string: at a quote, a backslash or a control
    /// character, or at the end of the text.
    #[inline]
    fn end_of_run(&self, bytes: &[u8]) -> usize {
        if self.has_controls {
            return end_of_run(bytes, self.at);
        }
        let rest = bytes.get(self.at..).unwrap_or_default();
        self.at + memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len())
    }

    /// A string, from its opening quote on.
    #[inline]
    fn string(&mut self) -> Result<Raw<'a>, BadAnswer> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut is_escaped = false;
        self.at += 1;
        loop {
            self.at = self.end_of_run(bytes);
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return self.since(start, is_escaped);
                }
                Some(b'\\') => {
                    is_escaped = true;
                    self.at += escape_length(bytes.get(self.at..).unwrap_or_default()).ok_or(BadAnswer::NotJson)?;
                }
                _ => return Err(BadAnswer::NotJson),
            }
        }
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<Raw<'a>, BadAnswer> {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let length = rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        if !matches!(word, b"true" | b"false" | b"null") && !is_number(word) {
            return Err(BadAnswer::NotJson);
        }
        self.at += length;
        self.since(start, false)
    }

    /// An object or array, without recursion.
    fn nested(&mut self) -> Result<Raw<'a>, BadAnswer> {
        self.peek();
        let start = self.at;
        let mut levels = Levels::default();
        loop {
            match self.peek() {
                Some(b'{') => {
                    self.pass();
                    levels.open(true)?;
                    if !self.passes(b'}') {
                        self.name()?;
                        continue;
                    }
                    levels.close();
                }
                Some(b'[') => {
                    self.pass();
                    levels.open(false)?;
                    if !self.passes(b']') {
                        continue;
                    }
                    levels.close();
                }
                Some(b'"') => drop(self.string()?),
                Some(_) => drop(self.word()?),
                None => return Err(BadAnswer::NotJson),
            }
            while levels.depth > 0 {
                match (self.peek(), levels.is_object()) {
                    (Some(b','), is_object) => {
                        self.pass();
                        if is_object {
                            self.name()?;
                        }
                        break;
                    }
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        self.pass();
                        levels.close();
                    }
                    _ => return Err(BadAnswer::NotJson),
                }
            }
            if levels.depth == 0 {
                return self.since(start, false);
            }
        }
    }
}

/// Which of the open levels are objects: one bit each, the innermost lowest.
#[derive(Default)]
struct Levels {
    objects: u64,
    depth: usize,
}

// Every level has its bit.
const _: () = assert!(DEPTH_MAX <= 64, "a level needs a bit");

impl Levels {
    fn open(&mut self, is_object: bool) -> Result<(), BadAnswer> {
        if self.depth == DEPTH_MAX {
            return Err(BadAnswer::TooDeep);
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u64::from(is_object);
        Ok(())
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
    }

    fn is_object(&self) -> bool {
        self.objects & 1 == 1
    }
}

/// Eight bytes at a time.
fn end_of_run(bytes: &[u8], from: usize) -> usize {
    let (words, tail) = bytes.get(from..).unwrap_or_default().as_chunks::<8>();
    let mut at = from;
    for word in words {
        let hits = special_bytes(u64::from_le_bytes(*word));
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    at + tail.iter().position(is_special).unwrap_or(tail.len())
}

/// The highest bit of each byte that is a quote, a backslash or a control character; exact up to the first.
#[inline]
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let quote = zero(word ^ (ONES * u64::from(b'"')));
    let backslash = zero(word ^ (ONES * u64::from(b'\\')));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote | backslash | control) & (ONES << 7)
}

/// Length of the escape that begins here.
fn escape_length(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => bytes.get(2..6)?.iter().all(u8::is_ascii_hexdigit).then_some(6),
        _ => None,
    }
}

/// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest.first() == Some(&b'0')) {
        return false;
    }
    rest = rest.get(whole..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = fraction.get(count..).unwrap_or_default();
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        let count = digits(exponent);
        return count > 0 && count == exponent.len();
    }
    rest.is_empty()
}
