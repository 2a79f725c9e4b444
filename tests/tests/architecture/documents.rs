//! Documents: paths exist, samples parse, and each code is explained once.

use std::fs;
use std::path::{Path, PathBuf};

use sluice_domain::Code;
use sluice_tests::binary::workspace;

fn read(name: &str) -> String {
    fs::read_to_string(workspace().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn markdown(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|kind| kind == "md")).collect()
}

/// Words in backquotes, outside fenced blocks.
fn quoted(text: &str) -> Vec<String> {
    let prose: Vec<&str> = text.split("```").step_by(2).collect();
    prose.iter().flat_map(|part| part.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

fn is_path(word: &str) -> bool {
    let top = ["gateway/", "adapters/", "config/", "certs/", "tests/", "bench/", "docs/", ".ci/"];
    top.iter().any(|folder| word.starts_with(folder)) && !word.contains(['<', '{', '*', ' ', '…'])
}

#[test]
fn the_paths_of_the_documents_exist() {
    let root = workspace();
    let mut seen = 0;
    for path in markdown(&root).into_iter().chain(markdown(&root.join("docs"))) {
        for word in quoted(&fs::read_to_string(&path).unwrap()).iter().filter(|word| is_path(word)) {
            let place = word.split(['#', ':']).next().unwrap_or_default();
            assert!(root.join(place).exists(), "{} names {word}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 10, "ARCHITECTURE.md maps the folders: only {seen} paths named");
    let map = read("ARCHITECTURE.md");
    for crate_folder in ["domain", "ledger", "transport", "exchange", "server", "contract", "rest"] {
        assert!(map.contains(crate_folder), "{crate_folder} is missing on the map");
    }
}

#[test]
fn every_code_is_explained_once() {
    let table = read("docs/errors.md");
    for code in Code::ALL {
        let rows = table
            .lines()
            .filter(|line| line.starts_with('|') && line.contains(&format!("`{}`", code.as_str())))
            .collect::<Vec<_>>();
        assert_eq!(rows.len(), 1, "{}: {rows:?}", code.as_str());
        assert!(rows[0].contains(&code.status().to_string()), "{}: {}", code.as_str(), rows[0]);
    }
}

#[test]
fn fenced_samples_parse() {
    let root = workspace();
    for path in markdown(&root).into_iter().chain(markdown(&root.join("docs"))) {
        let text = fs::read_to_string(&path).unwrap();
        for block in text.split("```").skip(1).step_by(2) {
            let (language, sample) = block.split_once('\n').unwrap_or((block, ""));
            let fault = match language.trim() {
                "toml" => sample.parse::<toml::Table>().err().map(|error| error.to_string()),
                "json" => serde_json::from_str::<serde_json::Value>(sample).err().map(|error| error.to_string()),
                _ => None,
            };
            assert_eq!(fault, None, "{}: {sample}", path.display());
        }
    }
}

#[test]
fn the_sample_catalogue_declares_every_table() {
    let catalogue: toml::Table = read("config/samples/catalogue.toml").parse().unwrap();
    for name in ["parties", "systems", "purposes", "resources", "grants", "rest"] {
        assert!(catalogue.contains_key(name), "[[{name}]]");
    }
    assert!(read("config/samples/sluice.toml").parse::<toml::Table>().is_ok());
}
