//! The rules of the schemas that have a name (docs/reference/resources.md#3).
//!
//! Regular expressions are in the syntax of RE2, which the API server uses. The `regex` crate reads the same syntax, so tests use them,
//! too.
//!
//! Rules in CEL are the second line behind the webhook (docs/reference/resources.md#3.7). They carry the texts of the webhook. A stored
//! object that breaks one of them can still be updated.

use crate::names::{SERVER_NAME_LIMIT, TREE, message};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// Application and server names: a letter, then letters and digits.
pub const IDENT: &str = "^[A-Za-z][0-9A-Za-z]*$";
/// [`IDENT`] or empty.
pub const IDENT0: &str = "^([A-Za-z][0-9A-Za-z]*)?$";
/// Names of servants (Tars objects): an identifier of at most 63 characters.
pub const SERVANT: &str = "^[A-Za-z][0-9A-Za-z]{0,62}$";
/// Lower-case names with inner dashes, for example names of ports.
pub const LOWERNAME: &str = "^([0-9a-z][-0-9a-z]*)?[0-9a-z]$";
/// DNS subdomains: lower-case names with inner dashes, joined by dots.
pub const DNSSUB: &str = r"^([0-9a-z][-0-9a-z]*)?[0-9a-z](\.([0-9a-z][-0-9a-z]*)?[0-9a-z])*$";
/// [`DNSSUB`] or empty.
pub const DNSSUB0: &str = r"^(([0-9a-z][-0-9a-z]*)?[0-9a-z](\.([0-9a-z][-0-9a-z]*)?[0-9a-z])*)?$";
/// Names of pull secrets; may be empty.
pub const SECRET0: &str = r"^([0-9a-z][-0-9a-z]*)?[0-9a-z]?(\.([0-9a-z][-0-9a-z]*)?[0-9a-z])*$";
/// Names of environment variables, and what precedes the names of several: printable ASCII without `=`, like in core Kubernetes.
pub const ENVNAME: &str = r"^[\x20-\x3C\x3E-\x7E]+$";
/// Letters and digits of either case with inner dashes.
pub const DASHNAME: &str = "^([0-9A-Za-z][-0-9A-Za-z]*)?[0-9A-Za-z]$";
/// Keys of ConfigMaps and Secrets, like in core Kubernetes.
pub const DATAKEY: &str = "^[-._0-9A-Za-z]{1,253}$";
/// Paths from the root on.
pub const ABSOLUTE: &str = "^/";
/// Names of HTTP headers.
pub const HEADER: &str = "^[-0-9A-Za-z]+$";
/// Values of labels; may be empty.
pub const LABELVAL: &str = "^([0-9A-Za-z][-_.0-9A-Za-z]*)?[0-9A-Za-z]?$";
/// Keys of labels, with or without prefix.
pub const LABELKEY: &str = r"^([0-9A-Za-z][-._0-9A-Za-z]*[0-9A-Za-z]\/)?([0-9A-Za-z][-._0-9A-Za-z]*)?[0-9A-Za-z]$";
/// Quantities, for example `500m` and `1Gi`.
pub const QUANTITY: &str = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$";
/// Release ids.
pub const RELID: &str = "^([0-9A-Za-z][-_.0-9A-Za-z]*)?[0-9A-Za-z]$";
/// Image references and registry prefixes; may be empty. The existing schemas admit only `- . / 0-9 : a-z`. This rule also admits upper
/// case, `_` and `@`, so that every legal reference fits, digests included (docs/reference/resources.md#3.2).
pub const IMAGE: &str = r"^[\x2D-\x3A\x40-\x5A\x5F\x61-\x7A]*$";
/// File names of configurations.
pub const CFGNAME: &str = "^([0-9A-Za-z][-._0-9A-Za-z]*)?[0-9A-Za-z]$";
/// `m`, or the ordinal of a pod, 0 to 99.
pub const PODSEQ: &str = "^(m|0|[1-9][0-9]?)$";
/// User and group ids in decimal digits, below a million.
pub const UIDGID: &str = "^(0|[1-9][0-9]{0,5})$";
/// Mount names of v1beta1.
pub const MOUNT1: &str = "^[A-Za-z][-0-9A-Za-z]{1,47}$";
/// Names of businesses: 2 to 32 printable ASCII or Han characters.
pub const BIZ: &str = r"^[\x21-\x7e\p{Han}]{2,32}$";
/// [`BIZ`] or empty.
pub const BIZ0: &str = r"^(|[\x21-\x7e\p{Han}]{2,32})$";
/// Printable ASCII or Han characters; may be empty.
pub const PRINTHAN: &str = r"^[\x21-\x7e\p{Han}]*$";
/// Printable ASCII characters; may be empty.
pub const PRINT: &str = r"^[\x21-\x7e]*$";

/// Maximal number of characters in the content of a TConfig or TTemplate.
pub const CONTENT_LIMIT: usize = 1_560_000;

/// Builds the schema of a map of label values.
pub(crate) fn build_label_map(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": { "type": "string", "pattern": LABELVAL, "maxLength": 63 },
    })
}

/// Builds the schema of an RFC 3339 time.
pub(crate) fn build_time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time" })
}

/// Builds the schema of a port that is given by its number, or by the name of a servant or port.
pub(crate) fn build_port_or_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "minimum": 1, "maximum": 65535,
        "pattern": DASHNAME, "maxLength": 63,
    })
}

/// Builds the schema of a list of conditions. Server-side apply merges them by their type. One manager owns a condition as a whole: nobody
/// shares one, and a status is cheaper for the API server if it need not note an owner for each field.
pub(crate) fn build_conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "x-kubernetes-map-type": "atomic",
            "required": ["lastTransitionTime", "message", "reason", "status", "type"],
            "properties": {
                "lastTransitionTime": { "type": "string", "format": "date-time", "description": "Time of the last change of the status." },
                "message": { "type": "string", "maxLength": 32768, "description": "Explanation for people." },
                "observedGeneration": { "type": "integer", "minimum": 0, "description": "Generation of the object that the condition describes." },
                "reason": { "type": "string", "minLength": 1, "maxLength": 1024, "description": "Reason of the status in one CamelCase word." },
                "status": { "type": "string", "enum": ["True", "False", "Unknown"], "description": "Whether the condition is fulfilled." },
                "type": { "type": "string", "minLength": 1, "maxLength": 316, "description": "Type of the condition." },
            },
        },
    })
}

/// Builds the rule that the field never changes. For a field that every stored object has.
pub(crate) fn forbid_change(kind: &str, field: &str) -> Value {
    json!([{"rule": "self == oldSelf", "message": message::immutable(kind, field)}])
}

/// Builds the rules that optional members of the object never change, come or go. `members` are names, each with the spelling of the kind
/// in its message.
pub(crate) fn forbid_changes(members: &[(&str, &str)]) -> Value {
    let rules = members.iter().map(|(name, kind)| {
        let rule = format!("has(self.{name}) ? has(oldSelf.{name}) && self.{name} == oldSelf.{name} : !has(oldSelf.{name})");
        json!({"rule": rule, "message": message::immutable(kind, &format!("/{name}"))})
    });
    rules.collect()
}

/// Builds the rules that a TServer never gets the block that it was created without.
pub(crate) fn forbid_other_block() -> Value {
    let rules = ["tars", "normal"].map(|name| {
        let rule = format!("has(oldSelf.{name}) || !has(self.{name})");
        json!({"rule": rule, "message": message::immutable("tserver", &format!(".spec.{name}"))})
    });
    rules.into_iter().collect()
}

/// Builds the rules for the name of a new TServer.
pub(crate) fn demand_server_name() -> Value {
    let name = "self.metadata.name == self.spec.app.lowerAscii() + '-' + self.spec.server.lowerAscii()";
    let length = format!("size(self.metadata.name) <= {SERVER_NAME_LIMIT}");
    let too_long = format!("length of resource name should less then {}", SERVER_NAME_LIMIT + 1);
    json!([
        demand_of_new(name, &message::invalid("tserver", "unexpected resource name")),
        demand_of_new(&length, &message::invalid("tserver", too_long)),
    ])
}

/// Builds the rule for the name of a new TTree.
pub(crate) fn demand_tree_name() -> Value {
    json!([demand_of_new(&format!("self.metadata.name == '{TREE}'"), "create ttree operation is defined")])
}

/// Builds a rule that is checked at creation only. An object that was stored without the rule can be updated.
fn demand_of_new(rule: &str, message: &str) -> Value {
    json!({"rule": format!("oldSelf.hasValue() || {rule}"), "optionalOldSelf": true, "message": message})
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    #[test]
    fn images_admit_every_legal_reference() {
        let image = Regex::new(IMAGE).unwrap();
        let digest = format!("Registry.example:5000/a_b/c-d.e@sha256:{}", "0123456789abcdef".repeat(4));
        for good in ["", "repo/name:tag", "repo/name:V1_2.RC-3", &digest] {
            assert!(image.is_match(good), "{good}");
        }
        for bad in [" ", "a b", "a,b", "a+b", "a\\b", "镜像", "a[b", "a`b"] {
            assert!(!image.is_match(bad), "{bad}");
        }
    }
}
