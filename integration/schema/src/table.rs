//! The table of rules, one line for each field: read from `rules.txt`, or derived from a schema in the same terms.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use std::collections::BTreeMap;
use tars_common::version::Version;
use thiserror::Error;

/// The text of the table. Its head explains the syntax.
pub const RULES: &str = include_str!("../rules.txt");

/// The rule of one field in one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `object`, `string[]`, `map of string`, `int-or-string`, `time` and the like.
    pub type_: String,
    /// Whether the object that contains the field must have it.
    pub required: bool,
    /// The default as compact JSON; empty if there is no default.
    pub default: String,
    /// The constraints, sorted: `pattern NAME`, `maxLength 63`, `range 1..20`, `enum A B`, `exactly one of: a / b+c`, `each: …`.
    pub constraints: Vec<String>,
}

/// The rules of a kind in a version, by the path of the field.
pub type Rules = BTreeMap<String, Rule>;

/// The parsed table.
#[derive(Debug, Default)]
pub struct Table {
    /// Regular expressions by name.
    pub patterns: BTreeMap<String, String>,
    /// Texts that a pattern admits, by the name of the pattern.
    pub good: BTreeMap<String, Vec<String>>,
    /// Texts that a pattern does not admit, by the name of the pattern.
    pub bad: BTreeMap<String, Vec<String>>,
    /// Rules by kind and version.
    pub kinds: BTreeMap<(String, Version), Rules>,
}

/// A line of the table that cannot be parsed.
#[derive(Debug, Error)]
#[error("line {line} of the table of rules cannot be parsed: {problem}: {text:?}")]
pub struct TableError {
    /// The number of the line; the first line is 1.
    pub line: usize,
    /// The mistake.
    pub problem: &'static str,
    /// The text of the line.
    pub text: String,
}

impl Table {
    /// Parses a table such as [`RULES`].
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let mut table = Self::default();
        let mut kind = String::new();
        for (index, line) in text.lines().enumerate() {
            let failure = |problem| TableError { line: index + 1, problem, text: line.to_owned() };
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.split_once(' ') {
                Some(("kind", name)) => name.clone_into(&mut kind),
                Some((word @ ("pattern" | "good" | "bad"), rest)) => table.read_pattern(word, rest).map_err(failure)?,
                _ => table.read_rule(&kind, line).map_err(failure)?,
            }
        }
        Ok(table)
    }

    fn read_pattern(&mut self, word: &str, line: &str) -> Result<(), &'static str> {
        let (name, value) = line.split_once(' ').ok_or("a pattern has a name and a value")?;
        if word == "pattern" {
            self.patterns.insert(name.to_owned(), value.to_owned());
            return Ok(());
        }
        let texts = serde_json::from_str(value).map_err(|_| "examples are a JSON list of strings")?;
        let examples = if word == "good" { &mut self.good } else { &mut self.bad };
        examples.insert(name.to_owned(), texts);
        Ok(())
    }

    fn read_rule(&mut self, kind: &str, line: &str) -> Result<(), &'static str> {
        let fields: Vec<_> = line.split('|').map(str::trim).collect();
        let [path, versions, type_, required, default, constraints] = fields[..] else { return Err("a rule has six fields") };
        let mut constraints: Vec<_> = constraints.split(';').map(|one| one.trim().to_owned()).collect();
        constraints.retain(|one| !one.is_empty());
        constraints.sort();
        let rule = Rule { type_: type_.to_owned(), required: required == "yes", default: default.to_owned(), constraints };
        for digit in versions.split(' ') {
            let version = match digit {
                "1" => Version::V1Beta1,
                "2" => Version::V1Beta2,
                "3" => Version::V1Beta3,
                _ => return Err("versions are 1, 2 and 3"),
            };
            let rules = self.kinds.entry((kind.to_owned(), version)).or_default();
            if rules.insert(path.to_owned(), rule.clone()).is_some() {
                return Err("the field has two rules in one version");
            }
        }
        Ok(())
    }

    /// Describes a schema in the terms of the table. A pattern without a name in the table appears as its regular expression.
    pub fn describe(&self, schema: &JSONSchemaProps) -> Rules {
        let mut rules = Rules::new();
        self.describe_fields(schema, "", &mut rules);
        rules
    }

    fn describe_fields(&self, schema: &JSONSchemaProps, path: &str, rules: &mut Rules) {
        let required = schema.required.as_deref().unwrap_or_default();
        for (name, field) in schema.properties.iter().flatten() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let rule = Rule {
                type_: describe_type(field),
                required: required.contains(name),
                default: field.default.as_ref().map(|default| default.0.to_string()).unwrap_or_default(),
                constraints: self.describe_constraints(field),
            };
            self.describe_below(field, &path, rules);
            rules.insert(path, rule);
        }
    }

    /// Goes down through lists and maps to the fields of objects.
    fn describe_below(&self, field: &JSONSchemaProps, path: &str, rules: &mut Rules) {
        if let Some(items) = items(field) {
            self.describe_below(items, &format!("{path}[]"), rules);
        } else if let Some(values) = values(field) {
            self.describe_below(values, &format!("{path}{{}}"), rules);
        } else {
            self.describe_fields(field, path, rules);
        }
    }

    fn describe_constraints(&self, field: &JSONSchemaProps) -> Vec<String> {
        let mut found = self.describe_own_constraints(field);
        if let Some(inner) = items(field).or_else(|| values(field)) {
            found.extend(self.describe_own_constraints(inner).into_iter().map(|one| format!("each: {one}")));
        }
        found.sort();
        found
    }

    fn describe_own_constraints(&self, field: &JSONSchemaProps) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(pattern) = &field.pattern {
            let name = self.patterns.iter().find(|(_, regex)| *regex == pattern).map_or(pattern, |(name, _)| name);
            found.push(format!("pattern {name}"));
        }
        let lengths = [("minLength", field.min_length), ("maxLength", field.max_length)];
        let counts = [("minItems", field.min_items), ("maxItems", field.max_items)];
        for (name, limit) in lengths.into_iter().chain(counts) {
            found.extend(limit.map(|limit| format!("{name} {limit}")));
        }
        match (field.minimum, field.maximum) {
            (Some(min), Some(max)) => found.push(format!("range {min}..{max}")),
            (min, max) => {
                found.extend(min.map(|min| format!("min {min}")));
                found.extend(max.map(|max| format!("max {max}")));
            }
        }
        if let Some(words) = &field.enum_ {
            let words: Vec<_> = words
                .iter()
                .map(|word| word.0.as_str().filter(|word| !word.is_empty()).map_or_else(|| word.0.to_string(), str::to_owned))
                .collect();
            found.push(format!("enum {}", words.join(" ")));
        }
        if let Some(alternatives) = &field.one_of {
            let groups: Vec<_> = alternatives.iter().map(|one| one.required.as_deref().unwrap_or_default().join("+")).collect();
            found.push(format!("exactly one of: {}", groups.join(" / ")));
        }
        if let Some(keys) = &field.x_kubernetes_list_map_keys {
            found.push(format!("unique by {}", keys.join("+")));
        }
        found
    }
}

fn items(field: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match field.items.as_ref()? {
        JSONSchemaPropsOrArray::Schema(items) => Some(items),
        JSONSchemaPropsOrArray::Schemas(_) => None,
    }
}

fn values(field: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match field.additional_properties.as_ref()? {
        JSONSchemaPropsOrBool::Schema(values) => Some(values),
        JSONSchemaPropsOrBool::Bool(_) => None,
    }
}

fn describe_type(field: &JSONSchemaProps) -> String {
    if let Some(items) = items(field) {
        return format!("{}[]", describe_type(items));
    }
    if let Some(values) = values(field) {
        return format!("map of {}", describe_type(values));
    }
    match (field.type_.as_deref(), field.format.as_deref()) {
        (None, None) if field.x_kubernetes_int_or_string == Some(true) => "int-or-string".to_owned(),
        (Some("string"), Some("date-time")) => "time".to_owned(),
        (type_, None) => type_.unwrap_or("anything").to_owned(),
        (type_, Some(format)) => format!("{} ({format})", type_.unwrap_or("anything")),
    }
}
