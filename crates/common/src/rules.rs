//! The named rules of the schema, each written once (docs/reference/resources.md#3).
//!
//! Regular expressions are in RE2 syntax as given to the API server; the `regex` crate reads the same text, so [`crate::admission`]
//! and tests can use them too.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Application and server names: a letter, then letters and digits.
pub const IDENT: &str = "^[A-Za-z][0-9A-Za-z]*$";
/// [`IDENT`] or empty.
pub const IDENT0: &str = "^([A-Za-z][0-9A-Za-z]*)?$";
/// Names of servants (Tars objects): an identifier of at most 63 characters.
pub const SERVANT: &str = "^[A-Za-z][0-9A-Za-z]{0,62}$";
/// Lower-case names with inner dashes, as ports have them.
pub const LOWERNAME: &str = "^([0-9a-z][-0-9a-z]*)?[0-9a-z]$";
/// Lower-case names with inner dashes joined by dots (a DNS subdomain).
pub const DNSSUB: &str = r"^([0-9a-z][-0-9a-z]*)?[0-9a-z](\.([0-9a-z][-0-9a-z]*)?[0-9a-z])*$";
/// Names of pull secrets; may be empty.
pub const SECRET0: &str = r"^([0-9a-z][-0-9a-z]*)?[0-9a-z]?(\.([0-9a-z][-0-9a-z]*)?[0-9a-z])*$";
/// Names of environment variables.
pub const ENVNAME: &str = "^[-._0-9A-Za-z]{1,63}$";
/// Letters and digits of either case with inner dashes.
pub const DASHNAME: &str = "^([0-9A-Za-z][-0-9A-Za-z]*)?[0-9A-Za-z]$";
/// Prefixes of environment variables.
pub const ENVPREFIX: &str = "^[A-Za-z][_0-9A-Za-z]*$";
/// Keys of ConfigMaps and Secrets, as core Kubernetes has them.
pub const DATAKEY: &str = "^[-._0-9A-Za-z]{1,253}$";
/// Names of HTTP headers.
pub const HEADER: &str = "^[-0-9A-Za-z]+$";
/// Values of labels; may be empty.
pub const LABELVAL: &str = "^([0-9A-Za-z][-_.0-9A-Za-z]*)?[0-9A-Za-z]?$";
/// Keys of labels, with or without prefix.
pub const LABELKEY: &str = r"^([0-9A-Za-z][-._0-9A-Za-z]*[0-9A-Za-z]\/)?([0-9A-Za-z][-._0-9A-Za-z]*)?[0-9A-Za-z]$";
/// Quantities of resources.
pub const QUANTITY: &str = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$";
/// Release ids.
pub const RELID: &str = "^([0-9A-Za-z][-_.0-9A-Za-z]*)?[0-9A-Za-z]$";
/// Image references and registry prefixes; may be empty. The existing schema admits only `- . / 0-9 : a-z`; this one also admits
/// upper case, `_` and `@`, so that every legal reference fits, digests included (weakness 4 of the spec).
pub const IMAGE: &str = r"^[\x2D-\x3A\x40-\x5A\x5F\x61-\x7A]*$";
/// File names of configurations.
pub const CFGNAME: &str = "^([0-9A-Za-z][-._0-9A-Za-z]*)?[0-9A-Za-z]$";
/// `m`, or the ordinal of a pod below 100.
pub const PODSEQ: &str = "^(m|0|[1-9][0-9]?)$";
/// User and group ids as decimal text below a million.
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

/// Most characters of the content of a TConfig or TTemplate.
pub const CONTENT_LIMIT: usize = 1_560_000;

/// Schema of a map of label values.
pub(crate) fn label_map(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": { "type": "string", "pattern": LABELVAL, "maxLength": 63 },
    })
}

/// Schema of an RFC 3339 time.
pub(crate) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time" })
}

/// Schema of a port that is given by its number, or by the name of a servant or port.
pub(crate) fn port_or_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "minimum": 1, "maximum": 65535,
        "pattern": DASHNAME, "maxLength": 63,
    })
}

/// Schema of a list of conditions that server-side apply merges by their type.
pub(crate) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["lastTransitionTime", "message", "reason", "status", "type"],
            "properties": {
                "lastTransitionTime": { "type": "string", "format": "date-time", "description": "When the status last changed." },
                "message": { "type": "string", "maxLength": 32768, "description": "What a person should know." },
                "observedGeneration": { "type": "integer", "minimum": 0, "description": "Generation of the object this was said of." },
                "reason": { "type": "string", "minLength": 1, "maxLength": 1024, "description": "The cause in one CamelCase word." },
                "status": { "type": "string", "enum": ["True", "False", "Unknown"], "description": "Whether the condition holds." },
                "type": { "type": "string", "minLength": 1, "maxLength": 316, "description": "What the condition is about." },
            },
        },
    })
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
