use proptest::prelude::*;

use super::*;
use crate::working_days::{self, Calendar};

fn profiles() -> Profiles {
    Profiles::read(BUNDLED).unwrap()
}

fn profile(id: &str) -> Profile {
    profiles().newest(id).unwrap().clone()
}

fn calendar() -> Calendar {
    Calendar::read(working_days::BUNDLED).unwrap()
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn review(profile: &Profile, received: &str) -> Clock {
    Clock::start(profile, Measured::Review, day(received), &calendar()).unwrap()
}

#[test]
fn numbers_that_no_text_states_say_so() {
    let seed = profile("linxiang-2023");
    assert_eq!((seed.terms.review.workdays, seed.terms.review.standing), (5, Standing::Text));
    assert_eq!((seed.terms.selection.workdays, seed.terms.selection.standing), (0, Standing::Text));
    for term in [&seed.terms.coordination, &seed.terms.deliberation, &seed.terms.correction] {
        assert_eq!(term.standing, Standing::Site);
    }
    let state = profile("gwy-809-2025");
    assert_eq!((state.terms.review.workdays, state.terms.review.standing), (10, Standing::Unverified));
    assert!(seed.is_lapsed(day("2025-05-11")) && !seed.is_lapsed(day("2025-05-10")), "valid two years (D37)");
    assert!(!state.is_lapsed(day("2099-01-01")));
}

#[test]
fn a_version_once_loaded_never_changes() {
    let mut longer = profile("linxiang-2023");
    longer.terms.review.workdays = 7;
    let loaded = profiles().updated(Profiles(vec![longer.clone()]));
    assert_eq!(loaded, Err(ProfilesError::Twice { id: "linxiang-2023".into(), version: 1 }));
    longer.version = 2;
    let loaded = profiles().updated(Profiles(vec![longer.clone()])).unwrap().updated(profiles()).unwrap();
    assert_eq!(loaded.newest("linxiang-2023"), Some(&longer));
    let kept = ProfileRef { id: "linxiang-2023".into(), version: 1 };
    assert_eq!(
        loaded.find(&kept).unwrap().terms.review.workdays,
        5,
        "an application keeps the one it was submitted under"
    );
    for json in
        ["{}", r#"{"schema": "other/1", "profiles": []}"#, r#"{"schema": "sluice-deadlines/1", "profiles": [{}]}"#]
    {
        assert!(matches!(Profiles::read(json), Err(ProfilesError::Form(_))), "{json}");
    }
}

#[test]
fn each_regulation_counts_its_own_days() {
    for (id, received, due, provisional) in [
        ("linxiang-2023", "2026-09-24", "2026-10-09", false),
        ("gwy-809-2025", "2026-09-18", "2026-10-09", false),
        ("linxiang-2023", "2026-12-28", "2027-01-05", true),
    ] {
        let clock = review(&profile(id), received);
        assert_eq!(clock.due(), working_days::Due { day: day(due), provisional }, "{id} {received}");
    }
}

#[test]
fn the_first_supplement_in_time_stops_the_clock_and_no_other() {
    let calendar = calendar();
    for (id, mode, asked, completed, due) in [
        ("linxiang-2023", Supplement::Restart, "2026-11-25", "2026-12-01", "2026-12-08"),
        ("linxiang-2023", Supplement::Pause, "2026-11-25", "2026-12-01", "2026-12-03"),
        ("linxiang-2023", Supplement::Pause, "2026-11-27", "2026-12-01", "2026-12-02"),
        ("linxiang-2023", Supplement::Restart, "2026-11-28", "2026-12-01", "2026-11-27"),
        ("gwy-809-2025", Supplement::Restart, "2026-11-25", "2026-12-01", "2026-12-15"),
        ("gwy-809-2025", Supplement::Restart, "2026-11-26", "2026-12-01", "2026-12-04"),
    ] {
        let mut profile = profile(id);
        profile.supplement = mode;
        let mut clock = review(&profile, "2026-11-20");
        let before = clock.due().day;
        let stopped = clock.ask_supplement(&profile, day(asked), &calendar).unwrap();
        assert_eq!(clock.progress(day("2026-12-31"), &calendar) == Progress::Stopped, stopped);
        assert_eq!(clock.due().day, before, "what was told stands until the file is complete");
        clock.resume(&profile, day(completed), &calendar).unwrap();
        assert_eq!(clock.due().day, day(due), "{id} {mode:?} asked {asked}");
        let again = clock.ask_supplement(&profile, day(completed), &calendar).unwrap();
        assert!(!again, "a second supplement leaves the clock running (X07)");
    }
}

#[test]
fn a_review_is_extended_once_and_only_where_the_profile_allows() {
    let calendar = calendar();
    let seed = profile("linxiang-2023");
    assert_eq!(review(&seed, "2026-11-20").extend(&seed, 1, &calendar), Err(ClockError::NotExtendable));
    let state = profile("gwy-809-2025");
    let mut clock = review(&state, "2026-11-20");
    assert_eq!(clock.extend(&state, 11, &calendar), Err(ClockError::TooLong { most: 10 }));
    clock.extend(&state, 10, &calendar).unwrap();
    assert_eq!(clock.due().day, day("2026-12-18"));
    assert_eq!(clock.extend(&state, 1, &calendar), Err(ClockError::NotExtendable));
    let mut other = Clock::start(&state, Measured::Correction, day("2026-11-20"), &calendar).unwrap();
    assert_eq!(other.extend(&state, 1, &calendar), Err(ClockError::NotExtendable));
}

#[test]
fn a_new_calendar_moves_a_deadline_back_and_never_forward() {
    let seed = profile("linxiang-2023");
    for (off, work, due, why) in [
        (&["2027-01-01", "2027-01-04"][..], &[][..], "2027-01-06", "a further day off"),
        (&["2027-01-01"], &["2027-01-02"], "2027-01-05", "a worked Saturday would make it 2027-01-04"),
    ] {
        let list = |days: &[&str]| {
            days.iter().map(|day| format!(r#"{{"date": "{day}", "name": "元旦"}}"#)).collect::<Vec<_>>().join(",")
        };
        let json = format!(
            r#"{{"schema": "cn-workcalendar/1", "timezone": "Asia/Shanghai",
                "years": {{"2027": {{"status": "published", "off": [{}], "work": [{}]}}}}}}"#,
            list(off),
            list(work)
        );
        let mut clock = review(&seed, "2026-12-28");
        assert_eq!((clock.due().day, clock.due().provisional), (day("2027-01-05"), true));
        clock.recount(&calendar().updated(Calendar::read(&json).unwrap()).unwrap()).unwrap();
        assert_eq!((clock.due().day, clock.due().provisional), (day(due), false), "{why}");
    }
}

#[test]
fn the_reviewer_is_reminded_then_the_late_are_told_on() {
    let (calendar, seed) = (calendar(), profile("linxiang-2023"));
    let clock = review(&seed, "2026-09-24");
    let reminders: Vec<_> = clock.reminders(&seed, &calendar).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(reminders, ["2026-09-30", "2026-10-08", "2026-10-09"]);
    for (today, progress, told) in [
        ("2026-09-24", Progress::Left(5), None),
        ("2026-09-27", Progress::Left(5), None),
        ("2026-10-09", Progress::Left(0), None),
        ("2026-10-10", Progress::Overdue(1), Some(Escalation::ChiefDataOfficer)),
        ("2026-10-11", Progress::Overdue(1), Some(Escalation::ChiefDataOfficer)),
        ("2026-10-12", Progress::Overdue(2), Some(Escalation::ChiefDataOfficer)),
        ("2026-10-13", Progress::Overdue(3), Some(Escalation::Authority)),
    ] {
        let today = day(today);
        assert_eq!(clock.progress(today, &calendar), progress, "{today}");
        assert_eq!(clock.escalation(&seed, today, &calendar), told, "{today}");
        assert_eq!(clock.is_overdue(today), told.is_some(), "{today}");
    }
}

proptest! {
    /// Whatever happens to a clock, the due day a party was told never comes earlier.
    #[test]
    fn a_told_deadline_is_never_shortened(
        start in 19_700_i32..21_200,
        pause: bool,
        state: bool,
        steps in prop::collection::vec((0_u8..4, 0_i32..12), 0..12),
    ) {
        let calendar = calendar();
        let mut profile = profile(if state { "gwy-809-2025" } else { "linxiang-2023" });
        profile.supplement = if pause { Supplement::Pause } else { Supplement::Restart };
        let mut today = Day::at(i64::from(start) * 86_400);
        let mut clock = Clock::start(&profile, Measured::Review, today, &calendar).unwrap();
        for (step, days) in steps {
            today = today.plus(days).unwrap();
            let told = clock.due().day;
            match step {
                0 => { clock.ask_supplement(&profile, today, &calendar).unwrap(); }
                1 => clock.resume(&profile, today, &calendar).unwrap(),
                2 => { let _ = clock.extend(&profile, 3, &calendar); }
                _ => clock.recount(&calendar).unwrap(),
            }
            prop_assert!(clock.due().day >= told);
            let json = serde_json::to_string(&clock).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Clock>(&json).unwrap(), &clock);
        }
    }
}
