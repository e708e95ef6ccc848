use super::*;
use crate::{sample::Choice, table::RULES};
use proptest::prelude::*;
use regex::Regex;

fn table() -> Table {
    Table::parse(RULES).unwrap()
}

/// Whether `whole` contains all of `part`. A number equals its text, as in quantities.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part.iter().all(|(name, part)| match whole.get(name) {
            Some(whole) => contains(whole, part),
            // An empty list may be absent.
            None => part.as_array().is_some_and(Vec::is_empty),
        }),
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| contains(whole, part))
        }
        (Value::String(text), Value::Number(number)) => *text == number.to_string(),
        (whole, part) => whole == part,
    }
}

#[test]
fn patterns_admit_their_good_examples_and_no_bad_ones() {
    let table = table();
    for (name, regex) in &table.patterns {
        let regex = Regex::new(regex).unwrap();
        let (good, bad) = (&table.good[name], &table.bad[name]);
        assert!(good.len() > 1 && bad.len() > 1, "{name}");
        assert_eq!(good.iter().find(|text| !regex.is_match(text)), None, "{name}");
        assert_eq!(bad.iter().find(|text| regex.is_match(text)), None, "{name}");
    }
}

#[test]
fn every_rule_is_tried() {
    let table = table();
    assert_eq!(find_untried(&table, &build_all(&table)), Vec::<String>::new());
}

/// The types read and write every accepted object without loss.
#[test]
fn accepted_objects_pass_through_the_types() {
    for case in build_all(&table()) {
        let Case { kind, version, path, rule, object, verdict } = case;
        if matches!(verdict, Verdict::Refused { .. }) {
            continue;
        }
        let context = format!("{kind} {version:?} {path} {rule}");
        let (encoded, same) = recode(&kind, version, &object).unwrap().unwrap_or_else(|error| panic!("{context}: {error}"));
        assert!(same, "{context}: {encoded}");
        assert!(contains(&encoded, &object), "{context}: {object} became {encoded}");
        assert_eq!(encoded["apiVersion"], format!("k8s.tars.io/{}", version.as_str()));
        assert_eq!(encoded["kind"], kind);
        // The defaults of Rust are equal to those of the schema.
        if let Verdict::Defaulted { pointer, value } = verdict {
            // An empty text may be absent after encoding.
            let found = encoded.pointer(&pointer).unwrap_or(&Value::String(String::new())).clone();
            assert!(contains(&found, &value), "{context}: {found} is not {value}");
        }
    }
}

/// Go clients write `null` for an unset list or map.
#[test]
fn null_lists_are_empty() {
    let table = table();
    for case in build_all(&table) {
        if case.rule != "present" {
            continue;
        }
        let rule = &table.kinds[&(case.kind.clone(), case.version)][&case.path];
        let listed = rule.type_.ends_with("[]") || rule.type_.starts_with("map of ");
        // The API server refuses `null` for a required list without default, so the types may refuse it, too.
        if listed && !(rule.required && rule.default.is_empty()) {
            let mut object = case.object.clone();
            *object.pointer_mut(&write_pointer(&case.path)).unwrap() = Value::Null;
            let (_, same) = recode(&case.kind, case.version, &object).unwrap().unwrap();
            assert!(same, "{} {}", case.kind, case.path);
        }
    }
}

/// Takes decisions from a list of numbers, again and again.
struct Dice(Vec<u8>, usize);

impl Choice for Dice {
    fn optional(&mut self, _: &str) -> bool {
        self.pick(2) == 0
    }

    fn pick(&mut self, count: usize) -> usize {
        self.1 += 1;
        usize::from(self.0[self.1 % self.0.len()]) % count
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Decoding and encoding do not change an object that the rules allow.
    #[test]
    fn objects_survive_the_types(numbers in proptest::collection::vec(any::<u8>(), 1..200)) {
        let table = table();
        for ((kind, version), rules) in &table.kinds {
            let choice = Dice(numbers.clone(), 0);
            let object = Sample { table: &table, rules, choice, target: "", special: Special::Present }.build();
            let (encoded, same) = recode(kind, *version, &object).unwrap().unwrap();
            prop_assert!(same, "{} {}", kind, encoded);
            prop_assert!(contains(&encoded, &object), "{} became {}", object, encoded);
        }
    }
}
