//! Writes an error and its sources in one line.

/// Returns the text of an error and of its sources, separated by colons. A source whose text is already there is left out.
pub fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // The errors of kube contain the text of their source.
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        #[source]
        below: Option<Box<Layer>>,
    }

    #[test]
    fn every_cause_is_named_once() {
        let root = Layer { text: "connection refused", below: None };
        let middle = Layer { text: "list failed: connection refused", below: Some(root.into()) };
        let top = Layer { text: "watch failed", below: Some(middle.into()) };
        assert_eq!(with_sources(&top), "watch failed: list failed: connection refused");
    }
}
