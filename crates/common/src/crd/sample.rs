//! Objects made of the table of rules.

use serde_json::{Map, Value, json};

use super::table::{Rule, Rules, Table};

/// What an object has besides what its rules demand.
pub(super) trait Choice {
    /// Whether the optional field is there.
    fn optional(&mut self, path: &str) -> bool;
    /// Which of `0..count` alternatives is taken; `count` is never 0.
    fn pick(&mut self, count: usize) -> usize;
}

/// Nothing but what the rules demand, always the first alternative.
pub(super) struct Least;

impl Choice for Least {
    fn optional(&mut self, _: &str) -> bool {
        false
    }

    fn pick(&mut self, _: usize) -> usize {
        0
    }
}

/// What is special about one place of an object.
#[derive(Clone, Debug)]
pub(super) enum Special {
    /// Nothing but that the place is there.
    Present,
    /// The field is absent.
    Absent,
    /// The place has this value.
    Value(Value),
    /// The object has exactly these of its groups of which one is allowed.
    Groups(Vec<usize>),
}

/// Makes objects of a kind.
pub(super) struct Sample<'a, C> {
    pub table: &'a Table,
    pub rules: &'a Rules,
    pub choice: C,
    /// The place that is special; empty for none.
    pub target: &'a str,
    pub special: Special,
}

impl<C: Choice> Sample<'_, C> {
    /// The object without its metadata.
    pub fn object(&mut self) -> Value {
        self.fields("", &[])
    }

    fn value(&mut self, path: &str, type_: &str, constraints: &[&str]) -> Value {
        if path == self.target
            && let Special::Value(value) = &self.special
        {
            return value.clone();
        }
        if let Some(inner) = type_.strip_suffix("[]").filter(|_| !type_.starts_with("map of ")) {
            let inner = self.value(&format!("{path}[]"), inner, &each(constraints));
            return json!([inner]);
        }
        if let Some(inner) = type_.strip_prefix("map of ") {
            let inner = self.value(&format!("{path}{{}}"), inner, &each(constraints));
            return json!({ "k": inner });
        }
        match type_ {
            "object" => self.fields(path, constraints),
            "integer" => json!(self.pick(&integers(constraints))),
            "boolean" => json!(self.choice.pick(2) == 0),
            "time" => json!("2023-06-12T08:00:00Z"),
            "int-or-string" => self.pick(&[json!("1"), json!(5), json!("10Gi")]),
            _ => self.pick(&texts(self.table, constraints)).into(),
        }
    }

    fn fields(&mut self, path: &str, constraints: &[&str]) -> Value {
        let groups = groups(constraints);
        let next = self.next_toward_target(path);
        let chosen = self.chosen_groups(path, &groups, next.as_deref());
        let mut object = Map::new();
        for (name, rule) in children(self.rules, path) {
            let field = join(path, name);
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
                object.insert(name.to_owned(), self.value(&field, &rule.type_, &constraints));
            }
        }
        object.into()
    }

    /// Which groups of an object of which one is allowed are there.
    fn chosen_groups(&mut self, path: &str, groups: &[Vec<&str>], next: Option<&str>) -> Vec<usize> {
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

    /// The field of the object at `path` through which the target is reached.
    fn next_toward_target(&self, path: &str) -> Option<String> {
        let rest = if path.is_empty() { Some(self.target) } else { self.target.strip_prefix(path)?.strip_prefix('.') }?;
        let name = rest.split(['.', '[', '{']).next()?;
        (!name.is_empty()).then(|| name.to_owned())
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.choice.pick(from.len())].clone()
    }
}

/// The fields of the object at `path`.
pub(super) fn children<'a>(rules: &'a Rules, path: &str) -> Vec<(&'a str, &'a Rule)> {
    let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
    let below = rules.range(prefix.clone()..).take_while(|(full, _)| full.starts_with(&prefix));
    let names = below.filter_map(|(full, rule)| Some((full.strip_prefix(&prefix)?, rule)));
    names.filter(|(name, _)| !name.contains(['.', '[', '{'])).collect()
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// What the constraints say of elements.
pub(super) fn each<'a>(constraints: &[&'a str]) -> Vec<&'a str> {
    constraints.iter().filter_map(|one| one.strip_prefix("each: ")).collect()
}

/// The argument of a constraint.
pub(super) fn argument<'a>(constraints: &[&'a str], name: &str) -> Option<&'a str> {
    constraints.iter().find_map(|one| one.strip_prefix(name)?.strip_prefix(' '))
}

/// The limit that a constraint sets.
pub(super) fn limit(constraints: &[&str], name: &str) -> Option<usize> {
    argument(constraints, name)?.parse().ok()
}

/// Groups of fields of which one must be complete.
pub(super) fn groups<'a>(constraints: &[&'a str]) -> Vec<Vec<&'a str>> {
    let groups = argument(constraints, "exactly one of:").map(|groups| groups.split(" / "));
    groups.into_iter().flatten().map(|group| group.split('+').collect()).collect()
}

/// The least and the greatest integer admitted.
pub(super) fn bounds(constraints: &[&str]) -> (Option<i64>, Option<i64>) {
    if let Some((min, max)) = argument(constraints, "range").and_then(|range| range.split_once("..")) {
        return (min.parse().ok(), max.parse().ok());
    }
    let parse = |name| argument(constraints, name).and_then(|limit| limit.parse().ok());
    (parse("min"), parse("max"))
}

fn integers(constraints: &[&str]) -> Vec<i64> {
    let (min, max) = bounds(constraints);
    [min.or(Some(1)), max].into_iter().flatten().collect()
}

/// Words of an enumeration; `""` is the empty one.
pub(super) fn words<'a>(constraints: &[&'a str]) -> Vec<&'a str> {
    let words = argument(constraints, "enum").map(|words| words.split(' ')).into_iter().flatten();
    words.map(|word| if word == "\"\"" { "" } else { word }).collect()
}

/// Texts that the constraints admit, at least one.
pub(super) fn texts(table: &Table, constraints: &[&str]) -> Vec<String> {
    let words = words(constraints);
    if !words.is_empty() {
        return words.into_iter().map(str::to_owned).collect();
    }
    let fitting = |text: &str| {
        let count = text.chars().count();
        limit(constraints, "minLength").is_none_or(|min| count >= min)
            && limit(constraints, "maxLength").is_none_or(|max| count <= max)
    };
    let good = argument(constraints, "pattern").and_then(|name| table.good.get(name));
    let mut texts: Vec<_> = good.into_iter().flatten().filter(|text| fitting(text)).cloned().collect();
    if texts.is_empty() {
        texts.push("a".repeat(limit(constraints, "minLength").unwrap_or(1)));
    }
    texts
}
