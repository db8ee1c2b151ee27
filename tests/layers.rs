//! The layering of the sources, checked on their text: who may name whom.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

/// The code of a file: without comments, and without its tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or("");
    text.lines()
        .map(|line| line.split("//").next().unwrap_or(""))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The top module that a file of `core/src` belongs to: `record/read.rs` is part of `record`.
fn module(path: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("core/src");
    let first = path.strip_prefix(root).unwrap().iter().next().unwrap();
    first.to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// The first names behind each `crate::` in a piece of code; `crate::{a, b::c}` has two of them.
fn names_in_crate(code: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String {
        let word = text.trim_start().chars();
        word.take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let Some(list) = rest.strip_prefix('{') else {
            names.insert(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut begin = 0;
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    names.insert(word(&list[begin..at]));
                    begin = at + 1;
                    if c == '}' {
                        break;
                    }
                }
                _ => {}
            }
        }
    }
    names.remove("");
    names
}

/// Which module each name at the root of core comes from.
fn exports() -> BTreeMap<String, String> {
    let lib = code(&fs::read_to_string("core/src/lib.rs").unwrap());
    let mut exports = BTreeMap::new();
    for line in lib.replace('\n', " ").split(';') {
        if let Some((_, path)) = line.split_once("pub use ") {
            let (module, names) = path.split_once("::").unwrap();
            for name in names.split(|c: char| !c.is_alphanumeric() && c != '_') {
                exports.insert(name.to_owned(), module.to_owned());
            }
        }
    }
    exports
}

/// Arrows point one way only: each module, and those that it may name.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("id", &[]),
    ("value", &[]),
    ("time", &[]),
    ("text", &[]),
    ("ticks", &["time"]),
    ("lock", &[]),
    ("stats", &[]),
    ("part", &[]),
    ("propagate", &["id"]),
    // Recording: nothing of the wire.
    ("slot", &["part"]),
    ("record", &["slot", "part", "text", "id", "time", "value"]),
    ("ring", &["record", "slot", "part", "lock", "stats"]),
    ("span", &["record", "slot", "id", "time", "value"]),
    ("view", &["record", "text", "id", "time"]),
    ("lane", &["record", "slot", "lock", "stats", "view"]),
    // The wire: nothing of rings.
    ("thrift", &["text"]),
    ("jaeger", &["thrift", "text", "stats", "id", "value"]),
    ("decode", &["thrift", "jaeger", "id"]),
    ("collect", &["decode", "id"]),
    ("forward", &["decode", "jaeger", "thrift"]),
    // Where both meet.
    (
        "packet",
        &[
            "lane", "record", "slot", "part", "jaeger", "thrift", "stats", "text", "id", "time",
            "value",
        ],
    ),
    (
        "tracer",
        &[
            "lock", "record", "slot", "part", "ring", "span", "packet", "stats", "view", "id",
            "time", "value",
        ],
    ),
    (
        "frame",
        &[
            "decode", "jaeger", "thrift", "packet", "stats", "time", "value",
        ],
    ),
    // Other crates: traits and types only, and nobody names it.
    ("impls", &["lock", "packet", "frame", "value"]),
];

#[test]
fn arrows_between_modules_point_one_way() {
    let exports = exports();
    let may_name: BTreeMap<_, _> = MAY_NAME.iter().copied().collect();
    for (path, text) in sources("core/src") {
        let module = module(&path);
        if module == "lib" || path.ends_with("tests.rs") {
            continue;
        }
        let allowed = may_name.get(module.as_str());
        let allowed = allowed.unwrap_or_else(|| panic!("{module} has no place in the layers"));
        for name in names_in_crate(&code(&text)) {
            let named = exports.get(&name).unwrap_or(&name);
            assert!(
                *named == module || allowed.contains(&named.as_str()),
                "{} names crate::{name}, which is of {named}",
                path.display(),
            );
        }
    }
}

#[test]
fn the_decoder_never_uses_the_writer() {
    for (path, text) in sources("core/src/decode") {
        assert!(!code(&text).contains("write::"), "{}", path.display());
    }
}

#[test]
fn the_facade_knows_no_field_of_the_wire() {
    let words = ["traceIdLow", "zigzag", "varint", "vType"];
    for (path, text) in sources("std-facade/src") {
        let code = code(&text);
        for word in words {
            assert!(!code.contains(word), "{} says {word}", path.display());
        }
    }
}

#[test]
fn core_never_names_std() {
    for (path, text) in sources("core/src") {
        let code = code(&text);
        assert!(!code.contains("std::"), "{} names std", path.display());
    }
}

#[test]
fn the_gateway_needs_nothing_but_core_and_alloc() {
    let gateway = sources("core/examples/gateway").into_iter();
    let parts = gateway.filter(|(path, _)| !path.ends_with("main.rs"));
    for (path, text) in parts {
        let code = code(&text);
        assert!(!code.contains("std::"), "{} names std", path.display());
    }
}
