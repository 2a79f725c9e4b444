//! What the documents show is understood.

use sluice_contract::spec::{RestSpec, SpecFault, Style};
use sluice_domain::{Item, ItemCode, ItemType, Level, Mode, Resource, ResourceCode};

use crate::sample::resource;

#[derive(serde::Deserialize)]
struct Shown {
    rest: Vec<RestSpec>,
}

/// The resource of the examples: people by their number.
fn people(code: &ResourceCode, modes: &[Mode]) -> Resource {
    let item = |code: &str, kind: ItemType, key: bool| Item {
        code: ItemCode::new(code).unwrap(),
        name: String::new(),
        kind,
        length: 0,
        level: Level::L2,
        semantic: None,
        key,
        out: false,
    };
    Resource {
        code: code.clone(),
        modes: modes.iter().copied().collect(),
        items: vec![
            item("GMSFHM", ItemType::C, true),
            item("XM", ItemType::C, false),
            item("CSRQ", ItemType::D, false),
            item("XB", ItemType::C, false),
            item("JE", ItemType::Y, false),
            item("YX", ItemType::L, false),
        ],
        key_sets: vec![[0].into_iter().collect()],
        ..resource()
    }
}

#[test]
fn every_example_of_a_binding_is_sound() {
    let text = include_str!("../../../../docs/docking.md");
    let blocks = text.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("toml\n"));
    let mut seen = 0;
    for block in blocks {
        let shown: Shown = toml::from_str(block).unwrap_or_else(|error| panic!("{error}\n{block}"));
        for spec in shown.rest {
            let is_compared = spec.query.is_none() && spec.style == Style::Custom;
            let modes: &[Mode] = if is_compared { &[Mode::Verify] } else { &[Mode::Verify, Mode::Query] };
            assert_eq!(spec.check(&people(&spec.resource, modes)), Vec::<SpecFault>::new(), "{block}");
            seen += 1;
        }
    }
    assert!(seen >= 15, "one example per style: {seen}");
}
