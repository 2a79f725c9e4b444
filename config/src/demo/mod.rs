//! The sample city as a catalogue: its Chinese words become ours, nothing else changes. Nothing here
//! knows a party, a resource or a person of the sample, so regenerated files work alike.

mod fixture;

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as WordError, StrDeserializer};
use sluice_domain::catalogue::{Gate, Level, Mode, ProvisionMode, ShareType};
use sluice_domain::grant::GrantState;
use sluice_domain::party::{HandlerState, PartyState};

use crate::catalogue::{
    CatalogueFile, ConditionEntry, ConfirmationEntry, GrantEntry, HandlerEntry, ItemEntry, PartyEntry, PurposeEntry,
    ResourceEntry, SystemEntry,
};
use fixture::{City, Condition, Department, Entry, Grant, Item, Person};

/// A fixture that cannot become a catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DemoError {
    /// Not the JSON that is expected.
    #[error("{file}: line {line}, column {column}: {cause}")]
    Json {
        /// Which of the two files.
        file: &'static str,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        cause: String,
    },
    /// A word that has no meaning in the catalogue.
    #[error("{file}: {entry}: {member}: unknown word \"{word}\"; known: {known}")]
    UnknownWord {
        /// Which of the two files.
        file: &'static str,
        /// Which entry, such as `resource 101001001/000001`.
        entry: String,
        /// Which member.
        member: &'static str,
        /// The word.
        word: String,
        /// The words that are known there.
        known: String,
    },
}

/// Name of the catalogue fixture in errors.
const CATALOG: &str = "sample_catalog.json";
/// Name of the grants fixture in errors.
const GRANTS: &str = "demo_grants.json";

const SHARE_TYPES: [(&str, ShareType); 3] = [
    ("无条件共享", ShareType::Unconditional),
    ("有条件共享", ShareType::Conditional),
    ("不予共享", ShareType::NotShared),
];
const PROVISIONS: [(&str, ProvisionMode); 3] = [
    ("系统对接", ProvisionMode::Docking),
    ("数据下发接口", ProvisionMode::Issuance),
    ("电子表单", ProvisionMode::Form),
];
const SERVICES: [(&str, Mode); 4] =
    [("验证", Mode::Verify), ("查询", Mode::Query), ("推送", Mode::Push), ("调用", Mode::Call)];

/// The catalogue of a sample city: parties with a system `<key>.main` each, purposes, resources and
/// grants. Bindings are the caller's to add. `certificates` gives the certificate files of a party's
/// system, by party key.
///
/// # Errors
/// The first thing that cannot be read, with its entry.
pub fn catalogue_from(
    catalog: &str,
    grants: &str,
    certificates: impl Fn(&str) -> Vec<PathBuf>,
) -> Result<CatalogueFile, DemoError> {
    let city: City = json(CATALOG, catalog)?;
    let grants: Vec<Grant> = json(GRANTS, grants)?;
    let systems = city.departments.0.iter().map(|(key, _)| SystemEntry {
        id: format!("{key}.main"),
        party: key.clone(),
        certificates: certificates(key),
        fingerprints: Vec::new(),
    });
    Ok(CatalogueFile {
        systems: systems.collect(),
        parties: city
            .departments
            .0
            .into_iter()
            .map(|(key, department)| party(key, department))
            .collect::<Result<_, _>>()?,
        purposes: city.purposes.0.into_iter().map(|(code, name)| PurposeEntry { code, name }).collect(),
        resources: city.catalog.into_iter().map(resource).collect::<Result<_, _>>()?,
        grants: grants.into_iter().map(grant).collect::<Result<_, _>>()?,
        rest: Vec::new(),
    })
}

fn json<'t, T: Deserialize<'t>>(file: &'static str, text: &'t str) -> Result<T, DemoError> {
    serde_json::from_str(text).map_err(|error| DemoError::Json {
        file,
        line: error.line(),
        column: error.column(),
        cause: match error.classify() {
            serde_json::error::Category::Data => {
                error.to_string().split(" at line ").next().unwrap_or_default().to_owned()
            }
            _ => String::from("not JSON"),
        },
    })
}

/// An entry of a fixture, to be named in errors.
struct Named<'a> {
    file: &'static str,
    kind: &'static str,
    id: &'a str,
}

impl Named<'_> {
    fn unknown(&self, member: &'static str, word: &str, known: String) -> DemoError {
        DemoError::UnknownWord {
            file: self.file,
            entry: format!("{} {}", self.kind, self.id),
            member,
            word: word.to_owned(),
            known,
        }
    }

    /// A Chinese word of the catalogue workbook.
    fn zh<T: Copy>(&self, member: &'static str, word: &str, words: &[(&str, T)]) -> Result<T, DemoError> {
        let known = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        words
            .iter()
            .find(|(zh, _)| *zh == word)
            .map(|(_, ours)| *ours)
            .ok_or_else(|| self.unknown(member, word, known()))
    }

    /// A word that the fixtures already write as we do.
    fn ours<'t, T: Deserialize<'t>>(&self, member: &'static str, word: &'t str) -> Result<T, DemoError> {
        let read: StrDeserializer<'t, WordError> = word.into_deserializer();
        T::deserialize(read).map_err(|error| {
            let quoted: Vec<String> = error.to_string().split('`').skip(3).step_by(2).map(str::to_owned).collect();
            self.unknown(member, word, quoted.join(", "))
        })
    }

    fn ours_or<'t, T: Deserialize<'t>>(
        &self,
        member: &'static str,
        word: Option<&'t str>,
        default: T,
    ) -> Result<T, DemoError> {
        word.map_or(Ok(default), |word| self.ours(member, word))
    }
}

fn party(key: String, department: Department) -> Result<PartyEntry, DemoError> {
    let named = Named { file: CATALOG, kind: "department", id: &key };
    let state = named.ours_or("state", department.state.as_deref(), PartyState::default())?;
    let handler = |person: Person| {
        let state = named.ours_or("handlers.state", person.state.as_deref(), HandlerState::default())?;
        Ok(HandlerEntry { id: person.id, name: person.name, post: person.post, state })
    };
    let handlers = department.handlers.into_iter().map(handler).collect::<Result<_, _>>()?;
    Ok(PartyEntry { uscc: department.uscc, name: department.name, kind: department.kind, state, handlers, key })
}

fn resource(entry: Entry) -> Result<ResourceEntry, DemoError> {
    let named = Named { file: CATALOG, kind: "resource", id: &entry.code };
    let share_type = named.zh("share_type", &entry.share_type, &SHARE_TYPES)?;
    let provision = named.zh("provision_mode", &entry.provision_mode, &PROVISIONS)?;
    let modes = entry.services.iter().map(|word| named.zh("services", word, &SERVICES)).collect::<Result<_, _>>()?;
    let items = entry.items.into_iter().map(|read| item(read, &named)).collect::<Result<_, _>>()?;
    let condition = entry.share_condition.map(|read| condition(read, &named)).transpose()?;
    Ok(ResourceEntry {
        version: entry.version.unwrap_or(1),
        name: entry.name,
        r#abstract: entry.summary,
        provider: entry.provider_key,
        share_type,
        provision,
        modes,
        update_cycle: entry.update_cycle,
        matter_required: entry.matter_required,
        gate: Gate::Local,
        key_sets: entry.key_sets,
        legal_basis: entry.legal_basis,
        use_requirements: entry.use_requirements,
        business_notes: entry.business_notes,
        note: note(share_type, provision, entry.interim_local_copy),
        as_of: entry.as_of,
        secret: entry.secret,
        format: entry.format,
        open_type: entry.open_type,
        open_method: entry.open_method,
        published: entry.published,
        condition,
        confirmation: entry.conditional_confirmation.map(|read| ConfirmationEntry {
            by: read.by,
            document: read.document,
            why: read.why,
        }),
        items,
        code: entry.code,
        operations: Vec::new(),
        files: None,
    })
}

/// Says that a resource is docked by REST until the adapter of its own way of supply is built.
fn note(share_type: ShareType, provision: ProvisionMode, local_copy: bool) -> Option<String> {
    let way = match provision {
        _ if share_type == ShareType::NotShared => return None,
        ProvisionMode::Docking if !local_copy => return None,
        _ if local_copy => "本地副本(取得上级数据下发接口之前)",
        ProvisionMode::Issuance => "数据下发接口",
        ProvisionMode::Form | ProvisionMode::Docking => "电子表单",
    };
    Some(format!("提供方式为{way};相应适配器建成之前,暂以REST系统对接方式提供。"))
}

fn item(item: Item, named: &Named<'_>) -> Result<ItemEntry, DemoError> {
    Ok(ItemEntry {
        r#type: named.ours("items.type", &item.r#type)?,
        level: named.ours("items.level", &item.level)?,
        semantic: item.semantic.as_deref().map(|word| named.ours("items.semantic", word)).transpose()?,
        code: item.code,
        name: item.name,
        length: item.length,
        key: item.key,
        out: item.out,
    })
}

fn condition(condition: Condition, named: &Named<'_>) -> Result<ConditionEntry, DemoError> {
    Ok(ConditionEntry {
        row_scope: condition
            .row_scope
            .as_deref()
            .map(|word| named.ours("share_condition.row_scope", word))
            .transpose()?,
        purposes: condition.purposes,
        departments: condition.departments,
        verify_only: condition.verify_only,
        rows_per_call: condition.max_rows,
        per_day: condition.per_day,
        per_second: condition.per_second,
    })
}

fn grant(grant: Grant) -> Result<GrantEntry, DemoError> {
    let named = Named { file: GRANTS, kind: "grant", id: &grant.id };
    let modes = grant.modes.iter().map(|word| named.ours("modes", word)).collect::<Result<_, _>>()?;
    let clear_level = named.ours_or("clear_level", grant.clear_level.as_deref(), Level::L2)?;
    let state = named.ours_or("state", grant.state.as_deref(), GrantState::Active)?;
    Ok(GrantEntry {
        party: grant.party,
        resource: grant.resource,
        modes,
        fields: grant.fields,
        clear_level,
        clear_fields: grant.clear_fields,
        purposes: grant.purposes,
        state,
        valid_from: grant.valid_from,
        valid_until: grant.valid_until,
        second_approver: grant.second_approver,
        impact_assessment: grant.impact_assessment,
        limits: grant.limits,
        id: grant.id,
        operations: Vec::new(),
        legal_basis: None,
    })
}
