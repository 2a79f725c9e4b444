//! Catalogues as things that are exported, compared and replaced.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use sluice_config::catalogue::{Noun, Rewrite, Text};
use sluice_config::{Catalogue, CatalogueFile, Difference};
use sluice_domain::{Day, Limits};

use crate::random;
use crate::site::Site;

const C: &str = "catalogue.toml";

fn read(site: &Site, names: &[&str]) -> Catalogue {
    let files: Vec<PathBuf> = names.iter().map(|name| site.path(name)).collect();
    Catalogue::load(&files, Limits::default()).unwrap_or_else(|faults| panic!("{faults}"))
}

fn export(catalogue: &Catalogue, site: &Site, folder: &str) -> String {
    catalogue.export(&site.path(folder)).to_toml().unwrap()
}

/// Does what a plan says.
fn carry_out(rewrites: &[Rewrite]) {
    for rewrite in rewrites {
        let text = match &rewrite.text {
            Text::Of(file) => fs::read_to_string(file).unwrap(),
            Text::Canonical(text) => text.clone(),
        };
        fs::write(&rewrite.path, text).unwrap();
    }
}

/// The sample with edits in another folder, and how it differs.
fn edited(edits: &[(&str, &str)]) -> (Site, Catalogue, Catalogue, Difference) {
    let site = Site::of_samples();
    let mut text = site.read(C);
    for (old, new) in edits {
        assert_eq!(text.matches(old).count(), 1, "{old:?} stands once");
        text = text.replacen(old, new, 1);
    }
    site.write("wanted.toml", &text);
    let (node, wanted) = (read(&site, &[C]), read(&site, &["wanted.toml"]));
    let difference = node.difference(&wanted);
    (site, node, wanted, difference)
}

#[test]
fn sample_reads_back_from_its_export_in_any_folder() {
    let site = Site::of_samples();
    let node = read(&site, &[C]);
    let text = export(&node, &site, "");
    assert!(!text.contains('#') && !text.contains(site.path("").to_str().unwrap()), "{text}");
    site.write("export.toml", &text);
    assert!(node.difference(&read(&site, &["export.toml"])).is_empty());
    // Elsewhere paths are absolute, so that secrets and authorities are still found.
    site.write("deep/er/export.toml", &export(&node, &site, "deep/er"));
    let elsewhere = read(&site, &["deep/er/export.toml"]);
    assert!(node.difference(&elsewhere).is_empty());
    assert_eq!(export(&elsewhere, &site, ""), text);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Export, check and compare agree on any catalogue, and what was exported is exported alike again.
    #[test]
    fn any_catalogue_reads_back_from_its_export(declared in random::catalogue()) {
        let site = Site::empty();
        site.write("a.toml", &declared.to_toml().unwrap());
        let first = read(&site, &["a.toml"]);
        let text = export(&first, &site, "");
        site.write("b.toml", &text);
        let second = read(&site, &["b.toml"]);
        prop_assert!(first.difference(&second).is_empty());
        prop_assert_eq!(export(&second, &site, ""), text);
        prop_assert_eq!(second.content().resources.len(), declared.resources.len());
    }

    /// From any catalogue to any other, however it is split into files: afterwards nothing differs.
    #[test]
    fn carrying_out_a_plan_leaves_nothing_to_differ(
        old in random::catalogue(), new in random::catalogue(), is_split in any::<bool>(),
    ) {
        let site = Site::empty();
        let mut names = vec!["node/a.toml"];
        let mut bindings = CatalogueFile::default();
        let mut rest = old.clone();
        if is_split {
            names.push("node/b.toml");
            std::mem::swap(&mut bindings.rest, &mut rest.rest);
            site.write("node/b.toml", &bindings.to_toml().unwrap());
        }
        site.write("node/a.toml", &rest.to_toml().unwrap());
        site.write("wanted.toml", &new.to_toml().unwrap());
        let (node, wanted) = (read(&site, &names), read(&site, &["wanted.toml"]));
        let rewrites = node.rewrites(&wanted).unwrap();
        carry_out(&rewrites);
        let after = read(&site, &names);
        prop_assert!(after.difference(&wanted).is_empty());
        prop_assert_eq!(after.policy.revision(), wanted.policy.revision());
        if is_split {
            let has_home = !old.rest.is_empty();
            prop_assert!(!has_home || after.files[0].content.rest.is_empty(), "bindings stay in the file of bindings");
        }
    }
}

#[test]
fn differences_are_told_by_entry_and_member() {
    let rows: [(&[(&str, &str)], &str); 6] = [
        (
            &[("name = \"社会救助核对\"", "name = \"社会救助\"")],
            "~ purpose SHJZ\n    ~ name: \"社会救助核对\" -> \"社会救助\"\n",
        ),
        (
            &[("post = \"经办\", state = \"disabled\"", "post = \"经办\"")],
            "~ handler mz/u-0002\n    ~ state: \"disabled\" -> \"active\"\n",
        ),
        (
            &[("rows_per_call = 1               #", "per_second = 5 #")],
            "~ resource 101001001/000002\n    + condition.per_second: 5\n    - condition.rows_per_call: 1\n",
        ),
        (
            &[("fields = [\"GMSFHM\", \"XM\", \"CSRQ\"]", "fields = [\"CSRQ\", \"GMSFHM\"]")],
            "~ grant G-0001\n    ~ fields: [\"CSRQ\",\"GMSFHM\",\"XM\"] -> [\"CSRQ\",\"GMSFHM\"]\n",
        ),
        (
            &[("type = \"D\"\nlength = 10", "type = \"D\"\nlength = 8")],
            "~ resource 101001001/000002\n    ~ items.CSRQ.length: 10 -> 8\n",
        ),
        (&[("timeout_ms = 2000\n", "")], "~ binding 101001001/000002\n    - timeout_ms: 2000\n"),
    ];
    for (edits, expected) in rows {
        let (.., difference) = edited(edits);
        assert_eq!(difference.to_string(), format!("{expected}0 to create, 1 to change, 0 to delete"), "{edits:?}");
    }
}

#[test]
fn what_only_looks_different_is_no_difference() {
    for edits in [
        [("fields = [\"GMSFHM\", \"XM\", \"CSRQ\"]", "fields = [\"XM\", \"CSRQ\", \"GMSFHM\", \"XM\"]")].as_slice(),
        &[("modes = [\"verify\", \"query\"]", "modes = [\"query\", \"verify\"]")],
        &[("# version = 1", "version = 1")],
        &[("rows_per_call = 1               #", "max_rows = 1 #")],
        &[("X-App-Secret = \"file:keys/provider.txt\"", "X-App-Secret = \"file:./keys/provider.txt\"")],
    ] {
        let (.., difference) = edited(edits);
        assert!(difference.is_empty(), "{edits:?}: {difference}");
    }
}

#[test]
fn certificates_are_compared_by_what_they_are() {
    let site = Site::of_samples();
    let node = read(&site, &[C]);
    fs::copy(site.path("pki/parties/mz/cert.pem"), site.path("pki/other.pem")).unwrap();
    let text = site.read(C).replace("pki/parties/mz/cert.pem", "pki/other.pem");
    site.write("renamed.toml", &text);
    assert!(node.difference(&read(&site, &["renamed.toml"])).is_empty());
    fs::copy(site.path("pki/parties/ga/cert.pem"), site.path("pki/other.pem")).unwrap();
    let difference = node.difference(&read(&site, &["renamed.toml"]));
    assert_eq!(difference.changes()[0].kind, Noun::System);
    assert_eq!(difference.changes()[0].members[0].member, "fingerprints");
}

#[test]
fn secrets_in_clear_are_neither_shown_nor_exported_nor_taken_back() {
    let parameter = "page_size = \"{limit}\"";
    let (site, _, wanted, difference) = edited(&[(parameter, "page_size = \"{limit}\", appkey = \"0815\"")]);
    let shown = difference.to_string() + &serde_json::to_string(&difference.fates()).unwrap();
    assert!(shown.contains("query.query.appkey") && !shown.contains("0815"), "{shown}");
    let text = export(&wanted, &site, "");
    assert!(!text.contains("0815") && text.contains("file:keys/provider.txt"), "{text}");
    site.write("sealed.toml", &text);
    let faults = Catalogue::load(&[site.path("sealed.toml")], Limits::default()).unwrap_err().to_string();
    assert!(faults.contains("\"query.query.appkey\": the export left a secret out here"), "{faults}");
}

#[test]
fn deletions_of_what_live_grants_need_are_told() {
    let whole_grant = ("[[grants]]\nid = \"G-0001\"", "[[grants]]\nid = \"G-0002\"");
    let (_, node, _, difference) = edited(&[whole_grant]);
    let on = |day: &str| node.losses(&difference, Day::parse(day).unwrap());
    assert_eq!(on("2026-06-01"), ["grant G-0001 is live"]);
    assert_eq!(on("2027-12-31"), ["grant G-0001 is live"], "its last day counts");
    assert!(on("2028-01-01").is_empty(), "what is over is nobody's loss");
    let renamed = [
        ("code = \"SHJZ\"", "code = \"SHJZ2\""),
        ("purposes = [\"SHJZ\", \"XZXK\"]", "purposes = [\"SHJZ2\", \"XZXK\"]"),
        ("purposes = [\"SHJZ\"]\n", "purposes = [\"SHJZ2\"]\n"),
        ("id = \"mz.main\"", "id = \"mz.other\""),
        ("id = \"u-0001\"", "id = \"u-0009\""),
    ];
    let (_, node, _, difference) = edited(&renamed);
    let losses = node.losses(&difference, Day::parse("2026-06-01").unwrap());
    assert_eq!(
        losses,
        ["purpose SHJZ is needed by live grant G-0001", "system mz.main is needed by live grant G-0001"]
    );
}

#[test]
fn one_file_replaced_by_one_file_keeps_its_comments() {
    let (site, node, wanted, _) = edited(&[("name = \"社会救助核对\"", "name = \"社会救助\"")]);
    let rewrites = node.rewrites(&wanted).unwrap();
    assert!(matches!(&rewrites[..], [Rewrite { text: Text::Of(file), .. }] if *file == site.path("wanted.toml")));
    // From another folder the same words would mean another file, so they are written anew.
    site.write("away/keys/provider.txt", "other-secret\n");
    let text = export(&wanted, &site, "");
    assert!(text.contains("\"file:keys/provider.txt\""), "{text}");
    site.write("away/wanted.toml", &text);
    let away = read(&site, &["away/wanted.toml"]);
    let rewrites = node.rewrites(&away).unwrap();
    carry_out(&rewrites);
    assert!(site.read(C).contains("\"file:away/keys/provider.txt\""), "{}", site.read(C));
    assert!(read(&site, &[C]).difference(&away).is_empty());
}
