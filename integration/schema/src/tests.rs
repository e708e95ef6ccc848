//! The table and the schemas say the same.

use crate::table::{RULES, Table};
use std::collections::BTreeSet;
use tars_common::{
    crd::{CrdOptions, build_all},
    version::Version,
};

/// Every rule of the table is in the schema, and the schema has no other rule.
#[test]
fn schemas_say_what_the_table_says() {
    let table = Table::parse(RULES).unwrap();
    let mut differences = Vec::new();
    let mut seen = BTreeSet::new();
    for definition in build_all(&CrdOptions::default()) {
        for version in &definition.spec.versions {
            let number = Version::ALL.into_iter().find(|known| known.as_str() == version.name).unwrap();
            let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref()).unwrap();
            let key = (definition.spec.names.kind.clone(), number);
            let (wanted, found) = (&table.kinds[&key], table.describe(schema));
            for path in wanted.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
                if wanted.get(path) != found.get(path) {
                    differences.push(format!("{key:?} {path}:\n  table  {:?}\n  schema {:?}", wanted.get(path), found.get(path)));
                }
            }
            seen.insert(key);
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(seen, table.kinds.into_keys().collect::<BTreeSet<_>>());
}
