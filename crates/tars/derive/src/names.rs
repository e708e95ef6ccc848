//! Makes names of the interface definition from Rust names.

/// Turns `active_ep` into `activeEp`. A raw identifier loses its prefix `r#`.
pub fn to_lower_camel(name: &str) -> String {
    let name = name.strip_prefix("r#").unwrap_or(name);
    let mut camel = String::with_capacity(name.len());
    let mut upper = false;
    for letter in name.chars() {
        if letter == '_' {
            upper = !camel.is_empty();
        } else if upper {
            camel.extend(letter.to_uppercase());
            upper = false;
        } else {
            camel.push(letter);
        }
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::to_lower_camel;

    #[test]
    fn names_of_the_definition() {
        for (rust, idl) in
            [("active_ep", "activeEp"), ("host", "host"), ("r#type", "type"), ("find_object_by_id_4_all", "findObjectById4All")]
        {
            assert_eq!(to_lower_camel(rust), idl, "{rust}");
        }
    }
}
