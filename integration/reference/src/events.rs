//! The Kubernetes Events that every service declares.

use crate::markdown::{Page, format_code};
use tars_kit::events::EventDeclaration;

/// Builds the page of all Events.
pub fn build_page() -> String {
    let introduction = "`kubectl describe` shows the Events of an object. An Event repeats the news only: the state itself is in the \
                        [conditions](conditions.md) of the TServer.";
    let mut page = Page::new("Events", introduction);
    for (name, events) in [("tarscontroller", controller::declare_events()), ("tarsagent", tarsagent::declare_events())] {
        page.add_heading(&format!("`{name}`"));
        page.add_table(["reason", "on", "type", "meaning"], events.iter().map(build_row));
    }
    page.finish()
}

fn build_row(event: &EventDeclaration) -> [String; 4] {
    [format_code(event.reason), event.object.to_owned(), event.severity.to_owned(), event.meaning.to_owned()]
}
