//! For each rule of the table, objects that the API server must accept and refuse.
//!
//! An end-to-end test sends them to a real API server; a unit test sends those to be accepted through the Rust types.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Version;
use super::sample::{Least, Sample, Special, argument, bounds, each, groups, limit, texts, words};
use super::table::{Rule, Rules, Table};
use crate::{v1beta1, v1beta2, v1beta3};

/// What the API server must say.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The object is good.
    Accepted,
    /// The object is good, and this value (or more, where it is an object) is filled in at the JSON pointer.
    Defaulted {
        /// Where.
        pointer: String,
        /// What.
        value: Value,
    },
    /// The object is bad because of this field, in the words of the API server (`spec.env[0].name`).
    Refused {
        /// The field.
        field: String,
    },
}

/// One object and its verdict.
#[derive(Clone, Debug)]
pub struct Case {
    /// Kind of the object.
    pub kind: String,
    /// Version of the object.
    pub version: Version,
    /// Path of the field whose rule is tried, as in the table.
    pub path: String,
    /// Which rule of the field: `present`, `type`, `required`, `default` or one of its constraints.
    pub rule: String,
    /// The object without `apiVersion`, `kind` and `metadata`.
    pub object: Value,
    /// What the API server must say.
    pub verdict: Verdict,
}

/// All cases of a table. Every rule has at least one, and every rule that forbids something at least one that is refused.
pub fn all(table: &Table) -> Vec<Case> {
    let mut cases = Vec::new();
    for ((kind, version), rules) in &table.kinds {
        for (path, rule) in rules {
            Cases { table, rules, kind, version: *version, path, rule, found: &mut cases }.of_rule();
        }
    }
    cases
}

/// Collects the cases of one rule.
struct Cases<'a> {
    table: &'a Table,
    rules: &'a Rules,
    kind: &'a str,
    version: Version,
    path: &'a str,
    rule: &'a Rule,
    found: &'a mut Vec<Case>,
}

impl Cases<'_> {
    fn of_rule(&mut self) {
        self.add("present", self.path, Special::Present, Verdict::Accepted);
        self.presence();
        let constraints: Vec<_> = self.rule.constraints.iter().map(String::as_str).collect();
        self.of_value(self.path, &self.rule.type_, &constraints, "");
    }

    /// Absence: refused where the field is required, filled where it has a default.
    fn presence(&mut self) {
        if !self.rule.default.is_empty() {
            let value = serde_json::from_str(&self.rule.default).unwrap_or_default();
            let verdict = Verdict::Defaulted { pointer: pointer(self.path), value };
            self.add("default", self.path, Special::Absent, verdict);
        } else if self.rule.required {
            self.add("required", self.path, Special::Absent, refused(self.path));
        }
    }

    /// Type and constraints of a place: of the field itself, or of its elements (`prefix` is then `each: `).
    fn of_value(&mut self, place: &str, type_: &str, constraints: &[&str], prefix: &str) {
        let wrong = match type_ {
            "string" | "time" => json!(7),
            "int-or-string" => json!(true),
            _ => json!("wrong"),
        };
        self.bad(&format!("{prefix}type"), place, wrong);
        if type_ == "time" {
            self.bad(&format!("{prefix}type"), place, json!("yesterday"));
        }
        let inner = match type_.strip_prefix("map of ") {
            Some(inner) => Some((format!("{place}{{}}"), inner)),
            None => type_.strip_suffix("[]").map(|inner| (format!("{place}[]"), inner)),
        };
        if let Some((inner_place, inner)) = inner {
            self.of_value(&inner_place, inner, &each(constraints), "each: ");
            self.counts(place, constraints, prefix);
        }
        self.texts(place, constraints, prefix);
        self.integers(place, constraints, prefix);
        self.groups(place, constraints, prefix);
    }

    fn texts(&mut self, place: &str, constraints: &[&str], prefix: &str) {
        if let Some(name) = argument(constraints, "pattern") {
            let rule = format!("{prefix}pattern {name}");
            for text in texts(self.table, constraints) {
                self.good(&rule, place, json!(text));
            }
            for text in self.table.bad.get(name).into_iter().flatten() {
                self.bad(&rule, place, json!(text));
            }
        }
        let words = words(constraints);
        if !words.is_empty() {
            let rule = format!("{prefix}enum {}", argument(constraints, "enum").unwrap_or_default());
            for word in &words {
                self.good(&rule, place, json!(word));
            }
            self.bad(&rule, place, json!("no-such-word"));
        }
        // Every pattern of a field with limits admits a text of nothing but `a`.
        if let Some(max) = limit(constraints, "maxLength") {
            let rule = format!("{prefix}maxLength {max}");
            self.good(&rule, place, json!("a".repeat(max)));
            self.bad(&rule, place, json!("a".repeat(max + 1)));
        }
        if let Some(min) = limit(constraints, "minLength") {
            let rule = format!("{prefix}minLength {min}");
            self.good(&rule, place, json!("a".repeat(min)));
            self.bad(&rule, place, json!("a".repeat(min - 1)));
        }
    }

    fn integers(&mut self, place: &str, constraints: &[&str], prefix: &str) {
        let (min, max) = bounds(constraints);
        let name = constraints.iter().find(|one| ["range ", "min ", "max "].iter().any(|name| one.starts_with(name)));
        let Some(name) = name else { return };
        let rule = format!("{prefix}{name}");
        for (limit, outside) in [(min, -1), (max, 1)] {
            if let Some(limit) = limit {
                self.good(&rule, place, json!(limit));
                self.bad(&rule, place, json!(limit + outside));
            }
        }
    }

    /// Numbers of elements.
    fn counts(&mut self, place: &str, constraints: &[&str], prefix: &str) {
        let present = self.object(place, Special::Present);
        let elements = present.pointer(&pointer(place)).and_then(Value::as_array).cloned().unwrap_or_default();
        let many = |count: usize| Value::Array(elements.iter().cycle().take(count).cloned().collect());
        if let Some(max) = limit(constraints, "maxItems") {
            let rule = format!("{prefix}maxItems {max}");
            self.good(&rule, place, many(max));
            self.bad(&rule, place, many(max + 1));
        }
        if let Some(min) = limit(constraints, "minItems") {
            let rule = format!("{prefix}minItems {min}");
            self.good(&rule, place, many(min));
            if let Some(less) = min.checked_sub(1) {
                self.bad(&rule, place, many(less));
            }
        }
        if let Some(key) = argument(constraints, "unique by") {
            let rule = format!("{prefix}unique by {key}");
            self.add(&rule, place, Special::Value(many(2)), Verdict::Refused { field: format!("{}[1]", field(place)) });
        }
    }

    /// Groups of fields of which exactly one is allowed: each alone, none, and each pair of neighbours.
    fn groups(&mut self, place: &str, constraints: &[&str], prefix: &str) {
        let count = groups(constraints).len();
        if count == 0 {
            return;
        }
        let rule = format!("{prefix}exactly one of: {}", argument(constraints, "exactly one of:").unwrap_or_default());
        for index in 0..count {
            self.add(&rule, place, Special::Groups(vec![index]), Verdict::Accepted);
            self.add(&rule, place, Special::Groups(vec![index, (index + 1) % count]), refused(place));
        }
        self.add(&rule, place, Special::Groups(Vec::new()), refused(place));
    }

    fn good(&mut self, rule: &str, place: &str, value: Value) {
        self.add(rule, place, Special::Value(value), Verdict::Accepted);
    }

    fn bad(&mut self, rule: &str, place: &str, value: Value) {
        self.add(rule, place, Special::Value(value), refused(place));
    }

    fn add(&mut self, rule: &str, place: &str, special: Special, verdict: Verdict) {
        let object = self.object(place, special);
        let (kind, path) = (self.kind.to_owned(), self.path.to_owned());
        self.found.push(Case { kind, version: self.version, path, rule: rule.to_owned(), object, verdict });
    }

    fn object(&self, place: &str, special: Special) -> Value {
        Sample { table: self.table, rules: self.rules, choice: Least, target: place, special }.object()
    }
}

fn refused(place: &str) -> Verdict {
    Verdict::Refused { field: field(place) }
}

/// A place in the words of the API server.
fn field(place: &str) -> String {
    place.replace("[]", "[0]").replace("{}", ".k")
}

/// A place as a JSON pointer.
fn pointer(place: &str) -> String {
    format!("/{}", place.replace("[]", ".0").replace("{}", ".k").replace('.', "/"))
}

/// The rules of a table that no case tries, or that forbid something and have no case that is refused.
pub fn untried(table: &Table, cases: &[Case]) -> Vec<String> {
    let key = |case: &Case| (case.kind.clone(), case.version, case.path.clone(), case.rule.clone());
    let refused: BTreeSet<_> = cases.iter().filter(|case| matches!(case.verdict, Verdict::Refused { .. })).map(key).collect();
    let tried: BTreeSet<_> = cases.iter().map(key).collect();
    let mut missing = Vec::new();
    for ((kind, version), rules) in &table.kinds {
        for (path, rule) in rules {
            let mut forbidding = rule.constraints.clone();
            forbidding.push("type".to_owned());
            if rule.required && rule.default.is_empty() {
                forbidding.push("required".to_owned());
            }
            let mut all = Vec::new();
            if !rule.default.is_empty() {
                all.push("default".to_owned());
            }
            // A list may always be empty unless something says otherwise.
            let nothing_forbidden = |one: &String| one == "minItems 0";
            all.extend(forbidding.extract_if(.., |one| nothing_forbidden(one)));
            let full = |one: String| (kind.clone(), *version, path.clone(), one);
            missing.extend(all.into_iter().map(full).filter(|one| !tried.contains(one)).map(|one| format!("{one:?}")));
            missing.extend(forbidding.into_iter().map(full).filter(|one| !refused.contains(one)).map(|one| format!("{one:?}")));
        }
    }
    missing
}

/// Sends an object through the Rust type of its kind and version: decodes it, encodes it, and says whether the encoding decodes
/// to the same. `None` for a kind or version that does not exist.
pub fn through_types(kind: &str, version: Version, object: &Value) -> Option<serde_json::Result<(Value, bool)>> {
    fn through<T: DeserializeOwned + Serialize + PartialEq>(object: &Value) -> serde_json::Result<(Value, bool)> {
        let decoded: T = serde_json::from_value(object.clone())?;
        let encoded = serde_json::to_value(&decoded)?;
        let same = serde_json::from_value::<T>(encoded.clone())? == decoded;
        Ok((encoded, same))
    }
    macro_rules! dispatch {
        ($($Version:ident $module:ident: $($Kind:ident)+;)+) => {
            match (version, kind) {
                $($((Version::$Version, stringify!($Kind)) => Some(through::<$module::$Kind>(object)),)+)+
                _ => None,
            }
        };
    }
    dispatch! {
        V1Beta1 v1beta1: TServer TConfig TTemplate TAccount TImage TEndpoint TExitedRecord TTree TPlugin;
        V1Beta2 v1beta2: TServer TConfig TTemplate TAccount TImage TEndpoint TExitedRecord TTree TPlugin TFrameworkConfig TFrameworkKey;
        V1Beta3 v1beta3: TServer TConfig TTemplate TAccount TImage TEndpoint TExitedRecord TTree TPlugin TFrameworkConfig TFrameworkKey;
    }
}

#[cfg(test)]
mod tests;
