//! The values of the charts: names and defaults from `values.yaml`, types and meanings from `values.schema.json`.
//!
//! A property of the schema whose members have descriptions is a group, and each member is a row. Every other property is a row itself, and
//! must have a description. So must every value of `values.yaml`.

use crate::markdown::{Page, code};
use serde_json::{Map, Value};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

const CHARTS: [&str; 2] = ["tarscontroller", "tarsframework"];

type Members = Map<String, Value>;

/// Why the page cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not valid YAML", path.display())]
    Yaml { path: PathBuf, source: Box<serde_saphyr::Error> },
    #[error("{} is not valid JSON", path.display())]
    Json { path: PathBuf, source: serde_json::Error },
    #[error("chart {chart}: values.schema.json has no description for the value {value}")]
    NoDescription { chart: &'static str, value: String },
}

/// The page about the charts below `root`.
pub fn page(root: &Path) -> Result<String, Error> {
    let introduction = "A value that is not in these tables is refused by the chart's `values.schema.json`, with its name.";
    let mut page = Page::new("Values of the charts", introduction);
    for chart in CHARTS {
        let folder = root.join("helm").join(chart);
        let (values, schema) = (folder.join("values.yaml"), folder.join("values.schema.json"));
        let values: Value =
            serde_saphyr::from_str(&read(&values)?).map_err(|source| Error::Yaml { path: values, source: Box::new(source) })?;
        let schema: Value = serde_json::from_str(&read(&schema)?).map_err(|source| Error::Json { path: schema, source })?;
        page.heading(&format!("`{chart}`"));
        page.table(["value", "type", "default", "meaning"], rows(chart, &schema, &values)?);
    }
    Ok(page.finish())
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn rows(chart: &'static str, schema: &Value, values: &Value) -> Result<Vec<[String; 4]>, Error> {
    let mut rows = Vec::new();
    add_rows(&Schema { chart, root: schema }, "", schema, values, &mut rows)?;
    Ok(rows)
}

struct Schema<'a> {
    chart: &'static str,
    root: &'a Value,
}

fn add_rows(schema: &Schema<'_>, name: &str, node: &Value, default: &Value, rows: &mut Vec<[String; 4]>) -> Result<(), Error> {
    let Some((members, properties)) = schema.group(node, default) else {
        let description = schema.member(node, "description").and_then(Value::as_str);
        let description = description.ok_or_else(|| Error::NoDescription { chart: schema.chart, value: name.to_owned() })?;
        rows.push([code(name), schema.type_of(node), code(&default.to_string()), description.to_owned()]);
        return Ok(());
    };
    for (member, default) in members {
        let name = if name.is_empty() { member.clone() } else { format!("{name}.{member}") };
        let node = properties.get(member).ok_or_else(|| Error::NoDescription { chart: schema.chart, value: name.clone() })?;
        add_rows(schema, &name, node, default, rows)?;
    }
    Ok(())
}

impl<'a> Schema<'a> {
    /// A member of the schema `node`, or of the definition that it refers to.
    fn member(&self, node: &'a Value, name: &str) -> Option<&'a Value> {
        let referred = || node.get("$ref").and_then(Value::as_str).and_then(|path| self.root.pointer(path.strip_prefix('#')?));
        node.get(name).or_else(|| referred()?.get(name))
    }

    /// The members of a value that is a group, and their schemas.
    fn group(&self, node: &'a Value, default: &'a Value) -> Option<(&'a Members, &'a Members)> {
        let properties = self.member(node, "properties")?.as_object()?;
        let described = properties.values().any(|member| self.is_described(member));
        described.then_some((default.as_object()?, properties))
    }

    /// Whether a value, or something in it, has a description.
    fn is_described(&self, node: &'a Value) -> bool {
        let members = || self.member(node, "properties").and_then(Value::as_object);
        self.member(node, "description").is_some()
            || members().is_some_and(|members| members.values().any(|member| self.is_described(member)))
    }

    /// What a value may be, in words.
    fn type_of(&self, node: &'a Value) -> String {
        if let Some(words) = self.member(node, "enum").and_then(Value::as_array) {
            return words.iter().map(|word| code(word.as_str().unwrap_or_default())).collect::<Vec<_>>().join(", ");
        }
        if let Some(choices) = self.member(node, "anyOf").and_then(Value::as_array) {
            return choices.iter().map(|choice| self.type_of(choice)).collect::<Vec<_>>().join(" or ");
        }
        let word = match self.member(node, "type") {
            Some(Value::String(word)) => word.clone(),
            Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
            _ => "any".to_owned(),
        };
        let bound = |name: &str| self.member(node, name).map(ToString::to_string);
        let items = || self.member(node, "items").map(|items| self.type_of(items));
        match (word.as_str(), bound("minimum"), bound("maximum")) {
            ("array", ..) => format!("list of {}", items().unwrap_or_else(|| "any".to_owned())),
            (_, Some(least), Some(most)) => format!("{word}, {least} to {most}"),
            (_, Some(least), None) => format!("{word}, at least {least}"),
            (_, None, Some(most)) => format!("{word}, at most {most}"),
            (_, None, None) => word,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_described_property_is_a_row_and_a_group_is_its_members() {
        let schema = json!({
            "definitions": {"count": {"type": "integer", "minimum": 1, "maximum": 9}, "level": {"enum": ["a", "b"], "description": "By reference."}},
            "properties": {"controller": {"properties": {
                "replicas": {"$ref": "#/definitions/count", "description": "How many."}, "level": {"$ref": "#/definitions/level"},
                "labels": {"type": "object", "description": "Labels."},
            }}},
        });
        let values = json!({"controller": {"replicas": 2, "level": "a", "labels": {}}});
        let row = |cells: [&str; 4]| cells.map(str::to_owned);
        assert_eq!(
            rows("x", &schema, &values).unwrap(),
            [
                row(["`controller.replicas`", "integer, 1 to 9", "`2`", "How many."]),
                row(["`controller.level`", "`a`, `b`", "`\"a\"`", "By reference."]),
                row(["`controller.labels`", "object", "`{}`", "Labels."]),
            ]
        );
    }

    #[test]
    fn a_value_without_description_is_named() {
        let schema = json!({"properties": {"controller": {"properties": {"replicas": {"type": "integer"}, "tag": {"description": "A tag."}}}}});
        let error = rows("x", &schema, &json!({"controller": {"replicas": 2, "tag": ""}})).unwrap_err();
        assert_eq!(error.to_string(), "chart x: values.schema.json has no description for the value controller.replicas");
        let error = rows("x", &schema, &json!({"web": ""})).unwrap_err();
        assert_eq!(error.to_string(), "chart x: values.schema.json has no description for the value web");
    }
}
