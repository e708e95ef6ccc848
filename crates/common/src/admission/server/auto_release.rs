//! TServer: the release that a TServer without one gets from a TImage, where its author asks for that
//! (docs/reference/admission.md#5.1.6).

use crate::{
    admission::{
        facts::Facts,
        facts::Query,
        json,
        request::{Operation, Request},
    },
    names::annotation::AUTO_RELEASE,
};
use serde_json::{Map, Value};

/// The kinds of servers of the application `DCache`. The name of such a server has a prefix, and all servers of a kind share an image.
const DCACHE_KINDS: [&str; 5] = ["ProxyServer", "RouterServer", "TCacheServer", "MKVCacheServer", "DBAccessServer"];

/// Asks for the image of a server that wants a release and has none.
pub(super) fn find_query(request: &Request<'_>) -> Option<Query> {
    let object = request.object;
    let asks = json::annotation(object, AUTO_RELEASE).is_some_and(|value| value != "false");
    if request.operation == Operation::Delete || !asks || json::has(object, "/spec/release") {
        return None;
    }
    let (app, server) = (json::text(object, "/spec/app"), json::text(object, "/spec/server"));
    Some(Query::Image { app: app.to_owned(), server: name_image(app, server).to_owned() })
}

/// The server name in the labels of the TImage.
fn name_image<'a>(app: &str, server: &'a str) -> &'a str {
    if app != "DCache" {
        return server;
    }
    let found = DCACHE_KINDS.iter().filter_map(|kind| Some((server.rfind(kind)?, kind.len())));
    found.max().map_or(server, |(start, length)| &server[start..start + length])
}

/// Sets the release that was found. The time comes with the other defaults of a release.
pub(super) fn set_release(request: &Request<'_>, facts: &Facts, object: &mut Value) {
    let Some(found) = facts.image_release.as_ref().filter(|_| find_query(request).is_some()) else { return };
    let mut release = Map::from_iter([
        ("id".to_owned(), Value::from(found.id.clone())),
        ("image".to_owned(), Value::from(found.image.clone())),
    ]);
    if !found.secret.is_empty() {
        release.insert("secret".to_owned(), Value::from(found.secret.clone()));
    }
    if let Some(spec) = json::members(object, "/spec") {
        spec.insert("release".to_owned(), Value::Object(release));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{NodeImage, ReleaseFacts, Resource, list_queries, mutate, tests::Fixture};
    use serde_json::json;

    fn server(version: &str, app: &str, name: &str, annotations: &Value) -> Value {
        json!({
            "apiVersion": format!("k8s.tars.io/{version}"), "kind": "TServer",
            "metadata": {"name": format!("{}-{}", app.to_lowercase(), name.to_lowercase()), "annotations": annotations},
            "spec": {
                "app": app, "server": name, "subType": "tars", "k8s": {"replicas": 2},
                "tars": {"template": "t", "servants": [{"name": "AuditObj", "port": 1}]},
            },
        })
    }

    fn facts() -> Facts {
        let release = ReleaseFacts { id: "v7".to_owned(), image: "repo/audit:7".to_owned(), secret: "pull".to_owned() };
        let node_image = Some(NodeImage { image: "repo/node:1".to_owned(), secret: String::new() });
        Facts { image_release: Some(release), node_image, ..Facts::default() }
    }

    #[test]
    fn a_server_that_asks_gets_the_default_release_of_its_image() {
        for version in ["v1beta2", "v1beta3"] {
            let fixture =
                Fixture::create(Resource::Server, server(version, "Trade", "Audit", &json!({"tars.io/AutoRelease": ""})));
            let query = Query::Image { app: "Trade".to_owned(), server: "Audit".to_owned() };
            assert!(list_queries(&fixture.request()).contains(&query));
            assert!(list_queries(&fixture.request()).contains(&Query::NodeImage));
            let stored = mutate(&fixture.request(), &facts()).unwrap();
            let expected = json!({
                "id": "v7", "image": "repo/audit:7", "secret": "pull", "time": "2026-03-04T15:06:07Z", "nodeImage": "repo/node:1", "nodeSecret": "",
            });
            assert_eq!((&stored["spec"]["release"], &stored["spec"]["k8s"]["replicas"]), (&expected, &json!(2)));
            // Without such an image nothing is released, and nothing is refused.
            let stored = mutate(&fixture.request(), &Facts::default()).unwrap();
            assert_eq!((stored["spec"].get("release"), &stored["spec"]["k8s"]["replicas"]), (None, &json!(0)));
        }
    }

    #[test]
    fn nobody_else_gets_a_release() {
        let mut released = server("v1beta3", "Trade", "Audit", &json!({"tars.io/AutoRelease": "true"}));
        released["spec"]["release"] = json!({"id": "v1", "image": "repo/audit:1", "nodeImage": "repo/node:1"});
        for (object, id) in [
            (server("v1beta3", "Trade", "Audit", &json!({})), None),
            (server("v1beta3", "Trade", "Audit", &json!({"tars.io/AutoRelease": "false"})), None),
            (released, Some("v1")),
        ] {
            let fixture = Fixture::create(Resource::Server, object);
            assert!(!list_queries(&fixture.request()).iter().any(|query| matches!(query, Query::Image { .. })));
            let stored = mutate(&fixture.request(), &facts()).unwrap();
            assert_eq!(stored.pointer("/spec/release/id").and_then(Value::as_str), id);
        }
    }

    #[test]
    fn servers_of_dcache_share_the_image_of_their_kind() {
        for (app, server, image) in [
            ("DCache", "DemoProxyServer", "ProxyServer"),
            ("DCache", "TestMKVCacheServer1", "MKVCacheServer"),
            ("DCache", "RouterServerDBAccessServer", "DBAccessServer"),
            ("DCache", "PropertyServer", "PropertyServer"),
            ("Trade", "DemoProxyServer", "DemoProxyServer"),
        ] {
            assert_eq!(name_image(app, server), image, "{app}.{server}");
        }
    }
}
