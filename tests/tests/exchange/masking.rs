//! Masks: the vectors of the contract, through the whole exchange.

use serde_json::{Value, json};
use sluice_tests::binary::workspace;
use sluice_tests::city::small::RESOURCE;
use sluice_tests::city::{City, Item};
use sluice_tests::client::Call;
use sluice_tests::demo::Demo;

/// A city whose one record holds the inputs of the vectors, one item each, and some of our own.
fn city(vectors: &[(Option<String>, String, Value)]) -> City {
    let mut city = City::small();
    let mut record = city.records_of(RESOURCE)[0].clone();
    let resource = &mut city.resources[0];
    for (at, (semantic, raw, _)) in vectors.iter().enumerate() {
        let code = format!("V{at}");
        resource.items.push(Item {
            code: code.clone(),
            kind: if raw.starts_with('"') { "C" } else { "N" }.to_owned(),
            length: 0,
            level: 3,
            semantic: semantic.clone(),
            key: false,
            out: false,
        });
        city.grants[0].fields.push(code.clone());
        record.push((code, raw.clone()));
    }
    city.grants[0].clear_level = 2;
    city.records.insert(RESOURCE.to_owned(), vec![record]);
    city
}

fn vectors() -> Vec<(Option<String>, String, Value)> {
    let text = std::fs::read_to_string(workspace().join("gateway/domain/vectors/mask.json")).unwrap();
    let listed: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(listed.len() >= 15);
    let of_the_contract = listed
        .iter()
        .map(|row| (row["semantic"].as_str().map(str::to_owned), row["in"].to_string(), row["out"].clone()));
    let own = [
        (None, r#""任意值 x""#, json!("*****")),
        (None, "12.50", json!("*****")),
        (Some("money"), "4321.50", json!("4000-5000")),
        (Some("money"), "0", json!("0-1000")),
        (Some("person_name"), "null", Value::Null),
        (Some("address"), r#""没有区划名称的地址""#, json!("*********")),
        (Some("mobile"), r#""1380013800""#, json!("**********")),
    ];
    let own = own.into_iter().map(|(semantic, raw, out)| (semantic.map(str::to_owned), raw.to_owned(), out));
    of_the_contract.chain(own).collect()
}

#[test]
fn masked_values_are_those_of_the_vectors() {
    let vectors = vectors();
    let city = city(&vectors);
    let demo = Demo::of(&city);
    let call = Call::service(RESOURCE, "query", &json!({"filter": {"ID": city.id(0)}})).by("P1", "h-1", "C");
    let answer = demo.send(&demo.identity("ask"), &call);
    assert_eq!(answer.code(), "ok", "{}", answer.text());
    let page = answer.json();
    for (at, (semantic, raw, out)) in vectors.iter().enumerate() {
        assert_eq!(&page["records"][0][format!("V{at}")], out, "{semantic:?} {raw}");
    }
    // The key is masked like any other item, and named in item order.
    assert_ne!(page["records"][0]["ID"], json!(city.id(0)));
    let masked: Vec<String> = ["ID", "BORN", "SUM", "STATE"]
        .map(str::to_owned)
        .into_iter()
        .chain((0..vectors.len()).map(|at| format!("V{at}")))
        .collect();
    assert_eq!(answer.header("Exchange-Masked"), Some(masked.join(", ").as_str()));
}

#[test]
fn level_and_name_decide_what_is_clear() {
    // clear_level, clear_fields → items in clear; STATE is L4.
    let rows: &[(u8, &[&str], &[&str])] = &[
        (1, &[], &[]),
        (2, &[], &["NO", "NAME"]),
        (3, &[], &["ID", "NO", "NAME", "BORN", "SUM"]),
        (3, &["STATE"], &["ID", "NO", "NAME", "BORN", "SUM", "STATE"]),
        (1, &["STATE", "ID"], &["ID", "STATE"]),
    ];
    let mut city = City::small();
    let (resource, grant, records) =
        (city.resources[0].clone(), city.grants[0].clone(), city.records_of(RESOURCE).to_vec());
    let code = |at: usize| format!("430689002/{at:06}");
    for (at, (level, names, _)) in rows.iter().enumerate() {
        city.resources.push(sluice_tests::city::Resource { code: code(at), ..resource.clone() });
        city.grants.push(sluice_tests::city::Grant {
            id: format!("G-2{at:03}"),
            resource: code(at),
            clear_level: *level,
            clear_fields: names.iter().map(|name| (*name).to_owned()).collect(),
            ..grant.clone()
        });
        city.records.insert(code(at), records.clone());
    }
    let demo = Demo::of(&city);
    let identity = demo.identity("ask");
    for (at, (level, names, clear)) in rows.iter().enumerate() {
        let call = Call::service(&code(at), "query", &json!({"filter": {"NO": "N-3"}})).by("P1", "h-1", "C");
        let answer = demo.send(&identity, &call);
        let what = format!("L{level} {names:?}: {}", answer.text());
        let all = ["ID", "NO", "NAME", "BORN", "SUM", "STATE"];
        let masked: Vec<&str> = all.into_iter().filter(|item| !clear.contains(item)).collect();
        assert_eq!(answer.header("Exchange-Masked").unwrap_or_default(), masked.join(", "), "{what}");
        assert_eq!(answer.text().contains("3000000.00"), clear.contains(&"SUM"), "{what}");
        assert_eq!(answer.text().contains("状态3"), clear.contains(&"STATE"), "{what}");
    }
}
