//! Writing and reading the elements of a record: the few CBOR shapes that records use.

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use super::{Head, Kind, RecordError, RequestKey, VERSION};

/// Writes elements to a `Vec`, which cannot fail; minicbor chooses the shortest form.
pub(super) struct Sink<'v>(Encoder<&'v mut Vec<u8>>);

/// A `Vec` writer has an infallible error type: there is nothing to handle.
macro_rules! put {
    ($self:ident . $method:ident ( $($argument:expr),* )) => {{
        let _infallible = $self.0.$method($($argument),*);
        $self
    }};
}

impl<'v> Sink<'v> {
    /// Opens the outer array and writes elements 0–4.
    pub(super) fn record(out: &'v mut Vec<u8>, elements: u64, kind: Kind, head: &Head) -> Self {
        let mut sink = Self(Encoder::new(out));
        sink.array(elements).uint(VERSION).uint(kind as u8).uint(head.wall_us);
        sink.array(2).uint(head.mono_us).uint(head.key.boot_epoch);
        sink.array(3).uint(head.key.node).uint(head.key.worker).uint(head.key.ctr);
        sink
    }

    pub(super) fn array(&mut self, elements: u64) -> &mut Self {
        put!(self.array(elements))
    }

    pub(super) fn uint(&mut self, value: impl Into<u64>) -> &mut Self {
        put!(self.u64(value.into()))
    }

    pub(super) fn text(&mut self, value: &str) -> &mut Self {
        put!(self.str(value))
    }

    pub(super) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        put!(self.bytes(value))
    }

    pub(super) fn bytes_len(&mut self, bytes: u64) -> &mut Self {
        put!(self.bytes_len(bytes))
    }

    /// Bytes that are CBOR already, or the content announced by `bytes_len`.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.writer_mut().extend_from_slice(bytes);
        self
    }

    pub(super) fn truth(&mut self, value: bool) -> &mut Self {
        put!(self.bool(value))
    }

    pub(super) fn optional_bytes(&mut self, value: Option<&[u8]>) -> &mut Self {
        match value {
            Some(bytes) => self.bytes(bytes),
            None => self.nulls(1),
        }
    }

    /// Rows that do not apply to the kind.
    pub(super) fn nulls(&mut self, count: usize) -> &mut Self {
        for _ in 0..count {
            let _infallible = self.0.null();
        }
        self
    }
}

/// Why an element could not be read.
pub(super) enum DecodeError {
    Cbor,
    Fault(&'static str),
}

impl From<minicbor::decode::Error> for DecodeError {
    fn from(_: minicbor::decode::Error) -> Self {
        Self::Cbor
    }
}

/// Reads elements in order and knows which one it stands at.
pub(super) struct Elements<'a> {
    decoder: Decoder<'a>,
    input: &'a [u8],
    left: u64,
    row: u8,
}

impl<'a> Elements<'a> {
    pub(super) fn open(cbor: &'a [u8]) -> Result<Self, RecordError> {
        let not_an_array = RecordError { element: 0, fault: "no array of definite length" };
        let mut decoder = Decoder::new(cbor);
        let Ok(Some(left)) = decoder.array() else {
            return Err(not_an_array);
        };
        Ok(Self { decoder, input: cbor, left, row: 0 })
    }

    pub(super) fn blame(&self, error: &DecodeError) -> RecordError {
        let fault = match error {
            DecodeError::Cbor => "wrong type or cut off",
            DecodeError::Fault(fault) => fault,
        };
        RecordError { element: self.row.saturating_sub(1), fault }
    }

    /// Moves to the next element of the outer array.
    fn next(&mut self) -> Result<(), DecodeError> {
        self.left = self.left.checked_sub(1).ok_or(DecodeError::Fault("missing element"))?;
        self.row = self.row.saturating_add(1);
        Ok(())
    }

    pub(super) fn head(&mut self) -> Result<Head, DecodeError> {
        let wall_us = self.u64()?;
        self.group(2)?;
        let (mono_us, boot_epoch) = (self.decoder.u64()?, self.decoder.u32()?);
        self.group(3)?;
        let (node, worker, ctr) = (self.decoder.u16()?, self.decoder.u16()?, self.decoder.u64()?);
        Ok(Head { wall_us, mono_us, key: RequestKey { boot_epoch, node, worker, ctr } })
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.next()?;
        Ok(self.decoder.u8()?)
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.next()?;
        Ok(self.decoder.u16()?)
    }

    pub(super) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.next()?;
        Ok(self.decoder.u64()?)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, DecodeError> {
        self.next()?;
        Ok(self.decoder.str()?)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        self.next()?;
        Ok(self.decoder.bytes()?)
    }

    /// A row of `N` texts.
    pub(super) fn texts<const N: usize>(&mut self) -> Result<[&'a str; N], DecodeError> {
        self.group(N as u64)?;
        let mut texts = [""; N];
        for text in &mut texts {
            *text = self.decoder.str()?;
        }
        Ok(texts)
    }

    pub(super) fn optional_fixed<const N: usize>(&mut self) -> Result<Option<[u8; N]>, DecodeError> {
        self.next()?;
        self.inner_optional_fixed()
    }

    pub(super) fn skip(&mut self, count: usize) -> Result<(), DecodeError> {
        for _ in 0..count {
            self.next()?;
            self.decoder.skip()?;
        }
        Ok(())
    }

    /// Enters a nested array of exactly `count` elements; read them through `inner`.
    pub(super) fn group(&mut self, count: u64) -> Result<(), DecodeError> {
        self.next()?;
        self.inner_group(count)
    }

    pub(super) fn inner_group(&mut self, count: u64) -> Result<(), DecodeError> {
        match self.decoder.array()? {
            Some(found) if found == count => Ok(()),
            _ => Err(DecodeError::Fault("wrong number of elements in a row")),
        }
    }

    pub(super) fn inner(&mut self) -> &mut Decoder<'a> {
        &mut self.decoder
    }

    pub(super) fn inner_fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.decoder.bytes()?.try_into().map_err(|_| DecodeError::Fault("wrong length"))
    }

    pub(super) fn inner_optional_fixed<const N: usize>(&mut self) -> Result<Option<[u8; N]>, DecodeError> {
        if self.decoder.datatype()? == Type::Null {
            self.decoder.null()?;
            return Ok(None);
        }
        self.inner_fixed().map(Some)
    }

    /// Steps over one nested value and returns its CBOR.
    pub(super) fn inner_raw(&mut self) -> Result<&'a [u8], DecodeError> {
        let start = self.decoder.position();
        self.decoder.skip()?;
        self.input.get(start..self.decoder.position()).ok_or(DecodeError::Cbor)
    }
}
