//! The Kubernetes Events that every service declares.

use crate::markdown::{Page, code};
use tars_kit::events::Declaration;

/// The page of all Events.
pub fn page() -> String {
    let introduction = "`kubectl describe` shows the Events of an object. An Event repeats the news only: the state itself is in the \
                        [conditions](conditions.md) of the TServer.";
    let mut page = Page::new("Events", introduction);
    for (name, events) in [("tarscontroller", controller::declare_events()), ("tarsagent", tarsagent::declare_events())] {
        page.heading(&format!("`{name}`"));
        page.table(["reason", "on", "type", "meaning"], events.iter().map(row));
    }
    page.finish()
}

fn row(event: &Declaration) -> [String; 4] {
    [code(event.reason), event.object.to_owned(), event.severity.to_owned(), event.meaning.to_owned()]
}
