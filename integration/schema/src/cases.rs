//! Objects that try each rule of the table, each with the verdict of a correct API server.
//!
//! An end-to-end test sends all objects to a real API server. A unit test decodes the accepted objects with the Rust types.

use crate::{
    sample::{Least, Sample, Special, list_texts, read_argument, read_bounds, read_each, read_groups, read_limit, read_words},
    table::{Rule, Rules, Table},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tars_common::{v1beta1, v1beta2, v1beta3, version::Version};

/// The answer that the API server must give.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The API server accepts the object.
    Accepted,
    /// The API server accepts the object and fills in this value at the JSON pointer. An object may get more fields than the value has.
    Defaulted {
        /// The place.
        pointer: String,
        /// The default.
        value: Value,
    },
    /// The API server refuses the object because of this field, in its own notation: `spec.env[0].name`.
    Refused {
        /// The field.
        field: String,
    },
}

/// One object and the verdict about it.
#[derive(Clone, Debug)]
pub struct Case {
    /// Kind of the object.
    pub kind: String,
    /// Version of the object.
    pub version: Version,
    /// The path of the field whose rule is tried, as in the table.
    pub path: String,
    /// The rule of the field: `present`, `type`, `required`, `default` or one of its constraints.
    pub rule: String,
    /// The object without `apiVersion`, `kind` and `metadata`.
    pub object: Value,
    /// The answer that the API server must give.
    pub verdict: Verdict,
}

/// Builds all cases of a table. Every rule has at least one case. A rule that forbids something has at least one refused object.
pub fn build_all(table: &Table) -> Vec<Case> {
    let mut cases = Vec::new();
    for ((kind, version), rules) in &table.kinds {
        for (path, rule) in rules {
            Cases { table, rules, kind, version: *version, path, rule, found: &mut cases }.add_rule();
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
    fn add_rule(&mut self) {
        self.add("present", self.path, Special::Present, Verdict::Accepted);
        self.add_absent();
        let constraints: Vec<_> = self.rule.constraints.iter().map(String::as_str).collect();
        self.add_value(self.path, &self.rule.type_, &constraints, "");
    }

    /// Adds the object without the field: it is refused if the field is required, and completed if the field has a default.
    fn add_absent(&mut self) {
        if !self.rule.default.is_empty() {
            let value = serde_json::from_str(&self.rule.default).unwrap_or_default();
            let verdict = Verdict::Defaulted { pointer: write_pointer(self.path), value };
            self.add("default", self.path, Special::Absent, verdict);
        } else if self.rule.required {
            self.add("required", self.path, Special::Absent, refuse(self.path));
        }
    }

    /// Adds cases for the type and the constraints of a place: of the field itself, or of its elements (`prefix` is then `each: `).
    fn add_value(&mut self, place: &str, type_: &str, constraints: &[&str], prefix: &str) {
        let wrong = match type_ {
            "string" | "time" => json!(7),
            "int-or-string" => json!(true),
            _ => json!("wrong"),
        };
        self.add_refused(&format!("{prefix}type"), place, wrong);
        if type_ == "time" {
            self.add_refused(&format!("{prefix}type"), place, json!("yesterday"));
        }
        let inner = match type_.strip_prefix("map of ") {
            Some(inner) => Some((format!("{place}{{}}"), inner)),
            None => type_.strip_suffix("[]").map(|inner| (format!("{place}[]"), inner)),
        };
        if let Some((inner_place, inner)) = inner {
            self.add_value(&inner_place, inner, &read_each(constraints), "each: ");
            self.add_counts(place, constraints, prefix);
        }
        self.add_texts(place, constraints, prefix);
        self.add_integers(place, constraints, prefix);
        self.add_groups(place, constraints, prefix);
    }

    fn add_texts(&mut self, place: &str, constraints: &[&str], prefix: &str) {
        if let Some(name) = read_argument(constraints, "pattern") {
            let rule = format!("{prefix}pattern {name}");
            for text in list_texts(self.table, constraints) {
                self.add_accepted(&rule, place, json!(text));
            }
            for text in self.table.bad.get(name).into_iter().flatten() {
                self.add_refused(&rule, place, json!(text));
            }
        }
        let words = read_words(constraints);
        if !words.is_empty() {
            let rule = format!("{prefix}enum {}", read_argument(constraints, "enum").unwrap_or_default());
            for word in &words {
                self.add_accepted(&rule, place, json!(word));
            }
            self.add_refused(&rule, place, json!("no-such-word"));
        }
        // Every pattern of a field with limits admits a text that consists of `a` only.
        if let Some(max) = read_limit(constraints, "maxLength") {
            let rule = format!("{prefix}maxLength {max}");
            self.add_accepted(&rule, place, json!("a".repeat(max)));
            self.add_refused(&rule, place, json!("a".repeat(max + 1)));
        }
        if let Some(min) = read_limit(constraints, "minLength") {
            let rule = format!("{prefix}minLength {min}");
            self.add_accepted(&rule, place, json!("a".repeat(min)));
            self.add_refused(&rule, place, json!("a".repeat(min - 1)));
        }
    }

    fn add_integers(&mut self, place: &str, constraints: &[&str], prefix: &str) {
        let (min, max) = read_bounds(constraints);
        let name = constraints.iter().find(|one| ["range ", "min ", "max "].iter().any(|name| one.starts_with(name)));
        let Some(name) = name else { return };
        let rule = format!("{prefix}{name}");
        for (limit, outside) in [(min, -1), (max, 1)] {
            if let Some(limit) = limit {
                self.add_accepted(&rule, place, json!(limit));
                self.add_refused(&rule, place, json!(limit + outside));
            }
        }
    }

    /// Adds lists with more and fewer elements.
    fn add_counts(&mut self, place: &str, constraints: &[&str], prefix: &str) {
        let present = self.build_object(place, Special::Present);
        let elements = present.pointer(&write_pointer(place)).and_then(Value::as_array).cloned().unwrap_or_default();
        let many = |count: usize| Value::Array(elements.iter().cycle().take(count).cloned().collect());
        if let Some(max) = read_limit(constraints, "maxItems") {
            let rule = format!("{prefix}maxItems {max}");
            self.add_accepted(&rule, place, many(max));
            self.add_refused(&rule, place, many(max + 1));
        }
        if let Some(min) = read_limit(constraints, "minItems") {
            let rule = format!("{prefix}minItems {min}");
            self.add_accepted(&rule, place, many(min));
            if let Some(less) = min.checked_sub(1) {
                self.add_refused(&rule, place, many(less));
            }
        }
        if let Some(key) = read_argument(constraints, "unique by") {
            let rule = format!("{prefix}unique by {key}");
            self.add(&rule, place, Special::Value(many(2)), Verdict::Refused { field: format!("{}[1]", write_field(place)) });
        }
    }

    /// Adds objects with one exclusive group, with no group, and with each pair of neighbouring groups.
    fn add_groups(&mut self, place: &str, constraints: &[&str], prefix: &str) {
        let count = read_groups(constraints).len();
        if count == 0 {
            return;
        }
        let rule = format!("{prefix}exactly one of: {}", read_argument(constraints, "exactly one of:").unwrap_or_default());
        for index in 0..count {
            self.add(&rule, place, Special::Groups(vec![index]), Verdict::Accepted);
            self.add(&rule, place, Special::Groups(vec![index, (index + 1) % count]), refuse(place));
        }
        self.add(&rule, place, Special::Groups(Vec::new()), refuse(place));
    }

    fn add_accepted(&mut self, rule: &str, place: &str, value: Value) {
        self.add(rule, place, Special::Value(value), Verdict::Accepted);
    }

    fn add_refused(&mut self, rule: &str, place: &str, value: Value) {
        self.add(rule, place, Special::Value(value), refuse(place));
    }

    fn add(&mut self, rule: &str, place: &str, special: Special, verdict: Verdict) {
        let object = self.build_object(place, special);
        let (kind, path) = (self.kind.to_owned(), self.path.to_owned());
        self.found.push(Case { kind, version: self.version, path, rule: rule.to_owned(), object, verdict });
    }

    fn build_object(&self, place: &str, special: Special) -> Value {
        Sample { table: self.table, rules: self.rules, choice: Least, target: place, special }.build()
    }
}

fn refuse(place: &str) -> Verdict {
    Verdict::Refused { field: write_field(place) }
}

/// Writes a place in the notation of the API server.
fn write_field(place: &str) -> String {
    place.replace("[]", "[0]").replace("{}", ".k")
}

/// Writes a place as a JSON pointer.
fn write_pointer(place: &str) -> String {
    format!("/{}", place.replace("[]", ".0").replace("{}", ".k").replace('.', "/"))
}

/// Finds the rules that no case tries, and the rules that forbid something and have no refused object.
pub fn find_untried(table: &Table, cases: &[Case]) -> Vec<String> {
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
            // `minItems 0` forbids nothing.
            all.extend(forbidding.extract_if(.., |one| one == "minItems 0"));
            let full = |one: String| (kind.clone(), *version, path.clone(), one);
            missing.extend(all.into_iter().map(full).filter(|one| !tried.contains(one)).map(|one| format!("{one:?}")));
            missing.extend(forbidding.into_iter().map(full).filter(|one| !refused.contains(one)).map(|one| format!("{one:?}")));
        }
    }
    missing
}

/// Decodes an object with the Rust type of its kind and version, and encodes it again. The boolean says whether the encoding decodes to
/// an equal value. The result is `None` for a kind or version that does not exist.
pub fn recode(kind: &str, version: Version, object: &Value) -> Option<serde_json::Result<(Value, bool)>> {
    fn recode_as<T: DeserializeOwned + Serialize + PartialEq>(object: &Value) -> serde_json::Result<(Value, bool)> {
        let decoded: T = serde_json::from_value(object.clone())?;
        let encoded = serde_json::to_value(&decoded)?;
        let same = serde_json::from_value::<T>(encoded.clone())? == decoded;
        Ok((encoded, same))
    }
    macro_rules! dispatch {
        ($($Version:ident $module:ident: $($Kind:ident)+;)+) => {
            match (version, kind) {
                $($((Version::$Version, stringify!($Kind)) => Some(recode_as::<$module::$Kind>(object)),)+)+
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
