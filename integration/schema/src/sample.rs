//! Builds objects from the table of rules.

use crate::table::{Rule, Rules, Table};
use serde_json::{Map, Value, json};

/// Decides which optional parts an object has.
pub(super) trait Choice {
    /// Decides whether the optional field is present.
    fn optional(&mut self, path: &str) -> bool;
    /// Chooses one of `0..count` alternatives; `count` is never 0.
    fn pick(&mut self, count: usize) -> usize;
}

/// Chooses required parts only, and always the first alternative.
pub(super) struct Least;

impl Choice for Least {
    fn optional(&mut self, _: &str) -> bool {
        false
    }

    fn pick(&mut self, _: usize) -> usize {
        0
    }
}

/// The special state of one place in an object.
#[derive(Clone, Debug)]
pub(super) enum Special {
    /// The place is present.
    Present,
    /// The field is absent.
    Absent,
    /// The place has this value.
    Value(Value),
    /// The object has exactly these of its exclusive groups of fields.
    Groups(Vec<usize>),
}

/// Builds objects of a kind.
pub(super) struct Sample<'a, C> {
    pub table: &'a Table,
    pub rules: &'a Rules,
    pub choice: C,
    /// The special place; empty if no place is special.
    pub target: &'a str,
    pub special: Special,
}

impl<C: Choice> Sample<'_, C> {
    /// Builds the object without its metadata.
    pub fn build(&mut self) -> Value {
        self.build_fields("", &[])
    }

    fn build_value(&mut self, path: &str, type_: &str, constraints: &[&str]) -> Value {
        if path == self.target
            && let Special::Value(value) = &self.special
        {
            return value.clone();
        }
        if let Some(inner) = type_.strip_suffix("[]").filter(|_| !type_.starts_with("map of ")) {
            let inner = self.build_value(&format!("{path}[]"), inner, &read_each(constraints));
            return json!([inner]);
        }
        if let Some(inner) = type_.strip_prefix("map of ") {
            let inner = self.build_value(&format!("{path}{{}}"), inner, &read_each(constraints));
            return json!({ "k": inner });
        }
        match type_ {
            "object" => self.build_fields(path, constraints),
            "integer" => json!(self.pick(&list_integers(constraints))),
            "boolean" => json!(self.choice.pick(2) == 0),
            "time" => json!("2023-06-12T08:00:00Z"),
            "int-or-string" if read_argument(constraints, "pattern").is_some() => {
                let texts = list_texts(self.table, constraints).into_iter().map(Value::from);
                let numbers = list_integers(constraints).into_iter().map(Value::from);
                self.pick(&texts.chain(numbers).collect::<Vec<_>>())
            }
            "int-or-string" => self.pick(&[json!("1"), json!(5), json!("10Gi")]),
            _ => self.pick(&list_texts(self.table, constraints)).into(),
        }
    }

    fn build_fields(&mut self, path: &str, constraints: &[&str]) -> Value {
        let groups = read_groups(constraints);
        let next = self.find_next_field(path);
        let chosen = self.choose_groups(path, &groups, next.as_deref());
        let mut object = Map::new();
        for (name, rule) in list_fields(self.rules, path) {
            let field = join_path(path, name);
            let special = field == self.target;
            if special && matches!(self.special, Special::Absent) {
                continue;
            }
            let grouped = groups.iter().any(|group| group.contains(&name));
            let wanted = rule.required
                || next.as_deref() == Some(name)
                || chosen.iter().any(|&index| groups[index].contains(&name))
                || !grouped && self.choice.optional(&field);
            if wanted {
                let constraints: Vec<_> = rule.constraints.iter().map(String::as_str).collect();
                object.insert(name.to_owned(), self.build_value(&field, &rule.type_, &constraints));
            }
        }
        object.into()
    }

    /// Lists the exclusive groups of fields that an object has.
    fn choose_groups(&mut self, path: &str, groups: &[Vec<&str>], next: Option<&str>) -> Vec<usize> {
        if groups.is_empty() {
            return Vec::new();
        }
        if path == self.target
            && let Special::Groups(wanted) = &self.special
        {
            return wanted.clone();
        }
        let toward = next.and_then(|next| groups.iter().position(|group| group.contains(&next)));
        vec![toward.unwrap_or_else(|| self.choice.pick(groups.len()))]
    }

    /// Finds the field of the object at `path` that leads to the target.
    fn find_next_field(&self, path: &str) -> Option<String> {
        let rest = if path.is_empty() { Some(self.target) } else { self.target.strip_prefix(path)?.strip_prefix('.') }?;
        let name = rest.split(['.', '[', '{']).next()?;
        (!name.is_empty()).then(|| name.to_owned())
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.choice.pick(from.len())].clone()
    }
}

/// Lists the fields of the object at `path`.
pub(super) fn list_fields<'a>(rules: &'a Rules, path: &str) -> Vec<(&'a str, &'a Rule)> {
    let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
    let below = rules.range(prefix.clone()..).take_while(|(full, _)| full.starts_with(&prefix));
    let names = below.filter_map(|(full, rule)| Some((full.strip_prefix(&prefix)?, rule)));
    names.filter(|(name, _)| !name.contains(['.', '[', '{'])).collect()
}

fn join_path(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Reads the constraints of elements.
pub(super) fn read_each<'a>(constraints: &[&'a str]) -> Vec<&'a str> {
    constraints.iter().filter_map(|one| one.strip_prefix("each: ")).collect()
}

/// Reads the argument of a constraint.
pub(super) fn read_argument<'a>(constraints: &[&'a str], name: &str) -> Option<&'a str> {
    constraints.iter().find_map(|one| one.strip_prefix(name)?.strip_prefix(' '))
}

/// Reads the limit that a constraint sets.
pub(super) fn read_limit(constraints: &[&str], name: &str) -> Option<usize> {
    read_argument(constraints, name)?.parse().ok()
}

/// Reads the exclusive groups of fields. An object must have exactly one of them, and all of its fields.
pub(super) fn read_groups<'a>(constraints: &[&'a str]) -> Vec<Vec<&'a str>> {
    let groups = read_argument(constraints, "exactly one of:").map(|groups| groups.split(" / "));
    groups.into_iter().flatten().map(|group| group.split('+').collect()).collect()
}

/// Reads the minimal and the maximal integer.
pub(super) fn read_bounds(constraints: &[&str]) -> (Option<i64>, Option<i64>) {
    if let Some((min, max)) = read_argument(constraints, "range").and_then(|range| range.split_once("..")) {
        return (min.parse().ok(), max.parse().ok());
    }
    let parse = |name| read_argument(constraints, name).and_then(|limit| limit.parse().ok());
    (parse("min"), parse("max"))
}

fn list_integers(constraints: &[&str]) -> Vec<i64> {
    let (min, max) = read_bounds(constraints);
    [min.or(Some(1)), max].into_iter().flatten().collect()
}

/// Reads the words of an enumeration; `""` is the empty word.
pub(super) fn read_words<'a>(constraints: &[&'a str]) -> Vec<&'a str> {
    let words = read_argument(constraints, "enum").map(|words| words.split(' ')).into_iter().flatten();
    words.map(|word| if word == "\"\"" { "" } else { word }).collect()
}

/// Lists at least one text that the constraints admit.
pub(super) fn list_texts(table: &Table, constraints: &[&str]) -> Vec<String> {
    let words = read_words(constraints);
    if !words.is_empty() {
        return words.into_iter().map(str::to_owned).collect();
    }
    let fitting = |text: &str| {
        let count = text.chars().count();
        read_limit(constraints, "minLength").is_none_or(|min| count >= min)
            && read_limit(constraints, "maxLength").is_none_or(|max| count <= max)
    };
    let good = read_argument(constraints, "pattern").and_then(|name| table.good.get(name));
    let mut texts: Vec<_> = good.into_iter().flatten().filter(|text| fitting(text)).cloned().collect();
    if texts.is_empty() {
        texts.push("a".repeat(read_limit(constraints, "minLength").unwrap_or(1)));
    }
    texts
}
