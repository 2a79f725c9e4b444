//! Made-up identifiers with right check digits (GB 11643-1999, GB 32100-2015, GB 11714-1997).
//! Division 430689 was never assigned, so none of them can be anybody's.

use crate::seed::Seed;

const DIVISION: &str = "430689";

/// A citizen id of nobody.
pub fn citizen(seed: &mut Seed) -> String {
    let (year, month, day) = (1950 + seed.below(60), 1 + seed.below(12), 1 + seed.below(28));
    let body = format!("{DIVISION}{year:04}{month:02}{day:02}{:03}", seed.below(1000));
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = body.bytes().zip(weights).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    let check = char::from(b"10X98765432"[sum as usize % 11]);
    format!("{body}{check}")
}

/// The 统一社会信用代码 of no organisation.
pub fn organisation(seed: &mut Seed) -> String {
    let body = format!("T{:07}", seed.below(10_000_000));
    let weights = [3_u32, 7, 9, 10, 5, 8, 4, 2];
    let value36 = |byte: u8| if byte.is_ascii_digit() { u32::from(byte - b'0') } else { u32::from(byte - b'A') + 10 };
    let sum: u32 = body.bytes().zip(weights).map(|(byte, weight)| value36(byte) * weight).sum();
    let check = match 11 - sum % 11 {
        10 => 'X',
        11 => '0',
        digit => char::from_digit(digit, 10).unwrap_or('0'),
    };
    let body = format!("11{DIVISION}{body}{check}");
    let alphabet = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    let value31 = |byte: u8| alphabet.iter().position(|known| *known == byte).expect("of the alphabet");
    let (sum, _) = body.bytes().fold((0, 1), |(sum, weight), byte| (sum + value31(byte) * weight, weight * 3 % 31));
    format!("{body}{}", char::from(alphabet[(31 - sum % 31) % 31]))
}
