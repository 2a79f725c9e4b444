//! What reading costs: 10 KB of records of which 3 KB are kept, in µs per KB.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use sluice_contract::answer::read;
use sluice_contract::spec::OperationSpec;
use sluice_contract::{Layout, Page};
use sluice_domain::{
    Item, ItemCode, ItemSet, ItemType, Level, Modes, PartyIx, ProvisionMode, Resource, ResourceCode, ShareCondition,
    ShareType,
};

const ITEMS: usize = 30;
const RECORDS: usize = 10;
const ROUNDS: u32 = 20_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let items = (0..ITEMS).map(item).collect::<Result<Vec<_>, _>>()?;
    let resource = resource(items)?;
    let call: OperationSpec = serde_json::from_str(
        r#"{"method": "GET", "path": "/x", "records": "/data/list", "as_of": "/data/at", "success": {"pointer": "/code", "equals": ["0"]}}"#,
    )?;
    let layout = Layout::of_records(&call, &resource).map_err(|faults| format!("{faults:?}"))?;
    let body = body();
    let pages = [Page::from(Bytes::from(body.clone()))];
    let wanted: ItemSet = (0..ITEMS).step_by(3).collect();
    let mut out = String::with_capacity(body.len());
    let begin = tokio::time::Instant::now();
    for _ in 0..ROUNDS {
        out.clear();
        let envelope = read(black_box(&pages), &layout, &wanted, &mut |row| {
            row.cells().for_each(|(_, cell)| out.push_str(cell.raw()));
            Ok(())
        })?;
        black_box(envelope);
    }
    report(begin.elapsed(), body.len(), out.len());
    Ok(())
}

fn report(took: Duration, read_bytes: usize, kept_bytes: usize) {
    let micros = took.as_secs_f64() * 1e6 / f64::from(ROUNDS);
    let kib = f64::from(u32::try_from(read_bytes).unwrap_or(u32::MAX)) / 1024.0;
    println!("{read_bytes} bytes read, {kept_bytes} kept: {micros:.2} µs, {:.3} µs per KB", micros / kib);
}

fn item(at: usize) -> Result<Item, sluice_domain::ids::IdError> {
    let code = ItemCode::new(&format!("ITEM_{at:02}"))?;
    Ok(Item {
        code,
        name: String::new(),
        kind: ItemType::C,
        length: 0,
        level: Level::L2,
        semantic: None,
        key: at == 0,
        out: false,
    })
}

fn body() -> String {
    let member = |at: usize| format!(r#""ITEM_{at:02}":"样例值{at:08}value{at:02}""#);
    let record = format!("{{{}}}", (0..ITEMS).map(member).collect::<Vec<_>>().join(","));
    format!(
        r#"{{"code":"0","data":{{"list":[{}],"at":"2026-11-22T09:00:00+08:00"}}}}"#,
        vec![record; RECORDS].join(",")
    )
}

fn resource(items: Vec<Item>) -> Result<Resource, sluice_domain::ids::IdError> {
    Ok(Resource {
        code: ResourceCode::new("101001001/000001")?,
        version: 1,
        name: String::new(),
        r#abstract: String::new(),
        provider: PartyIx(0),
        share_type: ShareType::Unconditional,
        provision: ProvisionMode::Docking,
        modes: Modes::default(),
        update_cycle: String::new(),
        key_sets: vec![[0].into_iter().collect()],
        items,
        matter_required: false,
        condition: ShareCondition::default(),
        legal_basis: None,
        use_requirements: String::new(),
        business_notes: String::new(),
        gate: sluice_domain::Gate::Local,
        note: None,
        as_of: None,
        operations: Vec::new(),
    })
}
