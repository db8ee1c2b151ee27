//! The public functions of core, as rustdoc lists them in JSON, each by a path that can be called:
//! `Flags::bits`, `<Value as From<&str>>::from`, `decode::decode`. The parameters of core's own types
//! are left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::toolchain::cargo;

/// Inherent functions, functions of traits that core's types implement, those that traits provide,
/// and free ones.
pub(crate) fn public_functions() -> BTreeSet<String> {
    let crate_ = Crate(json());
    let mut functions = BTreeSet::new();
    for item in crate_.items() {
        let inner = &item["inner"];
        if let Some(of) = inner.get("impl") {
            crate_.functions_of_impl(of, &mut functions);
        } else if let Some(of) = inner.get("trait") {
            for function in crate_.functions(of) {
                if function["inner"]["function"]["has_body"] == true {
                    functions.insert(format!(
                        "{}::{}",
                        text(&item["name"]),
                        text(&function["name"])
                    ));
                }
            }
        } else if inner.get("function").is_some() {
            // Of those in impls and traits, it knows no path.
            functions.extend(crate_.path(&item["id"]));
        }
    }
    functions
}

fn json() -> Value {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rustdoc");
    let made = cargo()
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "rustdoc",
            "--locked",
            "-p",
            "jaegerling-core",
            "--lib",
            "--target-dir",
        ])
        .arg(&target)
        .args(["--", "-Zunstable-options", "--output-format", "json"])
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{log}");
    let text = fs::read_to_string(target.join("doc/jaegerling_core.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// What rustdoc says.
struct Crate(Value);

impl Crate {
    fn items(&self) -> impl Iterator<Item = &Value> {
        let all = self.0["index"].as_object().unwrap().values();
        all.filter(|item| item["crate_id"] == 0)
    }

    /// The functions of an impl or a trait.
    fn functions(&self, of: &Value) -> impl Iterator<Item = &Value> {
        let ids = of["items"].as_array().unwrap().iter();
        let items = ids.filter_map(|id| self.0["index"].get(id.to_string()));
        items.filter(|item| item["inner"].get("function").is_some())
    }

    fn functions_of_impl(&self, of: &Value, functions: &mut BTreeSet<String>) {
        if of["is_synthetic"] == true || !of["blanket_impl"].is_null() {
            return;
        }
        let type_ = self.type_(&of["for"], "Self");
        for function in self.functions(of) {
            let name = text(&function["name"]);
            functions.insert(match &of["trait"] {
                Value::Null => format!("{type_}::{name}"),
                // `drop` itself cannot be called.
                of if of["path"] == "Drop" => format!("drop::<{type_}>"),
                of => {
                    let path = text(&of["path"]).rsplit("::").next().unwrap();
                    let of = format!("{path}{}", self.parameters(&of["args"], &type_));
                    format!("<{type_} as {of}>::{name}")
                }
            });
        }
    }

    /// Where an item of core is found: in which public modules, and its name.
    fn path(&self, id: &Value) -> Option<String> {
        let path = self.0["paths"].get(id.to_string())?["path"].as_array()?;
        let mut path = path.iter().map(text);
        if path.next() != Some("jaegerling_core") {
            return None;
        }
        let name = path.next_back()?;
        let modules = path.filter(|module| self.is_public_module(module));
        Some(modules.chain([name]).collect::<Vec<_>>().join("::"))
    }

    fn is_public_module(&self, name: &str) -> bool {
        let mut modules = self
            .items()
            .filter(|item| item["inner"].get("module").is_some());
        modules.any(|item| item["name"] == name && item["visibility"] == "public")
    }

    /// A type as it is written.
    fn type_(&self, of: &Value, self_: &str) -> String {
        let Some((kind, of)) = of.as_object().and_then(|of| of.iter().next()) else {
            panic!("a type that is none: {of}")
        };
        match kind.as_str() {
            "primitive" => text(of).to_owned(),
            "generic" if of == "Self" => self_.to_owned(),
            "generic" => text(of).to_owned(),
            "borrowed_ref" => format!("&{}", self.type_(&of["type"], self_)),
            "slice" => format!("[{}]", self.type_(of, self_)),
            "array" => format!("[{}; {}]", self.type_(&of["type"], self_), text(&of["len"])),
            "resolved_path" => self.path(&of["id"]).unwrap_or_else(|| {
                let name = text(&of["path"]).rsplit("::").next().unwrap();
                format!("{name}{}", self.parameters(&of["args"], self_))
            }),
            _ => panic!("a type of another kind, {kind}: {of}"),
        }
    }

    /// Types and constants in angle brackets.
    fn parameters(&self, of: &Value, self_: &str) -> String {
        let Some(of) = of.get("angle_bracketed") else {
            return String::new();
        };
        let parameters = of["args"].as_array().unwrap().iter();
        let parameters: Vec<_> = parameters
            .filter_map(|of| match (of.get("type"), of.get("const")) {
                (Some(of), _) => Some(self.type_(of, self_)),
                (_, Some(of)) => Some(text(&of["expr"]).to_owned()),
                _ => None,
            })
            .collect();
        match parameters.is_empty() {
            true => String::new(),
            false => format!("<{}>", parameters.join(", ")),
        }
    }
}
