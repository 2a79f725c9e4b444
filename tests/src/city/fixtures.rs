//! The city as fixtures: how they are read and written.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{City, Grant, Item, Party, Record, Resource};
use crate::binary::workspace;
use crate::clock::day;

const SHARES: [(&str, &str); 3] =
    [("无条件共享", "unconditional"), ("有条件共享", "conditional"), ("不予共享", "not_shared")];
const MODES: [(&str, &str); 4] = [("验证", "verify"), ("查询", "query"), ("推送", "push"), ("调用", "call")];

fn ours(words: &[(&str, &'static str)], zh: &str) -> &'static str {
    words.iter().find(|(word, _)| *word == zh).map_or_else(|| panic!("unknown word {zh}"), |(_, ours)| ours)
}

fn zh(words: &[(&'static str, &str)], ours: &str) -> &'static str {
    words.iter().find(|(_, word)| *word == ours).map_or_else(|| panic!("unknown word {ours}"), |(zh, _)| zh)
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn grade(level: &Value) -> u8 {
    level.as_str().and_then(|level| level.trim_start_matches('L').parse().ok()).unwrap_or(2)
}

impl City {
    /// The sample city that is embedded in the binary. Grants that are in force now stay so: their
    /// dates move with the day of the test.
    pub fn embedded() -> Self {
        let mut city = Self::read(&workspace().join("gateway/server/fixtures"));
        for grant in city.grants.iter_mut().filter(|grant| grant.state != "expired") {
            (grant.valid_from, grant.valid_until) = (day(-30), day(30));
        }
        city
    }

    fn read(folder: &Path) -> Self {
        let json = |name: &str| -> Value {
            let bytes = fs::read(folder.join(name)).expect("a fixture");
            serde_json::from_slice(&bytes).expect("JSON")
        };
        let catalog = json("sample_catalog.json");
        let records = fs::read_to_string(folder.join("demo_records.json")).expect("a fixture");
        Self {
            parties: catalog["departments"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, party)| read_party(key, party))
                .collect(),
            purposes: catalog["purposes"].as_object().into_iter().flatten().map(|(code, _)| code.clone()).collect(),
            resources: catalog["catalog"].as_array().into_iter().flatten().map(read_resource).collect(),
            grants: json("demo_grants.json").as_array().into_iter().flatten().map(read_grant).collect(),
            records: read_records(&records),
        }
    }

    /// Writes the city as fixtures into a folder.
    pub fn write(&self, folder: &Path) {
        let departments: serde_json::Map<String, Value> =
            self.parties.iter().map(|party| (party.key.clone(), party.written())).collect();
        let purposes: serde_json::Map<String, Value> =
            self.purposes.iter().map(|code| (code.clone(), json!(format!("用途{code}")))).collect();
        let catalog: Vec<Value> = self.resources.iter().map(|resource| resource.written(self)).collect();
        let grants: Vec<Value> = self.grants.iter().map(Grant::written).collect();
        let write = |name: &str, text: String| fs::write(folder.join(name), text).expect("the folder can be written");
        write(
            "sample_catalog.json",
            json!({"departments": departments, "purposes": purposes, "people": [], "catalog": catalog}).to_string(),
        );
        write("demo_grants.json", json!(grants).to_string());
        let records: Vec<String> = self
            .records
            .iter()
            .map(|(code, records)| {
                format!("{}:[{}]", json!(code), records.iter().map(written_record).collect::<Vec<_>>().join(","))
            })
            .collect();
        write("demo_records.json", format!("{{\"note\":\"\",\"records\":{{{}}}}}", records.join(",")));
    }
}

impl Resource {
    fn written(&self, city: &City) -> Value {
        let items: Vec<Value> = self.items.iter().map(Item::written).collect();
        let modes: Vec<&str> = self.modes.iter().map(|mode| zh(&MODES, mode)).collect();
        let mut entry = json!({
            "code": self.code, "name": format!("资源{}", self.code), "provider": city.party(&self.provider).uscc, "provider_name": "",
            "abstract": "", "format": "服务接口/JSON", "share_type": zh(&SHARES, self.share), "provision_mode": "系统对接",
            "services": modes, "update_cycle": "实时", "items": items, "open_type": "不予开放", "published": "2026-09-01",
            "secret": false, "open_method": "无", "use_requirements": "", "business_notes": "", "provider_key": self.provider,
            "matter_required": self.matter, "key_sets": self.key_sets,
        });
        let mut condition = json!({});
        put(&mut condition, "purposes", self.purposes.as_ref().map(|purposes| json!(purposes)));
        put(&mut condition, "departments", self.departments.as_ref().map(|departments| json!(departments)));
        put(&mut condition, "verify_only", self.verify_only.then_some(json!(true)));
        put(&mut condition, "row_scope", self.by_subject.then(|| json!("by_subject")));
        put(&mut condition, "max_rows", self.rows.map(|rows| json!(rows)));
        put(&mut condition, "per_day", self.per_day.map(|count| json!(count)));
        put(&mut condition, "per_second", self.per_second.map(|count| json!(count)));
        let has_condition = condition.as_object().is_some_and(|members| !members.is_empty());
        put(&mut entry, "share_condition", has_condition.then_some(condition));
        put(&mut entry, "legal_basis", self.legal_basis.as_ref().map(|basis| json!(basis)));
        put(&mut entry, "as_of", self.as_of.as_ref().map(|date| json!(date)));
        entry
    }
}

fn put(object: &mut Value, member: &str, value: Option<Value>) {
    if let (Some(members), Some(value)) = (object.as_object_mut(), value) {
        members.insert(member.to_owned(), value);
    }
}

impl Item {
    fn written(&self) -> Value {
        let mut item = json!({
            "code": self.code, "name": format!("信息项{}", self.code), "type": self.kind, "length": self.length, "level": format!("L{}", self.level),
        });
        put(&mut item, "semantic", self.semantic.as_ref().map(|word| json!(word)));
        put(&mut item, "key", self.key.then_some(json!(true)));
        put(&mut item, "out", self.out.then_some(json!(true)));
        item
    }
}

impl Party {
    fn written(&self) -> Value {
        let handlers: Vec<Value> = self
            .handlers
            .iter()
            .map(|(id, active)| {
                let mut handler = json!({"id": id, "name": format!("经办人{id}"), "post": "经办"});
                put(&mut handler, "state", (!active).then(|| json!("disabled")));
                handler
            })
            .collect();
        let mut party = json!({
            "uscc": self.uscc, "name": format!("部门{}", self.key), "kind": "行政机关", "basis": "适用",
            "chief_data_officer": "", "roles": ["提供部门", "使用部门"], "handlers": handlers,
        });
        put(&mut party, "state", self.suspended.then(|| json!("suspended")));
        party
    }
}

impl Grant {
    fn written(&self) -> Value {
        let mut limits = json!({});
        put(&mut limits, "per_second", self.per_second.map(|count| json!(count)));
        put(&mut limits, "per_day", self.per_day.map(|count| json!(count)));
        put(&mut limits, "rows_per_call", self.rows.map(|count| json!(count)));
        json!({
            "id": self.id, "party": self.party, "resource": self.resource, "modes": self.modes, "fields": self.fields,
            "clear_level": format!("L{}", self.clear_level), "clear_fields": self.clear_fields, "purposes": self.purposes,
            "state": self.state, "valid_from": self.valid_from, "valid_until": self.valid_until, "limits": limits,
            "second_approver": "approver", "impact_assessment": "PIA-2026-0001",
        })
    }
}

/// A record as a JSON object, digits as they are.
pub fn written_record(record: &Record) -> String {
    let members: Vec<String> = record.iter().map(|(code, raw)| format!("{}:{raw}", json!(code))).collect();
    format!("{{{}}}", members.join(","))
}

fn read_party(key: &str, party: &Value) -> Party {
    let handlers = party["handlers"].as_array().into_iter().flatten();
    Party {
        key: key.to_owned(),
        uscc: text(&party["uscc"]),
        suspended: party["state"] == "suspended",
        handlers: handlers.map(|handler| (text(&handler["id"]), handler["state"] != "disabled")).collect(),
    }
}

fn read_resource(entry: &Value) -> Resource {
    let condition = &entry["share_condition"];
    let optional = |value: &Value| value.is_array().then(|| texts(value));
    let items = entry["items"].as_array().into_iter().flatten().map(|item| Item {
        code: text(&item["code"]),
        kind: text(&item["type"]),
        length: item["length"].as_u64().unwrap_or(0),
        level: grade(&item["level"]),
        semantic: item["semantic"].as_str().map(str::to_owned),
        key: item["key"] == true,
        out: item["out"] == true,
    });
    Resource {
        code: text(&entry["code"]),
        provider: text(&entry["provider_key"]),
        share: ours(&SHARES, entry["share_type"].as_str().unwrap_or_default()),
        modes: texts(&entry["services"]).iter().map(|word| ours(&MODES, word)).collect(),
        items: items.collect(),
        key_sets: entry["key_sets"].as_array().into_iter().flatten().map(texts).collect(),
        matter: entry["matter_required"] == true,
        purposes: optional(&condition["purposes"]),
        departments: optional(&condition["departments"]),
        verify_only: condition["verify_only"] == true,
        by_subject: condition["row_scope"] == "by_subject",
        rows: number(&condition["max_rows"]),
        per_day: number(&condition["per_day"]),
        per_second: number(&condition["per_second"]),
        legal_basis: entry["legal_basis"].as_str().map(str::to_owned),
        as_of: entry["as_of"].as_str().map(str::to_owned),
    }
}

fn read_grant(grant: &Value) -> Grant {
    let mode = |word: &String| MODES.iter().find(|(_, ours)| ours == word).map(|(_, ours)| *ours);
    Grant {
        id: text(&grant["id"]),
        party: text(&grant["party"]),
        resource: text(&grant["resource"]),
        modes: texts(&grant["modes"]).iter().filter_map(mode).collect(),
        fields: texts(&grant["fields"]),
        clear_level: grade(&grant["clear_level"]),
        clear_fields: texts(&grant["clear_fields"]),
        purposes: texts(&grant["purposes"]),
        state: text(&grant["state"]),
        valid_from: text(&grant["valid_from"]),
        valid_until: text(&grant["valid_until"]),
        per_second: number(&grant["limits"]["per_second"]),
        per_day: number(&grant["limits"]["per_day"]),
        rows: number(&grant["limits"]["rows_per_call"]),
    }
}

fn read_records(text: &str) -> BTreeMap<String, Vec<Record>> {
    #[derive(serde::Deserialize)]
    struct File {
        records: BTreeMap<String, Vec<BTreeMap<String, Box<RawValue>>>>,
    }
    let file: File = serde_json::from_str(text).expect("records");
    let record = |record: BTreeMap<String, Box<RawValue>>| {
        record.into_iter().map(|(code, raw)| (code, raw.get().to_owned())).collect()
    };
    file.records.into_iter().map(|(code, records)| (code, records.into_iter().map(record).collect())).collect()
}
