use serde::Deserialize;

use super::*;

fn bundled() -> Calendar {
    Calendar::read(BUNDLED).unwrap()
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    received: Day,
    workdays: u16,
    due: Day,
    #[serde(default)]
    provisional: bool,
    why: String,
}

#[test]
fn deadlines_fall_where_the_vectors_say() {
    let calendar = bundled();
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("../../vectors/deadlines.json")).unwrap();
    assert_eq!(vectors.len(), 16);
    for vector in vectors {
        let due = calendar.due(vector.received, vector.workdays).unwrap();
        assert_eq!(due, Due { day: vector.due, provisional: vector.provisional }, "{}", vector.why);
        assert_eq!(calendar.between(vector.received, due.day), vector.workdays, "{}", vector.why);
    }
}

#[test]
fn further_deadlines_in_published_and_unpublished_years() {
    let calendar = bundled();
    for (received, workdays, due, provisional, why) in [
        ("2026-11-22", 5, "2026-11-27", false, "received on a Sunday, which is not counted"),
        ("2026-09-26", 1, "2026-09-28", false, "received on a day off"),
        ("2026-09-20", 0, "2026-09-20", false, "at once"),
        ("2024-02-08", 1, "2024-02-09", false, "除夕 2024 was worked"),
        ("2023-12-29", 1, "2024-01-02", true, "2023 is not in the calendar, so 12-30 and 12-31 are guesses"),
        ("2027-02-04", 1, "2027-02-09", true, "statutory days of an unpublished year"),
        ("2028-04-28", 2, "2028-05-04", true, "a year not in the calendar keeps its fixed statutory days"),
        ("2035-09-28", 1, "2035-10-04", true, "and so does any later one"),
        ("2019-12-31", 1, "2020-01-02", true, "and any earlier one"),
    ] {
        let found = calendar.due(day(received), workdays).unwrap();
        assert_eq!(found, Due { day: day(due), provisional }, "{received} + {workdays}: {why}");
    }
    assert_eq!(calendar.due(day("9999-12-30"), 2), Err(BeyondCalendar));
    assert_eq!(calendar.published_until(), Some(2026));
}

#[test]
fn reminders_count_working_days_back() {
    let calendar = bundled();
    for (due, workdays, reminder) in [
        ("2026-10-09", 0, "2026-10-09"),
        ("2026-10-09", 1, "2026-10-08"),
        ("2026-10-09", 2, "2026-09-30"),
        ("2026-02-26", 2, "2026-02-24"),
        ("2026-02-24", 2, "2026-02-13"),
    ] {
        assert_eq!(calendar.before(day(due), workdays), Ok(day(reminder)), "{due} − {workdays}");
    }
}

#[test]
fn a_calendar_that_contradicts_itself_is_refused() {
    let form = |years: &str| {
        format!("{{\"schema\": \"cn-workcalendar/1\", \"timezone\": \"Asia/Shanghai\", \"years\": {{{years}}}}}")
    };
    let year = |status: &str, off: &str, work: &str| {
        let list =
            |day: &str| if day.is_empty() { String::new() } else { format!(r#"{{"date": "{day}", "name": "x"}}"#) };
        form(&format!(
            r#""2028": {{"status": "{status}", "workdays": 259, "off": [{}], "work": [{}]}}"#,
            list(off),
            list(work)
        ))
    };
    for (json, fault) in [
        (year("published", "2028-01-03", ""), None),
        (year("published", "2027-01-04", ""), Some("2027-01-04 does not lie in 2028")),
        (year("published", "2028-01-01", "2028-01-01"), Some("2028-01-01 is both off and worked")),
        (year("published", "", "2028-01-03"), Some("2028-01-03 is worked anyway: it is no weekend day")),
        (year("published", "", ""), Some("2028 has 260 working days, but says 259")),
        (form(r#""next": {"status": "published", "off": [], "work": []}"#), Some("next is not a year")),
        (BUNDLED.replace("Asia/Shanghai", "UTC"), Some("the calendar is of UTC, and only Asia/Shanghai is read")),
    ] {
        assert_eq!(Calendar::read(&json).err().map(|fault| fault.to_string()).as_deref(), fault, "{json}");
    }
    for json in ["", "[]", "{}", &year("guessed", "", ""), &year("published", "2028-02-30", ""), &form(r#""2028": 1"#)]
    {
        assert!(matches!(Calendar::read(json), Err(CalendarError::Form(_))), "{json}");
    }
}

#[test]
fn a_newer_calendar_replaces_years_and_withdraws_none() {
    let year = |status: &str, off: &str| {
        let json = format!(
            r#"{{"schema": "cn-workcalendar/1", "timezone": "Asia/Shanghai",
                "years": {{"2027": {{"status": "{status}", "off": [{{"date": "{off}", "name": "x"}}], "work": []}}}}}}"#
        );
        Calendar::read(&json).unwrap()
    };
    let published = bundled().updated(year("published", "2027-01-04")).unwrap();
    assert_eq!(published.published_until(), Some(2027));
    let due = published.due(day("2026-12-31"), 2).unwrap();
    assert_eq!(due, Due { day: day("2027-01-05"), provisional: false }, "the new list counts, and nothing of the old");
    assert_eq!(published.updated(year("provisional", "2027-01-04")), Err(CalendarError::Withdrawn(2027)));
}
