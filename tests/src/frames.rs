//! HTTP/2 frames written by hand, so that a test sends what no HTTP library would.

use std::io;

use crate::client::{Connection, Identity};

/// What a client says first; an empty SETTINGS frame goes behind it.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The frame answers another.
pub const ACK: u8 = 1;
/// The frame ends the stream.
pub const END_STREAM: u8 = 1;
/// The frame ends the header block.
pub const END_HEADERS: u8 = 4;

/// Longest payload of a frame that a peer takes unasked.
const FRAME_BYTES_MAX: usize = 16_384;

/// Kinds of frames (RFC 9113 section 6).
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub enum Kind {
    /// Part of a body.
    Data = 0,
    /// Begin of a request.
    Headers = 1,
    /// Weight of a stream; without meaning since RFC 9113.
    Priority = 2,
    /// End of a stream by error.
    Reset = 3,
    /// Parameters of the connection.
    Settings = 4,
    /// A question that must be answered.
    Ping = 6,
    /// Room for more data.
    Window = 8,
    /// More of a header block.
    Continuation = 9,
}

/// One frame.
pub fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame's length").to_be_bytes();
    [&length[1..], &[kind as u8, flags], &stream.to_be_bytes(), payload].concat()
}

/// Preface and SETTINGS with these parameters.
pub fn greeting(settings: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> =
        settings.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()[..]].concat()).collect();
    [PREFACE, &frame(Kind::Settings, 0, 0, &payload)].concat()
}

/// A field of a header block, literal and kept out of the table (RFC 7541 section 6.2.2).
pub fn field(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Vec<u8> {
    [&[0][..], &text(name.as_ref()), &text(value.as_ref())].concat()
}

/// The same, put into the table, where the newest entry has index 62.
pub fn indexed_field(name: &str, value: &str) -> Vec<u8> {
    [&[0x40][..], &text(name.as_bytes()), &text(value.as_bytes())].concat()
}

/// A text with its length in front, 7 bits and then 7 bits at a time (RFC 7541 section 5).
fn text(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if text.len() < 127 {
        out.push(u8::try_from(text.len()).unwrap_or(0));
    } else {
        out.push(127);
        let mut rest = text.len() - 127;
        while rest >= 128 {
            out.push(u8::try_from(rest % 128).unwrap_or(0) | 128);
            rest /= 128;
        }
        out.push(u8::try_from(rest).unwrap_or(0));
    }
    out.extend_from_slice(text);
    out
}

/// The pseudo-headers of a request.
pub fn request(method: &str, authority: &str, path: &str) -> Vec<u8> {
    [(":method", method), (":scheme", "https"), (":authority", authority), (":path", path)]
        .iter()
        .flat_map(|(name, value)| field(name, value))
        .collect()
}

/// A header block in as many frames as it takes; `flags` beside the end of the headers.
pub fn head(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    let mut pieces = block.chunks(FRAME_BYTES_MAX).peekable();
    let mut out = Vec::new();
    let (mut kind, mut flags) = (Kind::Headers, flags);
    while let Some(piece) = pieces.next() {
        let end = if pieces.peek().is_none() { END_HEADERS } else { 0 };
        out.extend(frame(kind, flags | end, stream, piece));
        (kind, flags) = (Kind::Continuation, 0);
    }
    out
}

/// A conversation in frames.
pub struct Frames {
    connection: Connection,
    unread: Vec<u8>,
}

/// How the exchange answered a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// An answer with this body.
    Answer(Vec<u8>),
    /// The stream was reset, with this code.
    Reset(u32),
    /// The connection ended first.
    Closed,
}

impl Frames {
    /// Connects and greets.
    ///
    /// # Errors
    /// TCP or TLS says no, or the connection ends.
    pub fn open(identity: &Identity, port: u16) -> io::Result<Self> {
        let mut connection = Connection::with_alpn(identity, port, &[b"h2"])?;
        connection.write(&[greeting(&[]), frame(Kind::Settings, ACK, 0, b"")].concat())?;
        Ok(Self { connection, unread: Vec::new() })
    }

    /// Writes frames as they are.
    ///
    /// # Errors
    /// The connection is closed.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.connection.write(bytes)
    }

    /// Reads until a stream has its answer; what comes of others is passed over.
    pub fn end_of(&mut self, stream: u32) -> End {
        let mut body = Vec::new();
        while let Ok((kind, flags, of, payload)) = self.next() {
            if of != stream {
                continue;
            }
            if kind == Kind::Reset as u8 {
                return End::Reset(u32::from_be_bytes(payload.try_into().unwrap_or_default()));
            }
            if kind == Kind::Data as u8 {
                body.extend(payload);
            }
            if matches!(kind, 0 | 1) && flags & END_STREAM != 0 {
                return End::Answer(body);
            }
        }
        End::Closed
    }

    fn next(&mut self) -> io::Result<(u8, u8, u32, Vec<u8>)> {
        loop {
            if let Some((head, rest)) = self.unread.split_first_chunk::<9>() {
                let [a, b, c, kind, flags, stream @ ..] = *head;
                let length = u32::from_be_bytes([0, a, b, c]) as usize;
                if rest.len() >= length {
                    let payload = rest[..length].to_vec();
                    self.unread.drain(..9 + length);
                    if kind == Kind::Ping as u8 && flags & ACK == 0 {
                        self.write(&frame(Kind::Ping, ACK, 0, &payload))?;
                    }
                    return Ok((kind, flags, u32::from_be_bytes(stream), payload));
                }
            }
            let more = self.connection.some()?;
            self.unread.extend(more);
        }
    }

    /// Whether the exchange ends the connection, whatever it still says.
    pub fn ends(&mut self) -> bool {
        loop {
            match self.next() {
                Ok(_) => {}
                Err(error) => return !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
            }
        }
    }
}
