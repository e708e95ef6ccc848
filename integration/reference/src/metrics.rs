//! The metrics that every service declares.

use crate::markdown::Page;

/// Builds the page of all services.
pub fn build_page() -> String {
    let introduction = "Each service serves its metrics in the OpenMetrics text format on port 9445 at `/metrics`. Label values come from closed \
                        sets, never from names of objects. A histogram has the series `_bucket`, `_sum` and `_count`.";
    let mut page = Page::new("Metrics", introduction);
    let services = [
        ("tarscontroller", controller::run::declare_metrics()),
        ("tarswebhook", tarswebhook::declare_metrics()),
        ("tarsagent", tarsagent::declare_metrics()),
        ("tarsregistry", tarsregistry::metrics::declare_metrics()),
    ];
    for (name, metrics) in services {
        page.add_heading(&format!("`{name}`"));
        page.add_paragraph(metrics.table().trim_end());
    }
    page.finish()
}
