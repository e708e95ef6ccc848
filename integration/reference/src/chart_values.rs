//! The values of the charts: names and defaults from `values.yaml`, types and meanings from `values.schema.json`.
//!
//! A property of the schema whose members have descriptions is a group, and each member is a row. Every other property is a row itself, and
//! must have a description. So must every value of `values.yaml`.

use crate::markdown::{Page, format_code};
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

/// Builds the page about the charts below `root`.
pub fn build_page(root: &Path) -> Result<String, Error> {
    let introduction = "A value that is not in these tables is refused by the chart's `values.schema.json`, with its name.";
    let mut page = Page::new("Values of the charts", introduction);
    for chart in CHARTS {
        let folder = root.join("helm").join(chart);
        let (values, schema) = (folder.join("values.yaml"), folder.join("values.schema.json"));
        let values: Value =
            serde_saphyr::from_str(&read(&values)?).map_err(|source| Error::Yaml { path: values, source: Box::new(source) })?;
        let schema: Value = serde_json::from_str(&read(&schema)?).map_err(|source| Error::Json { path: schema, source })?;
        page.add_heading(&format!("`{chart}`"));
        page.add_table(["value", "type", "default", "meaning"], build_rows(chart, &schema, &values)?);
    }
    Ok(page.finish())
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn build_rows(chart: &'static str, schema: &Value, values: &Value) -> Result<Vec<[String; 4]>, Error> {
    let mut rows = Vec::new();
    add_rows(&Schema { chart, root: schema }, "", schema, values, &mut rows)?;
    Ok(rows)
}

struct Schema<'a> {
    chart: &'static str,
    root: &'a Value,
}

fn add_rows(schema: &Schema<'_>, name: &str, node: &Value, default: &Value, rows: &mut Vec<[String; 4]>) -> Result<(), Error> {
    let Some((members, properties)) = schema.find_group(node, default) else {
        let description = schema.find_member(node, "description").and_then(Value::as_str);
        let description = description.ok_or_else(|| Error::NoDescription { chart: schema.chart, value: name.to_owned() })?;
        rows.push([format_code(name), schema.describe_type(node), format_code(&default.to_string()), description.to_owned()]);
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
    /// Finds a member of the schema `node`, or of the definition that it refers to.
    fn find_member(&self, node: &'a Value, name: &str) -> Option<&'a Value> {
        let referred = || node.get("$ref").and_then(Value::as_str).and_then(|path| self.root.pointer(path.strip_prefix('#')?));
        node.get(name).or_else(|| referred()?.get(name))
    }

    /// Finds the members of a value and their schemas. `None` if the value is not a group.
    fn find_group(&self, node: &'a Value, default: &'a Value) -> Option<(&'a Members, &'a Members)> {
        let properties = self.find_member(node, "properties")?.as_object()?;
        let described = properties.values().any(|member| self.is_described(member));
        described.then_some((default.as_object()?, properties))
    }

    /// Whether a value, or something in it, has a description.
    fn is_described(&self, node: &'a Value) -> bool {
        let members = || self.find_member(node, "properties").and_then(Value::as_object);
        self.find_member(node, "description").is_some()
            || members().is_some_and(|members| members.values().any(|member| self.is_described(member)))
    }

    /// Describes the values that are allowed.
    fn describe_type(&self, node: &'a Value) -> String {
        if let Some(words) = self.find_member(node, "enum").and_then(Value::as_array) {
            return words.iter().map(|word| format_code(word.as_str().unwrap_or_default())).collect::<Vec<_>>().join(", ");
        }
        if let Some(choices) = self.find_member(node, "anyOf").and_then(Value::as_array) {
            return choices.iter().map(|choice| self.describe_type(choice)).collect::<Vec<_>>().join(" or ");
        }
        let word = match self.find_member(node, "type") {
            Some(Value::String(word)) => word.clone(),
            Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
            _ => "any".to_owned(),
        };
        let bound = |name: &str| self.find_member(node, name).map(ToString::to_string);
        let items = || self.find_member(node, "items").map(|items| self.describe_type(items));
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
            build_rows("x", &schema, &values).unwrap(),
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
        let error = build_rows("x", &schema, &json!({"controller": {"replicas": 2, "tag": ""}})).unwrap_err();
        assert_eq!(error.to_string(), "chart x: values.schema.json has no description for the value controller.replicas");
        let error = build_rows("x", &schema, &json!({"web": ""})).unwrap_err();
        assert_eq!(error.to_string(), "chart x: values.schema.json has no description for the value web");
    }
}
