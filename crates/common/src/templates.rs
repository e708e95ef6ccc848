//! The walk from a template through its parents: template ─► parent ─► … ─► root, which names itself or nothing as its parent.
//!
//! Admission, the controller and the name service all use this one walk. Therefore the name service can follow every chain that
//! the controller reports as resolved.

/// Maximal number of templates in one chain, the first and the root included. The default templates form chains of two.
pub const LONGEST_CHAIN: usize = 32;

/// A reason why a chain of templates does not end in a root.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A template of the chain does not exist.
    #[error("template {name}{} does not exist; create it or name another one", child.as_ref().map(|child| format!(", the parent of {child},")).unwrap_or_default())]
    Missing {
        /// The template that does not exist.
        name: String,
        /// The template that names it as its parent; absent if it is the first of the chain.
        child: Option<String>,
    },
    /// The chain comes back to a template that it has passed already.
    #[error("templates form a cycle: {}; give one of them another parent, or itself if it needs none", path.join(" -> "))]
    Cycle {
        /// All names from the first template on; the last name is also an earlier one.
        path: Vec<String>,
    },
    /// The chain has more than [`LONGEST_CHAIN`] templates.
    #[error("the chain of parents of template {first} has more than {LONGEST_CHAIN} templates; shorten it")]
    TooLong {
        /// The template that the chain begins with.
        first: String,
    },
}

/// Follows the parents of the template `first` and returns the chain, with the name of each template, from `first` to the root.
///
/// `find` looks up a template by its name, and `parent` reads the name of a template's parent. A template without parent names
/// itself or has an empty parent.
pub fn walk_parents<T>(
    first: &str,
    mut find: impl FnMut(&str) -> Option<T>,
    parent: impl Fn(&T) -> &str,
) -> Result<Vec<(String, T)>, ChainError> {
    let mut chain: Vec<(String, T)> = Vec::new();
    let mut name = first.to_owned();
    loop {
        if chain.iter().any(|(earlier, _)| *earlier == name) {
            return Err(ChainError::Cycle { path: chain.into_iter().map(|(earlier, _)| earlier).chain([name]).collect() });
        }
        if chain.len() == LONGEST_CHAIN {
            return Err(ChainError::TooLong { first: first.to_owned() });
        }
        let Some(template) = find(&name) else {
            return Err(ChainError::Missing { name, child: chain.pop().map(|(child, _)| child) });
        };
        let next = parent(&template).to_owned();
        let is_root = next.is_empty() || next == name;
        chain.push((name, template));
        if is_root {
            return Ok(chain);
        }
        name = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Walks from `first` among templates that are given as (name, parent), and returns the names of the chain.
    fn walk(first: &str, templates: &[(&str, &str)]) -> Result<Vec<String>, ChainError> {
        let templates: BTreeMap<_, _> = templates.iter().copied().collect();
        let chain = walk_parents(first, |name| templates.get(name).copied(), |parent| parent)?;
        Ok(chain.into_iter().map(|(name, _)| name).collect())
    }

    #[test]
    fn a_chain_ends_at_a_template_that_names_itself_or_nothing() {
        assert_eq!(walk("a", &[("a", "b"), ("b", "c"), ("c", "c")]).unwrap(), ["a", "b", "c"]);
        assert_eq!(walk("a", &[("a", "b"), ("b", "")]).unwrap(), ["a", "b"]);
        assert_eq!(walk("a", &[("a", "a")]).unwrap(), ["a"]);
    }

    #[test]
    fn a_missing_template_is_named_with_its_child() {
        let error = walk("a", &[]).unwrap_err();
        assert_eq!(error.to_string(), "template a does not exist; create it or name another one");
        let error = walk("a", &[("a", "b"), ("b", "c")]).unwrap_err();
        assert_eq!(error, ChainError::Missing { name: "c".into(), child: Some("b".into()) });
        assert_eq!(error.to_string(), "template c, the parent of b, does not exist; create it or name another one");
    }

    #[test]
    fn a_cycle_is_shown_from_the_first_template_on() {
        let error = walk("a", &[("a", "b"), ("b", "c"), ("c", "b")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "templates form a cycle: a -> b -> c -> b; give one of them another parent, or itself if it needs none"
        );
    }

    #[test]
    fn a_chain_may_have_32_templates_and_no_more() {
        let names: Vec<_> = (0..=LONGEST_CHAIN).map(|i| format!("t{i}")).collect();
        let mut chain: Vec<_> = names.windows(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect();
        chain.push((&names[LONGEST_CHAIN], ""));
        assert_eq!(walk("t1", &chain).unwrap().len(), LONGEST_CHAIN);
        let error = walk("t0", &chain).unwrap_err();
        assert_eq!(error, ChainError::TooLong { first: "t0".into() });
        assert_eq!(error.to_string(), "the chain of parents of template t0 has more than 32 templates; shorten it");
    }
}
