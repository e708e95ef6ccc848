//! The metrics that every service declares.

use crate::markdown::{Page, format_code};
use prometheus_client::metrics::MetricType;
use tars_kit::metrics::{MetricDeclaration, Registry};

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
        page.add_table(["metric", "type", "labels", "meaning"], build_rows(&metrics));
    }
    page.finish()
}

fn build_rows(metrics: &Registry) -> impl Iterator<Item = [String; 4]> {
    metrics.declarations().iter().map(|metric| {
        let name = format!("{}_{}{}", metrics.prefix(), metric.name, find_suffix(metric));
        let labels: Vec<_> = metric.labels.read().iter().map(|label| format_code(label)).collect();
        [format_code(&name), metric.kind.as_str().to_owned(), labels.join(", "), metric.help.to_owned()]
    })
}

/// The suffix that OpenMetrics adds to the name of a metric of this type.
fn find_suffix(metric: &MetricDeclaration) -> &'static str {
    match metric.kind {
        MetricType::Counter => "_total",
        MetricType::Info => "_info",
        MetricType::Gauge | MetricType::Histogram | MetricType::Unknown => "",
    }
}
