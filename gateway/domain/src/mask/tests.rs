use proptest::prelude::*;
use serde::Deserialize;

use super::*;

const ALL: [Option<Semantic>; 15] = [
    None,
    Some(Semantic::PersonName),
    Some(Semantic::CnId18),
    Some(Semantic::Uscc),
    Some(Semantic::Mobile),
    Some(Semantic::Landline),
    Some(Semantic::BankCard),
    Some(Semantic::Address),
    Some(Semantic::BirthDate),
    Some(Semantic::Plate),
    Some(Semantic::Email),
    Some(Semantic::Money),
    Some(Semantic::CertificateNumber),
    Some(Semantic::MatchCode),
    Some(Semantic::SealedFile),
];

fn masked(semantic: Option<Semantic>, value: &str) -> String {
    let mut out = String::from("before");
    mask(semantic, value, &mut out);
    out.strip_prefix("before").unwrap().to_owned()
}

#[test]
fn the_agreed_vectors_hold() {
    #[derive(Deserialize)]
    struct Vector {
        semantic: Semantic,
        r#in: String,
        out: String,
    }
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("../../vectors/mask.json")).unwrap();
    assert!(!vectors.is_empty());
    for vector in vectors {
        assert_eq!(masked(Some(vector.semantic), &vector.r#in), vector.out, "{:?} {}", vector.semantic, vector.r#in);
    }
}

#[test]
fn each_meaning_keeps_what_its_rule_keeps() {
    use Semantic::{Address, BankCard, BirthDate, CnId18, Email, Landline, Mobile, Money, PersonName, Plate};
    for (semantic, value, out) in [
        (PersonName, " 张三 ", "张*"),
        (PersonName, "张", "*"),
        (PersonName, "𠮷野家", "𠮷**"),
        (PersonName, "John Smith", "J*********"),
        (CnId18, "43068919900607002x", "430***********002X"),
        (CnId18, "４３０６８９１９８５０３１２００１１", "430***********0011"),
        (CnId18, "430689198503120012", "******************"),
        (CnId18, "110105491231002", "***************"),
        (Mobile, "１３８ 0013 8000", "138****8000"),
        (Mobile, "1380013800", "**********"),
        (Mobile, "23800138000", "***********"),
        (Landline, "010-62345678", "010-****5678"),
        (Landline, "07303721234", "0730***1234"),
        (Landline, "02162345678", "021****5678"),
        (Landline, "3721234", "***1234"),
        (Landline, "0730-3721234-801", "****************"),
        (Landline, "021-234", "*******"),
        (BankCard, "6229 9900 0000 0000 019", "***************0019"),
        (BankCard, "0019", "****"),
        (Address, "湖南省岳阳市临澜市长安街道湘北大道7号", "湖南省岳阳市临澜市长安街道****"),
        (Address, "湖南省长沙市宁乡市夏铎铺镇人民路", "湖南省长沙市宁乡市夏铎铺镇****"),
        (Address, "江苏省镇江市丹徒区高桥镇1号", "江苏省镇江市丹徒区高桥镇****"),
        (Address, "山西省临汾市乡宁县昌宁镇", "山西省临汾市乡宁县昌宁镇****"),
        (Address, "临澜市某某族乡石桥村", "临澜市某某族乡****"),
        (Address, "临澜市人民路18号临江镇", "************"),
        (Address, "临澜市人民路18号", "*********"),
        (Address, "镇", "*"),
        (BirthDate, "19850312", "1985-**-**"),
        (BirthDate, "1985年3月12日", "1985-**-**"),
        (BirthDate, "1985-02-30", "**********"),
        (BirthDate, "1985", "****"),
        (Plate, "湘F·12345", "湘F***45"),
        (Plate, "湘AD12345", "湘A****45"),
        (Plate, "粤Z1234港", "粤Z***4港"),
        (Plate, "F12345", "******"),
        (Plate, "湘F123", "*****"),
        (Email, "z@example.cn", "***@example.cn"),
        (Email, "zhang@san@example.cn", "********************"),
        (Email, "zhangsan@localhost", "******************"),
        (Email, "@example.cn", "***********"),
        (Money, "0", "0-1000"),
        (Money, "-4321.50", "-5000--4000"),
        (Money, "6321.50", "6000-7000"),
        (Money, "4321.50元", "********"),
        (Money, "1e300", "*****"),
    ] {
        assert_eq!(masked(Some(semantic), value), out, "{semantic:?} {value}");
    }
}

#[test]
fn what_has_no_rule_is_hidden_whole() {
    for semantic in [
        None,
        Some(Semantic::Uscc),
        Some(Semantic::CertificateNumber),
        Some(Semantic::MatchCode),
        Some(Semantic::SealedFile),
    ] {
        assert_eq!(masked(semantic, "湘(2018)第1号 "), "***********", "{semantic:?}");
        assert_eq!(masked(semantic, ""), "");
    }
}

/// Texts near to every rule, so that more than the all-stars path is tried.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[张李欧阳买提·A-z ]{1,6}",
        "[0-9]{11}",
        "1[3-9][0-9]{9}",
        "0[0-9]{2,3}-?[0-9]{7,8}",
        "[0-9]{10,20}",
        "[湖南省岳阳市临江镇乡街道宁县区人民路0-9号 ]{1,20}",
        "(19|20)[0-9]{2}[-/.年]?[0-9]{1,2}[-/.月]?[0-9]{1,2}日?",
        "[湘粤A-F][A-Z]·?[0-9A-Z]{4,6}[警港]?",
        "[a-z.0-9]{0,5}@[a-z]{1,5}\\.[a-z]{2}",
        "[-+]?[0-9]{1,12}(\\.[0-9]{1,3})?(e[0-9]{1,2})?",
    ]
}

/// How many characters of the value a rule may show.
fn shown_at_most(semantic: Option<Semantic>, value: &str) -> usize {
    match semantic {
        Some(Semantic::PersonName) => 1,
        Some(Semantic::CnId18 | Semantic::Mobile) => 7,
        Some(Semantic::Landline) => 9,
        Some(Semantic::BankCard | Semantic::Plate) => 4,
        // Up to the township; everything behind it is hidden.
        Some(Semantic::Address) => nfkc(value).chars().count(),
        Some(Semantic::BirthDate) => 6,
        Some(Semantic::Email) => fold(value).split_once('@').map_or(0, |(_, domain)| domain.chars().count() + 2),
        // Digits of the range's ends, not of the value.
        Some(Semantic::Money) => 80,
        _ => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_value_itself_never_comes_out(value in value(), semantic in proptest::sample::select(&ALL[..])) {
        let out = masked(semantic, &value);
        prop_assert_eq!(out.is_empty(), value.is_empty());
        if value.chars().any(|c| c != '*') && !value.contains('*') {
            prop_assert_ne!(&out, &value);
            prop_assert!(out.contains('*') || semantic == Some(Semantic::Money), "{}", out);
        }
        let shown = out.chars().filter(|c| *c != '*').count();
        prop_assert!(shown <= shown_at_most(semantic, &value), "{}", out);
    }

    #[test]
    fn nothing_behind_the_township_comes_out(before in "[省市县区临江长安]{0,6}", behind in "[一二三0-9路]{1,8}") {
        let out = masked(Some(Semantic::Address), &format!("{before}江镇{behind}"));
        prop_assert_eq!(out, format!("{before}江镇****"));
    }

    #[test]
    fn a_money_range_tells_thousands_only(thousands in 0_u64..10_000_000, rest in 0_u64..1_000, cents in 0_u64..100) {
        let value = format!("{}.{cents:02}", thousands * 1000 + rest);
        prop_assert_eq!(masked(Some(Semantic::Money), &value), format!("{}-{}", thousands * 1000, thousands * 1000 + 1000));
    }
}
