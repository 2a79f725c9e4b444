//! What the static upstream says: record sets in Sluice's standard docking interface,
//! `{"records":[{item: value, …}],"as_of":"RFC 3339"}`.
//!
//! All persons and enterprises are of a county code that was never assigned. Sizes are exact, so that the figures of
//! a run say what they say.

use serde_json::{Value, json};

/// Bytes of the answer with one person.
pub const PERSON_BYTES: usize = 289;
/// Bytes of the answer with twenty penalties: 10 KB.
pub const PENALTIES_BYTES: usize = 10_240;
/// Items of a penalty that the bench's grant gives: together about 3 KB of the 10.
pub const PENALTY_ITEMS_GRANTED: [&str; 4] = ["TYSHXYDM", "JDSWH", "CFRQ", "CFJG"];

const AS_OF: &str = "2026-11-22T09:00:00+08:00";
const ENTERPRISE: &str = "91430689TE0000010W";
const PENALTIES: usize = 20;

/// One household record (户籍人口基准信息), [`PERSON_BYTES`] long.
pub fn person() -> Vec<u8> {
    let with_note = |note: &str| {
        let record = json!({
            "GMSFHM": "430689198503120011", "XM": "张三丰", "XB": "1", "MZ": "01", "CSRQ": "1985-03-12",
            "HJDZ": "湖南省岳阳市临澜市临江镇长江路18号2栋301室", "BZ": note,
        });
        record_set(&[record])
    };
    let missing = PERSON_BYTES.saturating_sub(with_note("").len());
    with_note(&"8".repeat(missing))
}

/// Twenty penalties (行政处罚信息) of one enterprise, [`PENALTIES_BYTES`] long together.
pub fn penalties() -> Vec<u8> {
    let unpadded: Vec<Value> = (1..=PENALTIES).map(|number| penalty(number, 0)).collect();
    let missing = PENALTIES_BYTES.saturating_sub(record_set(&unpadded).len());
    let (each, rest) = (missing / PENALTIES, missing % PENALTIES);
    let padded: Vec<Value> =
        (1..=PENALTIES).map(|number| penalty(number, each + usize::from(number <= rest))).collect();
    record_set(&padded)
}

fn penalty(number: usize, padding: usize) -> Value {
    json!({
        "TYSHXYDM": ENTERPRISE,
        "JDSWH": format!("临市监罚〔2026〕{number:04}号"),
        "WFSS": "未按规定公示年度报告,逾期未改正;经责令整改后复查仍不符合要求,有现场检查笔录和询问笔录为证。",
        "CFNR": format!("警告,并处罚款人民币{}元整。案卷附注 {}", number * 500, "0".repeat(padding)),
        "CFRQ": format!("2026-03-{number:02}"),
        "CFJG": "临澜市市场监督管理局",
        "GSQX": "2029-03-31",
    })
}

fn record_set(records: &[Value]) -> Vec<u8> {
    json!({ "records": records, "as_of": AS_OF }).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{ENTERPRISE, PENALTIES_BYTES, PENALTY_ITEMS_GRANTED, PERSON_BYTES, penalties, person};

    #[test]
    fn answers_have_their_exact_size_and_shape() {
        let check = |answer: Vec<u8>, bytes: usize, records: usize| {
            assert_eq!(answer.len(), bytes);
            let parsed: Value = serde_json::from_slice(&answer).unwrap();
            assert_eq!(parsed["records"].as_array().unwrap().len(), records);
            assert!(parsed["as_of"].is_string());
        };
        check(person(), PERSON_BYTES, 1);
        check(penalties(), PENALTIES_BYTES, 20);
    }

    #[test]
    fn the_grant_keeps_about_three_of_ten_kilobytes() {
        let mut parsed: Value = serde_json::from_slice(&penalties()).unwrap();
        for record in parsed["records"].as_array_mut().unwrap() {
            let record = record.as_object_mut().unwrap();
            assert_eq!(record["TYSHXYDM"], ENTERPRISE, "every record satisfies the filter");
            record.retain(|item, _| PENALTY_ITEMS_GRANTED.contains(&item.as_str()));
            assert_eq!(record.len(), PENALTY_ITEMS_GRANTED.len());
        }
        let kept = parsed.to_string().len();
        assert!((2_700..=3_300).contains(&kept), "{kept}");
    }
}
