//! Every kind of mistake in the text of a file: told at its place, with its remedy, and nothing else.

mod catalogue;
mod egress;
mod settings;
mod text;

use crate::site::Site;

const C: &str = "catalogue.toml";
const S: &str = "sluice.toml";

/// File, what stands there, what is written instead, the faults.
type Row = (&'static str, &'static str, &'static str, &'static [&'static str]);

fn check(rows: &[Row]) {
    for (file, old, new, expected) in rows {
        let site = Site::of_samples();
        site.replace(file, old, new);
        assert_eq!(site.faults(), *expected, "{file}: {new:?} for {old:?}");
    }
}
