//! The sample city becomes a catalogue that reads back, whatever its files hold.

use std::path::PathBuf;

use sluice_config::demo::{DemoError, catalogue_from};
use sluice_config::{Catalogue, CatalogueFile};
use sluice_contract::spec::RestSpec;
use sluice_domain::catalogue::{Mode, ShareType};
use sluice_domain::{GrantState, Limits, PartyState};

use crate::site::Site;

fn fixture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../gateway/server/fixtures").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn city() -> CatalogueFile {
    let certificates = |key: &str| vec![PathBuf::from(format!("pki/parties/{key}/cert.pem"))];
    catalogue_from(&fixture("sample_catalog.json"), &fixture("demo_grants.json"), certificates).unwrap()
}

/// The city with a standard binding for everything that is called and a certificate for each system.
fn bound_city(site: &Site) -> CatalogueFile {
    let mut city = city();
    for (at, system) in city.systems.iter_mut().enumerate() {
        system.certificates.clear();
        system.fingerprints = vec![format!("{at:064x}")];
    }
    let called = city.resources.iter().filter(|resource| resource.share_type != ShareType::NotShared);
    city.rest = called.map(|resource| binding(&resource.code)).collect();
    site.write("city.toml", &city.to_toml().unwrap());
    city
}

fn binding(code: &str) -> RestSpec {
    let text = format!("resource = \"{code}\"\nbase_url = \"http://127.0.0.1:9001\"\nstyle = \"standard\"\n");
    toml::from_str(&text).unwrap()
}

fn load(site: &Site, name: &str) -> Catalogue {
    Catalogue::load(&[site.path(name)], Limits::default()).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn city_reads_back_as_it_was_written() {
    let site = Site::of_samples();
    let city = bound_city(&site);
    let read: CatalogueFile = toml::from_str(&site.read("city.toml")).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::to_value(&city).unwrap());
    let catalogue = load(&site, "city.toml");
    assert_eq!(serde_json::to_value(&catalogue.declared).unwrap(), serde_json::to_value(&city).unwrap());
    let source: serde_json::Value = serde_json::from_str(&fixture("sample_catalog.json")).unwrap();
    let policy = &catalogue.policy;
    assert_eq!(policy.parties().len(), source["departments"].as_object().unwrap().len());
    assert_eq!(policy.systems().len(), policy.parties().len());
    assert_eq!(policy.resources().len(), source["catalog"].as_array().unwrap().len());
    assert_eq!(policy.purposes().len(), source["purposes"].as_object().unwrap().len());
    for (resource, entry) in policy.resources().iter().zip(source["catalog"].as_array().unwrap()) {
        assert_eq!(resource.code.as_str(), entry["code"]);
        assert_eq!(resource.modes.iter().count(), entry["services"].as_array().unwrap().len());
        assert_eq!(policy.party(resource.provider).unwrap().key.as_str(), entry["provider_key"]);
        assert_eq!(resource.items.len(), entry["items"].as_array().unwrap().len());
    }
}

#[test]
fn words_of_the_city_become_ours() {
    let city = city();
    let resource = |code: &str| city.resources.iter().find(|resource| resource.code == code).unwrap();
    assert_eq!(resource("101001001/000001").share_type, ShareType::Unconditional);
    assert_eq!(resource("102001001/000004").modes, [Mode::Query, Mode::Push]);
    assert!(resource("301001001/000014").modes.is_empty());
    assert_eq!(resource("101001001/000002").condition.as_ref().unwrap().rows_per_call, Some(1));
    assert_eq!(city.parties.iter().find(|party| party.key == "wj").unwrap().state, PartyState::Suspended);
    assert_eq!(city.grants[1].state, GrantState::Expired);
    let noted: Vec<&str> = city
        .resources
        .iter()
        .filter(|resource| resource.note.is_some())
        .map(|resource| resource.code.as_str())
        .collect();
    let by_other_ways = [
        "101002001/000003",
        "203003001/000006",
        "201005001/000009",
        "306001001/000010",
        "307001001/000011",
        "303001001/000013",
    ];
    assert_eq!(noted, by_other_ways);
    assert_eq!(city.systems[0].id, "ga.main");
    assert_eq!(city.systems[0].certificates, [PathBuf::from("pki/parties/ga/cert.pem")]);
}

#[test]
fn revision_names_the_content_not_its_order_or_files() {
    let site = Site::of_samples();
    let mut city = bound_city(&site);
    let first = load(&site, "city.toml").policy.revision().to_owned();
    assert_eq!(first.len(), 16);
    let grants = CatalogueFile { grants: city.grants.drain(..).rev().collect(), ..CatalogueFile::default() };
    city.parties.reverse();
    site.write("one.toml", &city.to_toml().unwrap());
    site.write("two.toml", &grants.to_toml().unwrap());
    let files = [site.path("two.toml"), site.path("one.toml")];
    assert_eq!(Catalogue::load(&files, Limits::default()).unwrap().policy.revision(), first);
    city.purposes[0].name.push('。');
    city.grants = grants.grants;
    site.write("city.toml", &city.to_toml().unwrap());
    assert_ne!(load(&site, "city.toml").policy.revision(), first);
    let limits = Limits { per_day: Some(1), ..Limits::default() };
    assert_ne!(Catalogue::load(&files, limits).unwrap().policy.revision(), first);
}

#[test]
fn unknown_words_name_their_entry() {
    let catalog = fixture("sample_catalog.json");
    let grants = fixture("demo_grants.json");
    let convert = |catalog: &str, grants: &str| catalogue_from(catalog, grants, |_| Vec::new()).unwrap_err();
    let rows = [
        (
            "\"share_type\": \"不予共享\"",
            "\"share_type\": \"秘密共享\"",
            "sample_catalog.json: resource 301001001/000014: share_type: unknown word \"秘密共享\"; known: 无条件共享, 有条件共享, 不予共享",
        ),
        (
            "\"provision_mode\": \"电子表单\"",
            "\"provision_mode\": \"传真\"",
            "sample_catalog.json: resource 307001001/000011: provision_mode: unknown word \"传真\"; known: 系统对接, 数据下发接口, 电子表单",
        ),
        (
            "\"推送\"",
            "\"广播\"",
            "sample_catalog.json: resource 102001001/000004: services: unknown word \"广播\"; known: 验证, 查询, 推送, 调用",
        ),
        (
            "\"level\": \"L4\"",
            "\"level\": \"L5\"",
            "sample_catalog.json: resource 101002001/000003: items.level: unknown word \"L5\"; known: L1, L2, L3, L4",
        ),
        (
            "\"semantic\": \"uscc\"",
            "\"semantic\": \"uscx\"",
            "sample_catalog.json: resource 102001001/000004: items.semantic: unknown word \"uscx\"; known: person_name, cn_id18, uscc, mobile, landline, bank_card, address, birth_date, plate, email, money, certificate_number, match_code, sealed_file",
        ),
        (
            "\"state\": \"suspended\"",
            "\"state\": \"asleep\"",
            "sample_catalog.json: department wj: state: unknown word \"asleep\"; known: active, suspended",
        ),
        (
            "\"row_scope\": \"by_subject\"",
            "\"row_scope\": \"by_moon\"",
            "sample_catalog.json: resource 103001001/000005: share_condition.row_scope: unknown word \"by_moon\"; known: by_subject",
        ),
    ];
    for (old, new, expected) in rows {
        assert!(catalog.contains(old), "{old}");
        assert_eq!(convert(&catalog.replacen(old, new, 1), &grants).to_string(), expected);
    }
    let strange = grants.replacen("\"revoked\"", "\"lost\"", 1);
    assert_eq!(
        convert(&catalog, &strange).to_string(),
        "demo_grants.json: grant G-0003: state: unknown word \"lost\"; known: active, suspended, revoked, expired"
    );
    assert!(matches!(convert("{", &grants), DemoError::Json { line: 1, .. }));
    assert_eq!(
        convert(&catalog.replacen("\"provider_key\"", "\"provider_kye\"", 1), &grants).to_string(),
        "sample_catalog.json: line 551, column 3: missing field `provider_key`"
    );
}
