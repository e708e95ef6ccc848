//! Checks objects against the structural schemas of the definitions, as the API server does, and completes them with the defaults.
//!
//! The rules are those of the generated schemas, so there is no second copy of them. Rules in CEL (`x-kubernetes-validations`) are not
//! evaluated: admission has the same rules (docs/reference/admission.md#7.2).

use crate::{
    crd::{CrdOptions, build_all},
    version::Version,
};
use jiff::Timestamp;
use regex::Regex;
use serde_json::{Map, Value};
use std::{
    collections::{BTreeSet, HashMap},
    fmt::{self, Write as _},
    sync::LazyLock,
};

/// The schemas of all kinds and versions, and the compiled patterns of these schemas.
struct Schemas {
    roots: HashMap<(String, &'static str), Value>,
    patterns: HashMap<String, Regex>,
}

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| {
    let mut schemas = Schemas { roots: HashMap::new(), patterns: HashMap::new() };
    for definition in build_all(&CrdOptions::default()) {
        let kind = definition.spec.names.kind;
        for version in Version::ALL {
            let found = definition.spec.versions.iter().find(|one| one.name == version.as_str());
            let root = found.and_then(|one| one.schema.as_ref()).and_then(|schema| schema.open_api_v3_schema.as_ref());
            // A schema consists of JSON values, so it always serializes.
            let Some(root) = root.and_then(|root| serde_json::to_value(root).ok()) else { continue };
            compile_patterns(&root, &mut schemas.patterns);
            schemas.roots.insert((kind.clone(), version.as_str()), root);
        }
    }
    schemas
});

fn compile_patterns(schema: &Value, patterns: &mut HashMap<String, Regex>) {
    match schema {
        Value::Object(members) => {
            if let Some(pattern) = members.get("pattern").and_then(Value::as_str)
                && let Ok(compiled) = Regex::new(pattern)
            {
                patterns.insert(pattern.to_owned(), compiled);
            }
            members.values().for_each(|member| compile_patterns(member, patterns));
        }
        Value::Array(elements) => elements.iter().for_each(|element| compile_patterns(element, patterns)),
        _ => {}
    }
}

/// Finds the schema of a member. `path` names the members from the root of the object. `None` if the kind, the version or the member
/// has no schema.
pub fn find_schema(kind: &str, version: Version, path: &[&str]) -> Option<&'static Value> {
    let root = SCHEMAS.roots.get(&(kind.to_owned(), version.as_str()))?;
    path.iter().try_fold(root, |schema, name| schema.get("properties")?.get(name))
}

/// Reports whether the API server accepts `value` as a member with this schema. Members that the schema does not have fit: the API
/// server drops them.
pub fn fits(value: &Value, schema: &Value) -> bool {
    let mut check = Check { path: Path::default(), found: Vec::new(), most: 1, unknown: false };
    check.check(value, schema);
    check.found.is_empty()
}

/// Lists what the API server refuses in `value`, at most `most` entries, and the members that the schema does not have: `kubectl`
/// refuses these by default.
pub fn list_violations(value: &Value, schema: &Value, most: usize) -> Vec<Violation> {
    let mut check = Check { path: Path::default(), found: Vec::new(), most, unknown: true };
    check.check(value, schema);
    check.found
}

/// A value that the API server refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The path of the value, such as `spec.k8s.mounts[0].name`. It is empty for the whole object.
    pub field: String,
    /// The problem.
    pub problem: String,
    /// Advice to the author.
    pub remedy: String,
}

/// The path of a member, as people write it.
#[derive(Clone, Debug, Default)]
struct Path(String);

impl Path {
    fn enter(&mut self, name: &str) -> usize {
        let before = self.0.len();
        if before > 0 {
            self.0.push('.');
        }
        self.0.push_str(name);
        before
    }

    fn enter_element(&mut self, index: usize) -> usize {
        let before = self.0.len();
        // Writing to a String does not fail.
        let _ = write!(self.0, "[{index}]");
        before
    }
}

struct Check {
    path: Path,
    found: Vec<Violation>,
    most: usize,
    /// Whether unknown members are violations.
    unknown: bool,
}

impl Check {
    fn check(&mut self, value: &Value, schema: &Value) {
        let Some(keywords) = schema.as_object() else { return };
        if !self.check_type(value, keywords) {
            // The other keywords are about values of the right type.
            return;
        }
        for (keyword, limit) in keywords {
            if self.found.len() >= self.most {
                return;
            }
            match keyword.as_str() {
                "required" => self.check_required(value, limit),
                "properties" => self.check_members(value, limit),
                "items" => self.check_elements(value, limit),
                "additionalProperties" => self.check_entries(value, limit),
                "oneOf" => self.check_alternatives(value, limit),
                "x-kubernetes-list-map-keys" => self.check_keys(value, limit),
                _ => {
                    if let Some((problem, remedy)) = find_problem(value, keyword, limit) {
                        self.add(problem, remedy);
                    }
                }
            }
        }
    }

    fn add(&mut self, problem: impl Into<String>, remedy: impl Into<String>) {
        if self.found.len() < self.most {
            self.found.push(Violation { field: self.path.0.clone(), problem: problem.into(), remedy: remedy.into() });
        }
    }

    fn add_at(&mut self, name: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        let before = self.path.enter(name);
        self.add(problem, remedy);
        self.path.0.truncate(before);
    }

    fn check_type(&mut self, value: &Value, keywords: &Map<String, Value>) -> bool {
        let wanted = if keywords.contains_key("x-kubernetes-int-or-string") {
            if value.is_string() || has_type(value, "integer") {
                return true;
            }
            "integer or string"
        } else {
            let Some(name) = keywords.get("type").and_then(Value::as_str) else { return true };
            if has_type(value, name) {
                return true;
            }
            name
        };
        self.add(format!("{} is not of type {wanted}", Shown(value)), format!("write a value of type {wanted}"));
        false
    }

    fn check_required(&mut self, value: &Value, limit: &Value) {
        let (Some(members), Some(names)) = (value.as_object(), limit.as_array()) else { return };
        for name in names.iter().filter_map(Value::as_str).filter(|name| !members.contains_key(*name)) {
            self.add_at(name, "the field is missing", "add it, because it is required");
        }
    }

    fn check_members(&mut self, value: &Value, schemas: &Value) {
        let (Some(members), Some(schemas)) = (value.as_object(), schemas.as_object()) else { return };
        let root = self.path.0.is_empty();
        for (name, member) in members {
            if let Some(schema) = schemas.get(name) {
                let before = self.path.enter(name);
                self.check(member, schema);
                self.path.0.truncate(before);
            } else if self.unknown && !(root && matches!(name.as_str(), "apiVersion" | "kind" | "metadata")) {
                let remedy = suggest(name, schemas.keys().map(String::as_str));
                self.add_at(name, "the field is unknown, and the API server drops it", remedy);
            }
        }
    }

    fn check_elements(&mut self, value: &Value, schema: &Value) {
        for (index, element) in value.as_array().into_iter().flatten().enumerate() {
            let before = self.path.enter_element(index);
            self.check(element, schema);
            self.path.0.truncate(before);
        }
    }

    fn check_entries(&mut self, value: &Value, schema: &Value) {
        for (name, entry) in value.as_object().into_iter().flatten() {
            let before = self.path.enter(name);
            self.check(entry, schema);
            self.path.0.truncate(before);
        }
    }

    fn check_alternatives(&mut self, value: &Value, limit: &Value) {
        let Some(all) = limit.as_array() else { return };
        if all.iter().filter(|one| fits(value, one)).count() != 1 {
            let names: BTreeSet<&str> = all.iter().filter_map(|one| one.get("required")?.as_array()?.first()?.as_str()).collect();
            let names = names.into_iter().collect::<Vec<_>>().join(", ");
            self.add("the value fits none or several of the forms that are possible", format!("set exactly one of: {names}"));
        }
    }

    fn check_keys(&mut self, value: &Value, keys: &Value) {
        let (Some(elements), Some(keys)) = (value.as_array(), keys.as_array()) else { return };
        let mut seen = BTreeSet::new();
        for (index, element) in elements.iter().enumerate() {
            let key: Vec<String> =
                keys.iter().filter_map(Value::as_str).map(|key| element.get(key).unwrap_or(&Value::Null).to_string()).collect();
            if !seen.insert(key.join(" ")) {
                let before = self.path.enter_element(index);
                self.add(format!("another entry has the same key {}", key.join(" ")), "remove one of them");
                self.path.0.truncate(before);
            }
        }
    }
}

/// Checks the keywords that limit one value.
fn find_problem(value: &Value, keyword: &str, limit: &Value) -> Option<(String, String)> {
    let number = || limit.as_f64().zip(value.as_f64());
    let count = |actual: Option<usize>| limit.as_u64().zip(actual.map(|actual| actual as u64));
    let length = || count(value.as_str().map(|text| text.chars().count()));
    let size = || count(value.as_array().map(Vec::len));
    match keyword {
        "enum" => {
            let words = limit.as_array().filter(|words| !words.contains(value))?;
            let words: Vec<String> = words.iter().map(|word| Shown(word).to_string()).collect();
            Some((format!("{} is not a possible value", Shown(value)), format!("use one of {}", words.join(", "))))
        }
        "minimum" => number().filter(|(least, actual)| actual < least).map(|_| at_least(value, limit)),
        "maximum" => number().filter(|(most, actual)| actual > most).map(|_| at_most(value, limit)),
        "minLength" => length()
            .filter(|(least, actual)| actual < least)
            .map(|(_, actual)| say_count(actual, "characters", "at least", limit)),
        "maxLength" => {
            length().filter(|(most, actual)| actual > most).map(|(_, actual)| say_count(actual, "characters", "at most", limit))
        }
        "minItems" => {
            size().filter(|(least, actual)| actual < least).map(|(_, actual)| say_count(actual, "entries", "at least", limit))
        }
        "maxItems" => {
            size().filter(|(most, actual)| actual > most).map(|(_, actual)| say_count(actual, "entries", "at most", limit))
        }
        "pattern" => {
            let (text, pattern) = value.as_str().zip(limit.as_str())?;
            let fits = SCHEMAS.patterns.get(pattern).is_none_or(|compiled| compiled.is_match(text));
            (!fits).then(|| {
                (format!("{} does not have the right form", Shown(value)), format!("write a value that matches {pattern}"))
            })
        }
        "format" if limit == "date-time" => {
            let text = value.as_str()?;
            let broken = text.parse::<Timestamp>().is_err();
            broken.then(|| (format!("{} is not a time", Shown(value)), "write a time such as 2026-01-31T12:00:00Z".to_owned()))
        }
        _ => None,
    }
}

fn at_least(value: &Value, limit: &Value) -> (String, String) {
    (format!("{} is too small", Shown(value)), format!("write a number of at least {}", Shown(limit)))
}

fn at_most(value: &Value, limit: &Value) -> (String, String) {
    (format!("{} is too large", Shown(value)), format!("write a number of at most {}", Shown(limit)))
}

fn say_count(actual: u64, unit: &str, bound: &str, limit: &Value) -> (String, String) {
    (format!("the value has {actual} {unit}"), format!("use {bound} {limit}"))
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => true,
    }
}

/// A value in a sentence. Long values are cut.
struct Shown<'a>(&'a Value);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 80;
        match self.0 {
            Value::Object(_) => formatter.write_str("an object"),
            Value::Array(_) => formatter.write_str("a list"),
            // The generated schemas have floating-point numbers as limits.
            Value::Number(number) if number.is_f64() => write!(formatter, "{}", number.as_f64().unwrap_or_default()),
            scalar => {
                let text = scalar.to_string();
                match text.char_indices().nth(MOST) {
                    None => formatter.write_str(&text),
                    Some((end, _)) => write!(formatter, "{}…", &text[..end]),
                }
            }
        }
    }
}

/// Advises on an unknown member: the name that was probably meant, or else to remove it.
fn suggest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = known.map(|other| (count_edits(name, other), other)).min();
    match near.filter(|(edits, other)| *edits <= 2 && *edits < other.len()) {
        Some((_, other)) => format!("write {other}, or remove the field"),
        None => "remove the field, or check its indentation".to_owned(),
    }
}

/// Counts the letters to insert, remove or replace, without regard to case.
fn count_edits(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.to_lowercase().chars().collect(), other.to_lowercase().chars().collect());
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

/// Removes members that are `null` and adds the defaults of the schema, as the API server does before admission.
pub fn complete(value: &mut Value, schema: &Value) {
    if let (Some(members), Some(schemas)) = (value.as_object_mut(), schema.get("properties").and_then(Value::as_object)) {
        members.retain(|name, member| !(member.is_null() && schemas.contains_key(name)));
        for (name, schema) in schemas {
            if let Some(default) = schema.get("default")
                && !members.contains_key(name)
            {
                members.insert(name.clone(), default.clone());
            }
            if let Some(member) = members.get_mut(name) {
                complete(member, schema);
            }
        }
    }
    if let (Some(members), Some(schema)) = (value.as_object_mut(), schema.get("additionalProperties")) {
        for member in members.values_mut() {
            complete(member, schema);
        }
    }
    if let (Some(elements), Some(schema)) = (value.as_array_mut(), schema.get("items")) {
        for element in elements {
            complete(element, schema);
        }
    }
}

#[cfg(test)]
mod tests;
