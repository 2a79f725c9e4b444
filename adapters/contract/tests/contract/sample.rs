//! A small resource that the tests bind.

use sluice_contract::spec::{OperationSpec, RestSpec};
use sluice_domain::{
    Item, ItemCode, ItemSet, ItemType, Level, Mode, PartyIx, ProvisionMode, Resource, ResourceCode, Semantic,
    ShareCondition, ShareType,
};

fn item(code: &str, kind: ItemType, key: bool, semantic: Option<Semantic>) -> Item {
    Item {
        code: ItemCode::new(code).unwrap(),
        name: code.to_owned(),
        kind,
        length: 0,
        level: Level::L2,
        semantic,
        key,
        out: false,
    }
}

/// Items: 0 ID (key), 1 XM (key), 2 JE (number), 3 XB, 4 YX (boolean); key sets {ID} and {ID, XM}.
pub(crate) fn resource() -> Resource {
    Resource {
        code: ResourceCode::new("101001001/000001").unwrap(),
        version: 1,
        name: "样例".to_owned(),
        r#abstract: String::new(),
        provider: PartyIx(0),
        share_type: ShareType::Unconditional,
        provision: ProvisionMode::Docking,
        modes: [Mode::Verify, Mode::Query].into_iter().collect(),
        update_cycle: String::new(),
        items: vec![
            item("ID", ItemType::C, true, Some(Semantic::CnId18)),
            item("XM", ItemType::C, true, Some(Semantic::PersonName)),
            item("JE", ItemType::Y, false, Some(Semantic::Money)),
            item("XB", ItemType::C, false, None),
            item("YX", ItemType::L, false, None),
        ],
        key_sets: vec![[0].into_iter().collect(), [0, 1].into_iter().collect()],
        matter_required: false,
        condition: ShareCondition::default(),
        legal_basis: None,
        use_requirements: String::new(),
        business_notes: String::new(),
        gate: sluice_domain::Gate::Local,
        note: None,
        as_of: None,
        operations: Vec::new(),
    }
}

pub(crate) fn items(positions: &[usize]) -> ItemSet {
    positions.iter().copied().collect()
}

pub(crate) fn operation(toml: &str) -> OperationSpec {
    toml::from_str(toml).unwrap()
}

pub(crate) fn binding(toml: &str) -> RestSpec {
    toml::from_str(toml).unwrap()
}
