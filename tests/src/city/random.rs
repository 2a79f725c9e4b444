//! Cities that nobody has seen: other departments, people, resources, grants and records.

use std::collections::BTreeMap;

use serde_json::json;

use super::{City, Grant, Item, Party, Record, Resource};
use crate::clock::day;
use crate::identifiers;
use crate::seed::Seed;

const SURNAMES: [&str; 8] = ["赵", "钱", "孙", "李", "周", "吴", "欧阳", "司马"];
const GIVEN: [&str; 8] = ["伟样例", "芳", "娜样", "秀英", "敏例", "静", "丽·样例", "强"];
/// Semantics of made-up items, each with the item type that carries it.
const SEMANTICS: [(&str, &str); 8] = [
    ("person_name", "C"),
    ("mobile", "C"),
    ("bank_card", "C"),
    ("address", "C"),
    ("birth_date", "D"),
    ("email", "C"),
    ("money", "N"),
    ("plate", "C"),
];

/// A made-up citizen.
struct Person {
    id: String,
    name: String,
}

impl City {
    /// A city of the seed.
    pub fn random(seed: &mut Seed) -> Self {
        let people: Vec<Person> = (0..6)
            .map(|_| Person {
                id: identifiers::citizen(seed),
                name: format!("{}{}", seed.pick(&SURNAMES), seed.pick(&GIVEN)),
            })
            .collect();
        let parties: Vec<Party> = (0..6)
            .map(|at| Party {
                key: format!("{}{at}", seed.pick(&["bu", "ju", "wei", "suo"])),
                uscc: identifiers::organisation(seed),
                suspended: at == 5,
                handlers: vec![
                    (format!("h-{}", seed.below(10_000)), true),
                    (format!("x-{}", seed.below(10_000)), false),
                ],
            })
            .collect();
        let purposes: Vec<String> = (0..5).map(|at| format!("P{}{at}", seed.below(1000))).collect();
        let mut city = Self { parties, purposes, ..Self::default() };
        for at in 0..9 {
            let resource = city.random_resource(seed, at);
            let records = random_records(seed, &resource, &people);
            city.records.insert(resource.code.clone(), records);
            city.resources.push(resource);
        }
        city.grants = city.random_grants(seed);
        city
    }

    fn random_resource(&self, seed: &mut Seed, at: u64) -> Resource {
        let share = ["unconditional", "conditional", "conditional", "conditional", "not_shared"]
            [usize::try_from(at % 5).unwrap_or(0)];
        let mut items = vec![
            Item {
                code: format!("ID{at}"),
                kind: "C".into(),
                length: 18,
                level: 3,
                semantic: Some("cn_id18".into()),
                key: true,
                out: false,
            },
            Item {
                code: format!("NO{at}"),
                kind: "C".into(),
                length: 20,
                level: 2,
                semantic: None,
                key: true,
                out: false,
            },
        ];
        for number in 0..=seed.below(7) {
            let (semantic, kind) = *seed.pick(&SEMANTICS);
            let plain = seed.one_in(3);
            items.push(Item {
                code: format!("{}_{number}", seed.pick(&["A", "bc", "Zz"])),
                kind: if plain { seed.pick(&["C", "N"]) } else { kind }.to_owned(),
                length: 0,
                level: 1 + u8::try_from(seed.below(4)).unwrap_or(0),
                semantic: (!plain).then(|| semantic.to_owned()),
                key: false,
                out: false,
            });
        }
        let modes = if share == "not_shared" { Vec::new() } else { seed.some_of(&["verify", "query"]) };
        let conditional = share == "conditional";
        let keys: Vec<String> = self.parties.iter().map(|party| party.key.clone()).collect();
        Resource {
            code: format!("{}/{:06}", 100_000_000 + seed.below(800_000_000), seed.below(1_000_000)),
            provider: seed.pick(&keys[..5]).clone(),
            share,
            verify_only: conditional && modes.contains(&"verify") && seed.one_in(5),
            modes,
            key_sets: vec![vec![format!("ID{at}")], vec![format!("NO{at}")]],
            matter: seed.one_in(2),
            purposes: (conditional && seed.one_in(2)).then(|| seed.some_of(&self.purposes)),
            departments: (conditional && seed.one_in(2)).then(|| seed.some_of(&keys)),
            by_subject: conditional && seed.one_in(3),
            rows: (conditional && seed.one_in(2)).then(|| 1 + u32::try_from(seed.below(4)).unwrap_or(0)),
            per_day: None,
            per_second: None,
            legal_basis: (share == "not_shared").then(|| "《样例法》第一条".to_owned()),
            as_of: seed.one_in(2).then(|| "2026-01-31".to_owned()),
            items,
        }
    }

    fn random_grants(&self, seed: &mut Seed) -> Vec<Grant> {
        let mut grants = Vec::new();
        for resource in self.resources.iter().filter(|resource| resource.share == "conditional") {
            for party in &self.parties {
                for _ in 0..seed.below(3) {
                    let fields = seed.some_of(&resource.codes());
                    let dates = *seed.pick(&[(-10, 10), (-10, 10), (-10, 10), (0, 0), (-20, -1), (1, 20)]);
                    grants.push(Grant {
                        id: format!("G-{:04}", seed.below(9000) * 10 + grants.len() as u64 % 10),
                        party: party.key.clone(),
                        resource: resource.code.clone(),
                        modes: seed.some_of(&resource.modes),
                        clear_level: 1 + u8::try_from(seed.below(3)).unwrap_or(0),
                        clear_fields: if seed.one_in(3) { seed.some_of(&fields) } else { Vec::new() },
                        fields,
                        purposes: seed.some_of(&self.purposes),
                        state: (*seed.pick(&["active", "active", "active", "suspended", "revoked", "expired"]))
                            .to_owned(),
                        valid_from: day(dates.0),
                        valid_until: day(dates.1),
                        per_second: None,
                        per_day: None,
                        rows: None,
                    });
                }
            }
        }
        // Ids decide which grant is used: each stands once.
        let mut ids = std::collections::BTreeSet::new();
        grants.retain(|grant| ids.insert(grant.id.clone()));
        grants
    }
}

fn random_records(seed: &mut Seed, resource: &Resource, people: &[Person]) -> Vec<Record> {
    let mut records = Vec::new();
    for (at, person) in people.iter().enumerate() {
        for again in 0..seed.below(4) {
            let mut record = BTreeMap::new();
            for item in &resource.items {
                let value = match (item.semantic.as_deref(), item.kind.as_str()) {
                    (Some("cn_id18"), _) => json!(person.id).to_string(),
                    (Some("person_name"), _) => json!(person.name).to_string(),
                    _ if !item.key && seed.one_in(12) => "null".to_owned(),
                    (Some("mobile"), _) => json!(format!("138{:08}", seed.below(100_000_000))).to_string(),
                    (Some("bank_card"), _) => json!(format!("622999{:013}", seed.below(1_000_000_000))).to_string(),
                    (Some("address"), _) => {
                        json!(format!("湖南省岳阳市临澜市临江镇样例路{}号", seed.below(1000))).to_string()
                    }
                    (Some("birth_date"), _) => {
                        json!(format!("19{:02}-0{}-1{}", 50 + seed.below(50), 1 + seed.below(9), seed.below(10)))
                            .to_string()
                    }
                    (Some("email"), _) => json!(format!("s{}@example.cn", seed.below(100_000))).to_string(),
                    (Some("plate"), _) => json!(format!("湘F{:05}", seed.below(100_000))).to_string(),
                    // Digits that do not survive a detour through a float.
                    (_, "N") => format!("{}.{:02}0", seed.below(90_000_000) + 1000, seed.below(100)),
                    _ if item.key => json!(format!("K{at}-{again}-{}", seed.below(1_000_000))).to_string(),
                    _ => json!(format!("值-{}", seed.number())).to_string(),
                };
                record.insert(item.code.clone(), value);
            }
            records.push(record.into_iter().collect());
        }
    }
    records
}
