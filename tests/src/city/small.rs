//! A city of one provider and one consumer, for tests that change one thing at a time.

use serde_json::json;

use super::{City, Grant, Item, Party, Record, Resource};
use crate::client::Call;
use crate::clock::day;
use crate::identifiers;
use crate::seed::Seed;

/// Code of the small city's resource.
pub const RESOURCE: &str = "430689001/000001";

impl City {
    /// Parties `ask`, `give`, `other` and the suspended `gone`; purposes `P1`, `P2`; one conditional
    /// resource, granted to `ask` for `P1`, whose records are found by citizen id or by number.
    pub fn small() -> Self {
        let mut seed = Seed::repeat(1);
        let party = |seed: &mut Seed, key: &str| Party {
            key: key.to_owned(),
            uscc: identifiers::organisation(seed),
            suspended: key == "gone",
            handlers: vec![("h-1".to_owned(), true), ("h-2".to_owned(), false)],
        };
        let mut city = Self {
            parties: ["ask", "give", "other", "gone"].iter().map(|key| party(&mut seed, key)).collect(),
            purposes: vec!["P1".to_owned(), "P2".to_owned()],
            ..Self::default()
        };
        city.resources.push(Resource::small(RESOURCE));
        city.grants.push(Grant::small("G-1000", RESOURCE));
        let records = (0..8).map(|at| person(&identifiers::citizen(&mut seed), at)).collect();
        city.records.insert(RESOURCE.to_owned(), records);
        city
    }

    /// A query of `ask` that the small city permits.
    pub fn good_call(&self) -> Call {
        let id = self.id(0);
        Call::service(RESOURCE, "query", &json!({"filter": {"ID": id}, "fields": ["NAME"]})).by("P1", "h-1", "CASE-1")
    }

    /// A verification of `ask` that the small city permits and whose claim matches.
    pub fn good_verify(&self) -> Call {
        let claims = json!({"subject": {"ID": self.id(0)}, "claims": {"NAME": self.value(0, "NAME")}});
        Call::service(RESOURCE, "verify", &claims).by("P1", "h-1", "CASE-1")
    }

    /// A query of `ask` for these items.
    pub fn good_query_of(&self, fields: &[&str]) -> Call {
        let query = json!({"filter": {"ID": self.id(0)}, "fields": fields});
        Call::service(RESOURCE, "query", &query).by("P1", "h-1", "CASE-1")
    }

    /// A verification of `ask` with claims of these items.
    pub fn good_verify_of(&self, items: &[&str]) -> Call {
        let claims: serde_json::Map<_, _> = items.iter().map(|item| ((*item).to_owned(), json!("x"))).collect();
        let verify = json!({"subject": {"ID": self.id(0)}, "claims": claims});
        Call::service(RESOURCE, "verify", &verify).by("P1", "h-1", "CASE-1")
    }

    /// Citizen id of the small city's record.
    pub fn id(&self, at: usize) -> String {
        self.value(at, "ID")
    }

    /// A text of the small city's record.
    pub fn value(&self, at: usize, item: &str) -> String {
        let record = &self.records_of(RESOURCE)[at];
        let raw = record.iter().find(|(code, _)| code == item).map(|(_, raw)| raw.as_str()).expect("an item");
        serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned())
    }
}

/// A record of the small city's resource.
pub fn person(id: &str, number: usize) -> Record {
    vec![
        ("ID".to_owned(), json!(id).to_string()),
        ("NO".to_owned(), json!(format!("N-{number}")).to_string()),
        ("NAME".to_owned(), json!(format!("样例{number}号·人")).to_string()),
        ("BORN".to_owned(), json!(format!("19{:02}-05-20", 50 + number)).to_string()),
        ("SUM".to_owned(), if number == 0 { "0.00".to_owned() } else { format!("{number}000000.00") }),
        ("STATE".to_owned(), json!(format!("状态{number}")).to_string()),
    ]
}

fn item(code: &str, kind: &str, level: u8, semantic: Option<&str>) -> Item {
    let key = matches!(code, "ID" | "NO");
    Item {
        code: code.to_owned(),
        kind: kind.to_owned(),
        length: 0,
        level,
        semantic: semantic.map(str::to_owned),
        key,
        out: false,
    }
}

impl Resource {
    /// The small city's resource, under another code if need be.
    pub fn small(code: &str) -> Self {
        Self {
            code: code.to_owned(),
            provider: "give".to_owned(),
            share: "conditional",
            modes: vec!["verify", "query"],
            items: vec![
                item("ID", "C", 3, Some("cn_id18")),
                item("NO", "C", 2, None),
                item("NAME", "C", 2, Some("person_name")),
                item("BORN", "D", 3, Some("birth_date")),
                item("SUM", "N", 3, None),
                item("STATE", "C", 4, None),
            ],
            key_sets: vec![vec!["ID".to_owned()], vec!["NO".to_owned()]],
            matter: true,
            purposes: None,
            departments: None,
            verify_only: false,
            by_subject: false,
            rows: None,
            per_day: None,
            per_second: None,
            legal_basis: None,
            as_of: None,
        }
    }
}

impl Grant {
    /// Everything of a small resource to `ask` for `P1`, in clear up to L3.
    pub fn small(id: &str, resource: &str) -> Self {
        Self {
            id: id.to_owned(),
            party: "ask".to_owned(),
            resource: resource.to_owned(),
            modes: vec!["verify", "query"],
            fields: ["ID", "NO", "NAME", "BORN", "SUM", "STATE"].map(str::to_owned).to_vec(),
            clear_level: 3,
            clear_fields: Vec::new(),
            purposes: vec!["P1".to_owned()],
            state: "active".to_owned(),
            valid_from: day(-1),
            valid_until: day(1),
            per_second: None,
            per_day: None,
            rows: None,
        }
    }
}
