//! A small city: a provider, a consumer, the authority, and somebody of every role.

use std::collections::{BTreeMap, BTreeSet};

use sluice_domain::catalogue::{Item, ItemType, Level, Mode, ProvisionMode, ShareType};
use sluice_domain::deadline::{self, Profiles};
use sluice_domain::workflow::application::Registration;
use sluice_domain::workflow::entry::Elements;
use sluice_domain::workflow::scope::Condition;
use sluice_domain::workflow::{Actor, Application, Approval, Entry, Occasion, Offer, Request, Role, Roles, Scope};
use sluice_domain::working_days::{self, Calendar};
use sluice_domain::{Day, GrantId, ItemCode, Limits, PartyKey, PurposeCode, RecordId, ResourceCode, UserId};

/// The provider's party and the consumer's; `ga` has no part in anything.
pub(crate) const PROVIDER: &str = "mz";
pub(crate) const CONSUMER: &str = "rs";

pub(crate) struct City {
    calendar: Calendar,
    profiles: Profiles,
}

impl City {
    pub(crate) fn new() -> Self {
        let calendar = Calendar::read(working_days::BUNDLED).unwrap();
        Self { calendar, profiles: Profiles::read(deadline::BUNDLED).unwrap() }
    }

    pub(crate) fn on(&self, day: &str) -> Occasion<'_> {
        self.at(Day::parse(day).unwrap().start_unix_s() + 9 * 3600)
    }

    pub(crate) fn at(&self, now_s: i64) -> Occasion<'_> {
        Occasion { now_s, calendar: &self.calendar, profiles: &self.profiles, profile: "linxiang-2023" }
    }
}

/// Somebody, such as `wang@mz provider`.
pub(crate) fn person(text: &str) -> Actor {
    let (who, roles) = text.split_once(' ').unwrap();
    let (user, party) = who.split_once('@').unwrap();
    let role = |word: &str| Role::ALL.into_iter().find(|role| role.as_str() == word).unwrap();
    Actor {
        user: UserId::new(user).unwrap(),
        party: PartyKey::new(party).unwrap(),
        roles: Roles::new(roles.split(' ').map(role)).unwrap(),
    }
}

pub(crate) fn applicant() -> Actor {
    person("zhao@rs consumer")
}

pub(crate) fn reviewer() -> Actor {
    person("wang@mz provider")
}

pub(crate) fn head() -> Actor {
    person("li@mz chief_data_officer")
}

pub(crate) fn second() -> Actor {
    person("sun@sj security_administrator")
}

pub(crate) fn authority() -> Actor {
    person("zhou@sp authority")
}

pub(crate) fn codes<T: Ord>(list: &[&str], make: impl Fn(&str) -> T) -> BTreeSet<T> {
    list.iter().map(|code| make(code)).collect()
}

pub(crate) fn items(list: &[&str]) -> BTreeSet<ItemCode> {
    codes(list, |code| ItemCode::new(code).unwrap())
}

pub(crate) fn scope(fields: &[&str], clear: &[&str]) -> Scope {
    Scope {
        modes: BTreeSet::from([Mode::Verify, Mode::Query]),
        operations: BTreeSet::new(),
        fields: items(fields),
        clear_level: Level::L2,
        clear_fields: items(clear),
        purposes: codes(&["SHJZ", "YLBX"], |code| PurposeCode::new(code).unwrap()),
        valid_from: Day::parse("2026-11-01").unwrap(),
        valid_until: Day::parse("2027-10-31").unwrap(),
        limits: Limits::default(),
    }
}

pub(crate) fn request(fields: &[&str], clear: &[&str]) -> Request {
    Request {
        scope: scope(fields, clear),
        legal_basis: "《社会救助暂行办法》第十条".into(),
        statement: "核对申请人家庭情况".into(),
        system: None,
        volume: Some(200),
    }
}

/// Items `XM` (L2), `DH` (L3), `YHZH` (L4).
pub(crate) fn elements(share_type: ShareType) -> Elements {
    let item = |code: &str, level: Level| Item {
        code: ItemCode::new(code).unwrap(),
        name: code.into(),
        kind: ItemType::C,
        length: 50,
        level,
        semantic: None,
        key: false,
        out: false,
    };
    let text = |text: &str| text.to_owned();
    Elements {
        name: text("低保对象信息"),
        r#abstract: text("低保对象及其家庭"),
        category: text("部门信息资源/民政"),
        responsible: text("社会救助股"),
        format: text("数据库"),
        items: vec![item("XM", Level::L2), item("DH", Level::L3), item("YHZH", Level::L4)],
        update_cycle: text("每日"),
        share_type,
        provision: ProvisionMode::Docking,
        modes: BTreeSet::from([Mode::Verify, Mode::Query]),
        open_type: text("不予开放"),
        open_mode: text("无"),
        use_requirements: text("仅用于申请的用途"),
        business_notes: text("按月认定"),
        operations: BTreeSet::new(),
        condition: Condition::default(),
        legal_basis: (share_type == ShareType::NotShared).then(|| text("《统计法》第二十五条")),
        secret: false,
    }
}

pub(crate) fn code() -> ResourceCode {
    ResourceCode::new("307001001/000011").unwrap()
}

/// A published entry of the provider.
pub(crate) fn published(city: &City, share_type: ShareType) -> Entry {
    let occasion = city.on("2026-11-02");
    let draft = Entry::draft(&reviewer(), code(), elements(share_type), None, &occasion).unwrap();
    let submitted = draft.submit(&reviewer(), None, &occasion).unwrap();
    let approved = submitted.approve(&authority(), false, &occasion).unwrap();
    approved.publish(&reviewer(), None, &occasion).unwrap().0
}

pub(crate) fn offer(city: &City) -> Offer {
    published(city, ShareType::Conditional).offer()
}

pub(crate) fn registration(two_steps: bool) -> Registration {
    Registration { id: RecordId::new("A-2026-000017").unwrap(), grant: GrantId::new("G-000017").unwrap(), two_steps }
}

/// An application submitted on 2026-11-20, due on 2026-11-27.
pub(crate) fn submitted(city: &City, request: Request, two_steps: bool) -> Application {
    let (occasion, offer) = (city.on("2026-11-20"), offer(city));
    let draft = Application::draft(&applicant(), registration(two_steps), request, &offer, &occasion).unwrap();
    draft.submit(&applicant(), &offer, &occasion).unwrap()
}

pub(crate) fn leaving(fields: &[&str]) -> Approval {
    let mut approval = Approval::default();
    approval.narrowing.fields = Some(items(fields));
    approval
}

/// Levels of an offer's items changed.
pub(crate) fn with_level(mut offer: Offer, code: &str, level: Level) -> Offer {
    let items: BTreeMap<_, _> = offer.items.iter().map(|(item, kept)| (item.clone(), *kept)).collect();
    offer.items = items;
    offer.items.insert(ItemCode::new(code).unwrap(), level);
    offer
}
