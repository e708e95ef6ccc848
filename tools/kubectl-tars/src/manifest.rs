//! Reads manifests from files, and remembers the line of each member.

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;
use std::{
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// The greatest size of one file. No cluster stores an object of more than 1.5 MiB.
const MOST_BYTES: u64 = 32 << 20;
/// The endings of files that are read from a folder.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
/// The file name that stands for standard input.
const STDIN: &str = "-";

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file or folder cannot be opened.
    #[error("cannot read {}", path.display())]
    File {
        /// The path as given.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file is too long.
    #[error("{} has more than {} MiB, which no object needs", path.display(), MOST_BYTES >> 20)]
    Long {
        /// The path as given.
        path: PathBuf,
    },
    /// A folder has no manifest.
    #[error("{} has no file that ends in .yaml, .yml or .json; -R also looks in the folders below", path.display())]
    Empty {
        /// The path as given.
        path: PathBuf,
    },
}

/// A text with manifests.
pub struct Source {
    /// The path as it is shown.
    pub name: String,
    /// The text.
    pub text: String,
}

/// An object of a file.
#[derive(Debug)]
pub struct Located {
    /// The object.
    pub value: Value,
    /// The line of its beginning, from 1.
    pub line: u64,
    members: Members,
}

/// Reads the files at `paths`, and the manifests in folders, in the order of their names.
pub fn read_sources(paths: &[PathBuf], recursive: bool) -> Result<Vec<Source>, ReadError> {
    let mut sources = Vec::new();
    for path in paths {
        if path.as_os_str() == STDIN {
            sources.push(Source { name: "stdin".to_owned(), text: read_text(io::stdin(), path)? });
        } else if path.is_dir() {
            let mut files = Vec::new();
            list_files(path, recursive, &mut files)?;
            if files.is_empty() {
                return Err(ReadError::Empty { path: path.clone() });
            }
            for file in files {
                sources.push(read_file(&file)?);
            }
        } else {
            sources.push(read_file(path)?);
        }
    }
    Ok(sources)
}

fn list_files(folder: &Path, recursive: bool, files: &mut Vec<PathBuf>) -> Result<(), ReadError> {
    let fail = |source| ReadError::File { path: folder.to_owned(), source };
    let entries = fs::read_dir(folder).map_err(fail)?.collect::<Result<Vec<_>, _>>().map_err(fail)?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        // A link to a folder above would never end.
        if path.is_dir() && !path.is_symlink() {
            if recursive {
                list_files(&path, recursive, files)?;
            }
        } else if path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known)) {
            files.push(path);
        }
    }
    Ok(())
}

fn read_file(path: &Path) -> Result<Source, ReadError> {
    let file = fs::File::open(path).map_err(|source| ReadError::File { path: path.to_owned(), source })?;
    Ok(Source { name: path.display().to_string(), text: read_text(file, path)? })
}

fn read_text(from: impl Read, path: &Path) -> Result<String, ReadError> {
    let mut text = String::new();
    let read = from.take(MOST_BYTES + 1).read_to_string(&mut text);
    let length = read.map_err(|source| ReadError::File { path: path.to_owned(), source })?;
    if length as u64 > MOST_BYTES { Err(ReadError::Long { path: path.to_owned() }) } else { Ok(text) }
}

/// A text that is not YAML.
#[derive(Debug)]
pub struct ParseFault {
    /// The line, from 1.
    pub line: u64,
    /// The problem.
    pub problem: String,
    /// Advice to the author.
    pub remedy: String,
}

/// Reads the documents of a text. A list of objects (`kind: List`) becomes its items. Empty documents are left out.
pub fn parse(text: &str) -> Result<Vec<Located>, ParseFault> {
    let documents: Vec<Spanned<Node>> = serde_saphyr::from_multiple(text).map_err(|error| describe_fault(text, &error))?;
    let mut objects = Vec::new();
    for Spanned { value: node, referenced, .. } in documents {
        add_objects(node, referenced.line(), &mut objects);
    }
    Ok(objects)
}

fn add_objects(node: Node, line: u64, objects: &mut Vec<Located>) {
    let is_list = node.value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match (node.value, node.members) {
        (Value::Null, _) => {}
        (Value::Object(mut object), Members::Map(members)) if is_list && object.get("items").is_some_and(Value::is_array) => {
            let items = object.remove("items").and_then(|items| if let Value::Array(items) = items { Some(items) } else { None });
            let lines = members.into_iter().find(|(name, ..)| name == "items").map(|(.., members)| members);
            let Some(Members::List(lines)) = lines else { return };
            for (value, (line, members)) in items.unwrap_or_default().into_iter().zip(lines) {
                objects.push(Located { value, line, members });
            }
        }
        (value, members) => objects.push(Located { value, line, members }),
    }
}

fn describe_fault(text: &str, error: &serde_saphyr::Error) -> ParseFault {
    let line = error.location().map_or(1, |location| location.line());
    let remedy = if text.contains("{{") {
        "render a template of Helm first: helm template … | kubectl tars lint -f -"
    } else {
        "correct this line"
    };
    // The first line of the text is the problem. The others show the place, which the caller names.
    let said = error.to_string();
    let said = said.lines().next().unwrap_or_default().trim_start_matches("error: ");
    // The library advises its callers, not the author of the text.
    let said = said.split_once(", set DuplicateKeyPolicy").map_or(said, |(said, _)| said);
    let problem = format!("the text is not YAML: {said}");
    ParseFault { line, problem, remedy: remedy.to_owned() }
}

impl Located {
    /// The line of the member at `field`, such as `spec.k8s.mounts[0].name`, or of the nearest member above it that the text has.
    pub fn find_line(&self, field: &str) -> u64 {
        find_line(&self.members, field, self.line)
    }
}

fn find_line(members: &Members, field: &str, line: u64) -> u64 {
    let field = field.trim_start_matches('.');
    match members {
        Members::Map(entries) => {
            // The key of a label or an annotation stands in brackets.
            let fits = |name: &str| match field.strip_prefix('[') {
                Some(key) => key.strip_prefix(name)?.strip_prefix(']'),
                None => field.strip_prefix(name).filter(|rest| rest.is_empty() || rest.starts_with(['.', '['])),
            };
            let found = entries.iter().filter_map(|(name, line, inner)| Some((name.len(), fits(name)?, *line, inner)));
            found.max_by_key(|(length, ..)| *length).map_or(line, |(_, rest, line, inner)| find_line(inner, rest, line))
        }
        Members::List(entries) => {
            let index = field.strip_prefix('[').and_then(|rest| rest.split_once(']'));
            let entry = index.and_then(|(index, rest)| Some((entries.get(index.parse::<usize>().ok()?)?, rest)));
            entry.map_or(line, |((line, inner), rest)| find_line(inner, rest, *line))
        }
        Members::None => line,
    }
}

/// The lines of the members of a value.
#[derive(Debug, Default)]
enum Members {
    #[default]
    None,
    Map(Vec<(String, u64, Members)>),
    List(Vec<(u64, Members)>),
}

/// A value with the lines of its members.
#[derive(Debug, Default)]
struct Node {
    value: Value,
    members: Members,
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl NodeVisitor {
    fn scalar(value: impl Into<Value>) -> Node {
        Node { value: value.into(), members: Members::None }
    }
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value of YAML")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::default())
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Self::scalar(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Self::scalar(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Self::scalar(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("JSON has no such number"))?;
        Ok(Self::scalar(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Self::scalar(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let (mut values, mut members) = (Vec::new(), Vec::new());
        while let Some(Spanned { value: node, referenced, .. }) = list.next_element::<Spanned<Node>>()? {
            values.push(node.value);
            members.push((referenced.line(), node.members));
        }
        Ok(Node { value: Value::Array(values), members: Members::List(members) })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let (mut values, mut members) = (Map::new(), Vec::new());
        while let Some(Spanned { value: name, referenced, .. }) = map.next_key::<Spanned<String>>()? {
            let node: Node = map.next_value()?;
            if values.insert(name.clone(), node.value).is_some() {
                return Err(A::Error::custom(format!("the key {name:?} occurs twice")));
            }
            members.push((name, referenced.line(), node.members));
        }
        Ok(Node { value: Value::Object(values), members: Members::Map(members) })
    }
}

#[cfg(test)]
mod tests;
