//! Inputs for properties that hold whatever comes in: good examples, changed as those change them who look for a weak
//! place. Properties that use them stand in a module `fuzz` of the crate whose reader they try; `tests/run` tries some
//! hundred inputs each, `tests/fuzz/run` as many as one has time for.

use proptest::prelude::*;
use proptest::sample::Index;

/// Bytes that mean something to one format or another: ends, quotes, brackets, separators, signs of numbers and lengths.
const TELLING: &[u8] = b"\0\t\n\r \"#%&'*+,-./0:;<=>?@[\\]^_`a{|}~\x7f\x80\xbf\xc0\xe0\xf0\xff";
/// Pieces of text that readers disagree about.
const PIECES: [&str; 24] = [
    "\r\n",
    "\r\n\r\n",
    "%2e%2e%2f",
    "%00",
    "%25",
    "/../",
    "//",
    ";a=b",
    "\\u0000",
    "\\ud800",
    "\\\"",
    "{{",
    "}}",
    "${",
    "<![CDATA[",
    "]]>",
    "<!--",
    "<!DOCTYPE a [<!ENTITY b \"c\">]>",
    "&lt;",
    "&#x0;",
    "e999",
    "-0",
    "18446744073709551616",
    "\u{feff}",
];
/// Changes of one example.
const CHANGES_MAX: usize = 6;
/// Longest piece that is moved or written again.
const PIECE_BYTES_MAX: usize = 48;

#[derive(Debug, Clone)]
enum Change {
    Bit(Index, u8),
    Byte(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Again { from: Index, bytes: usize, at: Index, times: usize },
    Cut(Index),
}

/// One of the examples with a few changes, or as it is.
///
/// # Panics
/// If there is no example.
pub fn mutated(examples: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    assert!(!examples.is_empty(), "nothing to change");
    (proptest::sample::select(examples), proptest::collection::vec(change(), 0..=CHANGES_MAX))
        .prop_map(|(example, changes)| changes.into_iter().fold(example, apply))
}

/// The same for texts; what is no UTF-8 becomes U+FFFD.
///
/// # Panics
/// If there is no example.
pub fn mutated_text(examples: &[&str]) -> impl Strategy<Value = String> + use<> {
    let examples = examples.iter().map(|example| example.as_bytes().to_vec()).collect();
    mutated(examples).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    let telling = proptest::sample::select(TELLING);
    let piece = prop_oneof![
        proptest::sample::select(&PIECES[..]).prop_map(|piece| piece.as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 1..8),
    ];
    prop_oneof![
        (at(), 0..8_u8).prop_map(|(at, bit)| Change::Bit(at, bit)),
        (at(), prop_oneof![telling, any::<u8>()]).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (at(), piece).prop_map(|(at, piece)| Change::Insert(at, piece)),
        (at(), 1..=PIECE_BYTES_MAX).prop_map(|(at, bytes)| Change::Remove(at, bytes)),
        (at(), 1..=PIECE_BYTES_MAX, at(), 1..12_usize).prop_map(|(from, bytes, at, times)| Change::Again {
            from,
            bytes,
            at,
            times
        }),
        at().prop_map(Change::Cut),
    ]
}

fn apply(mut bytes: Vec<u8>, change: Change) -> Vec<u8> {
    let end = bytes.len();
    match change {
        Change::Bit(at, bit) if end > 0 => {
            bytes.iter_mut().skip(at.index(end)).take(1).for_each(|byte| *byte ^= 1 << bit);
        }
        Change::Byte(at, value) if end > 0 => {
            bytes.iter_mut().skip(at.index(end)).take(1).for_each(|byte| *byte = value);
        }
        Change::Insert(at, piece) => {
            let at = at.index(end + 1);
            bytes.splice(at..at, piece);
        }
        Change::Remove(at, count) => {
            let at = at.index(end + 1);
            bytes.drain(at..end.min(at + count));
        }
        Change::Again { from, bytes: count, at, times } => {
            let piece: Vec<u8> = bytes.iter().copied().skip(from.index(end + 1)).take(count).collect();
            let at = at.index(end + 1);
            bytes.splice(at..at, piece.repeat(times));
        }
        Change::Cut(at) => bytes.truncate(at.index(end + 1)),
        Change::Bit(..) | Change::Byte(..) => {}
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    use super::*;

    #[test]
    fn examples_come_as_they_are_shorter_longer_and_changed() {
        let mut runner = TestRunner::deterministic();
        let inputs: Vec<Vec<u8>> =
            (0..500).map(|_| mutated(vec![b"example".to_vec()]).new_tree(&mut runner).unwrap().current()).collect();
        let has = |is: fn(&[u8]) -> bool| inputs.iter().any(|input| is(input));
        assert!(has(|input| input == b"example"));
        assert!(has(|input| input.len() < 7) && has(|input| input.len() > 60));
        assert!(has(|input| input.len() == 7 && input != b"example"));
    }
}
