//! A policy with one resource, and questions that it permits.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sluice_contract::answer::read;
use sluice_contract::spec::RestSpec;
use sluice_contract::{Adapter, Ask, BadAnswer, Binding, Compared, Fetched, ProviderFault};
use sluice_domain::decision::{admit, authorize};
use sluice_domain::policy::{PolicyParts, Purpose};
use sluice_domain::{
    Asked, Caller, Day, Egress, Handler, HandlerId, HandlerState, Item, ItemCode, ItemSet, ItemType, Level, Mode,
    Party, PartyIx, PartyKey, PartyState, Permit, Policy, ProvisionMode, PurposeCode, Question, Resource, ResourceCode,
    ResourceIx, ShareCondition, ShareType, System, SystemId, SystemIx,
};
use sluice_rest::RestBinding;

const CODE: &str = "101001001/000001";

fn item(code: &str, kind: ItemType, key: bool) -> Item {
    Item {
        code: ItemCode::new(code).unwrap(),
        name: code.to_owned(),
        kind,
        length: 0,
        level: Level::L1,
        semantic: None,
        key,
        out: false,
    }
}

/// Items: 0 ID (key), 1 XM, 2 JE (number), 3 XB.
pub(crate) fn resource() -> Resource {
    Resource {
        code: ResourceCode::new(CODE).unwrap(),
        version: 1,
        name: "样例".to_owned(),
        r#abstract: String::new(),
        provider: PartyIx(0),
        share_type: ShareType::Unconditional,
        provision: ProvisionMode::Docking,
        modes: [Mode::Verify].into_iter().collect(),
        update_cycle: String::new(),
        items: vec![
            item("ID", ItemType::C, true),
            item("XM", ItemType::C, false),
            item("JE", ItemType::Y, false),
            item("XB", ItemType::C, false),
        ],
        key_sets: vec![[0].into_iter().collect()],
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

fn policy() -> Policy {
    let handler = Handler {
        id: HandlerId::new("u-1").unwrap(),
        name: String::new(),
        post: String::new(),
        state: HandlerState::Active,
    };
    let party = Party {
        key: PartyKey::new("mz").unwrap(),
        uscc: "11430689T000000282".to_owned(),
        name: String::new(),
        kind: String::new(),
        state: PartyState::Active,
        handlers: vec![handler],
    };
    let resource = Resource { modes: [Mode::Verify, Mode::Query].into_iter().collect(), ..resource() };
    Policy::build(PolicyParts {
        parties: vec![party],
        systems: vec![System { id: SystemId::new("mz.main").unwrap(), party: PartyIx(0), fingerprints: vec![[1; 32]] }],
        purposes: vec![Purpose { code: PurposeCode::new("P").unwrap(), name: String::new() }],
        resources: vec![resource],
        ..PolicyParts::default()
    })
    .unwrap()
}

pub(crate) fn permit(mode: Mode, fields: &[usize]) -> Permit {
    let policy = policy();
    let caller = Caller { system: SystemIx(0), party: PartyIx(0) };
    let question = Question {
        caller,
        stale: false,
        purpose: Some("P"),
        handler: Some("u-1"),
        matter: Ok(false),
        resource: CODE,
        mode,
        operation: None,
        today: Day::at(0),
    };
    let admission = admit(&policy, &question).unwrap();
    assert_eq!(admission.resource(), ResourceIx(0));
    let asked = Asked { key: [0].into_iter().collect(), fields: Some(fields.iter().copied().collect()) };
    authorize(&policy, &admission, &asked).unwrap()
}

/// A binding on `address`; `rest` is TOML after the address.
pub(crate) fn bind(address: SocketAddr, rest: &str) -> Arc<dyn Binding> {
    bind_at(&format!("base_url = 'http://{address}/api/'\n{rest}"))
}

/// A binding; `rest` is TOML after the resource.
pub(crate) fn bind_at(rest: &str) -> Arc<dyn Binding> {
    let text = format!("resource = '{CODE}'\n{rest}");
    let spec: RestSpec = toml::from_str(&text).unwrap();
    RestBinding::compile(&spec, &resource(), &Arc::new(Egress::test(Vec::new()))).unwrap()
}

pub(crate) fn attach(address: SocketAddr, rest: &str) -> Rc<dyn Adapter> {
    bind(address, rest).attach()
}

fn in_ten_seconds() -> Instant {
    tokio::time::Instant::now().into_std() + Duration::from_secs(10)
}

/// Lets other tasks go on until something holds.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    let late = in_ten_seconds();
    while !holds() {
        assert!(tokio::time::Instant::now().into_std() < late, "it does not come to hold");
        tokio::task::yield_now().await;
    }
}

/// Asks for items by ID and gives raw records, `None` when the head says that nothing was found.
pub(crate) async fn fetch(
    adapter: &dyn Adapter,
    mode: Mode,
    id: &str,
    items: &[usize],
) -> Result<Option<Vec<String>>, ProviderFault> {
    let fetched = ask(adapter, mode, (id, items), (20, 0)).await?;
    if fetched.is_empty() {
        return Ok(None);
    }
    Ok(Some(rows(&fetched, items)?))
}

/// The records of one page: so many, after leaving out so many.
pub(crate) async fn fetch_page(
    adapter: &dyn Adapter,
    mode: Mode,
    id: &str,
    items: &[usize],
    (limit, offset): (u32, u32),
) -> Result<Vec<String>, ProviderFault> {
    let fetched = ask(adapter, mode, (id, items), (limit, offset)).await?;
    let rows = rows(&fetched, items)?;
    Ok(rows.into_iter().skip((offset - fetched.skipped) as usize).take(limit as usize).collect())
}

async fn ask(
    adapter: &dyn Adapter,
    mode: Mode,
    (id, items): (&str, &[usize]),
    (limit, offset): (u32, u32),
) -> Result<Fetched, ProviderFault> {
    let resource = resource();
    let permit = permit(mode, items);
    let key = [(0, id)];
    let ask = Ask {
        resource: &resource,
        key: &key,
        claims: &[],
        items: items.iter().copied().collect(),
        limit,
        offset,
        deadline: in_ten_seconds(),
        request_id: "r-1",
        caller: "mz",
    };
    adapter.fetch(&permit, &ask).await
}

fn rows(fetched: &Fetched, items: &[usize]) -> Result<Vec<String>, BadAnswer> {
    let mut rows = Vec::new();
    read(&fetched.pages, &fetched.layout, &items.iter().copied().collect(), &mut |row| {
        rows.push(row.cells().map(|(_, cell)| cell.raw()).collect::<Vec<_>>().join(","));
        Ok(())
    })?;
    Ok(rows)
}

/// Lets the provider compare claims.
pub(crate) async fn compare(
    adapter: &dyn Adapter,
    id: &str,
    claims: &[(usize, &str)],
) -> Result<Compared, ProviderFault> {
    let resource = resource();
    let fields: Vec<usize> = claims.iter().map(|(at, _)| *at).collect();
    let permit = permit(Mode::Verify, &fields);
    let key = [(0, id)];
    let ask = Ask {
        resource: &resource,
        key: &key,
        claims,
        items: ItemSet::EMPTY,
        limit: 1,
        offset: 0,
        deadline: in_ten_seconds(),
        request_id: "r-1",
        caller: "mz",
    };
    adapter.compare(&permit, &ask).await
}
