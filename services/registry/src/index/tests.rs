use super::*;
use crate::objects::{EndpointObject, FrameworkObject, TemplateObject};
use serde_json::{Value, json};
use tars_common::lenient::FieldError;

fn endpoint(name: &str, servants: &Value, pods: &Value) -> Change {
    let object = json!({
        "metadata": {"name": name, "resourceVersion": "1"},
        "spec": {"tars": {"asyncThread": 3, "template": "tars.cpp", "profile": "", "servants": servants}},
        "status": {"pods": pods},
    });
    Change::Endpoint(serde_json::from_value(object).unwrap())
}

fn servant(name: &str, port: i32) -> Value {
    json!({"name": name, "port": port, "thread": 3, "connection": 10000, "capacity": 10000, "timeout": 60000,
        "isTcp": true, "isTars": true})
}

fn pod(name: &str, setting: &str, present: &str) -> Value {
    json!({"name": name, "settingState": setting, "presentState": present})
}

fn framework(up_chain: &Value) -> Change {
    let object = json!({"metadata": {"name": "tars-framework"}, "upChain": up_chain});
    Change::Framework(serde_json::from_value::<FrameworkObject>(object).unwrap())
}

struct Bed {
    index: Index,
    writer: Writer,
}

impl Bed {
    fn new(changes: impl IntoIterator<Item = Change>) -> Self {
        let index = Index::default();
        let mut bed = Self { writer: Writer::new(index.clone()), index };
        bed.apply(changes);
        bed
    }

    fn apply(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            assert_eq!(self.writer.apply(change), Outcome::Applied);
        }
        self.writer.publish();
    }

    /// The hosts and ports of the active and the inactive endpoints.
    fn hosts(&self, id: &str) -> (Vec<String>, Vec<String>) {
        let (active, inactive) = self.index.load().resolve(id).answer().endpoints().unwrap();
        let text =
            |list: Vec<EndpointF>| list.into_iter().map(|endpoint| format!("{}:{}", endpoint.host, endpoint.port)).collect();
        (text(active), text(inactive))
    }
}

fn hello() -> Change {
    let pods = json!([
        pod("test-hello-10", "Active", "Active"),
        pod("test-hello-2", "Active", "Active"),
        pod("test-hello-1", "Active", "Activating"),
        pod("test-hello-0", "Inactive", "Active"),
    ]);
    endpoint("test-hello", &json!([servant("HelloObj", 10000), servant("OtherObj", 10001), servant("HelloObj", 10002)]), &pods)
}

#[test]
fn pods_are_split_by_state_and_ordered_by_name() {
    let bed = Bed::new([hello()]);
    let active = vec!["test-hello-10.test-hello:10000".to_owned(), "test-hello-2.test-hello:10000".to_owned()];
    let inactive = vec!["test-hello-0.test-hello:10000".to_owned(), "test-hello-1.test-hello:10000".to_owned()];
    // Of two servants of one name the first counts.
    assert_eq!(bed.hosts("Test.Hello.HelloObj"), (active, inactive));
    assert_eq!(bed.hosts("Test.Hello.OtherObj").0[0], "test-hello-10.test-hello:10001");
    let totals = bed.index.load().totals();
    assert_eq!(totals, Totals { servers: 1, servants: 3, active: 6, inactive: 6 });
}

#[test]
fn ids_are_split_with_empty_parts_dropped_and_compared_by_their_rules() {
    let bed = Bed::new([hello()]);
    let index = bed.index.load();
    for id in ["Test.Hello.HelloObj", "test.HELLO.HelloObj", "Test..Hello.HelloObj", ".Test.Hello.HelloObj."] {
        assert!(matches!(index.resolve(id), Resolution::Cluster(_)), "{id}");
    }
    assert!(matches!(index.resolve("Test.Hello.helloObj"), Resolution::NoServant), "servants are compared with case");
    for id in ["", ".", "Test", "Test.Hello", "Test.Hello.", "Test.Hello.HelloObj.x", "..."] {
        assert!(matches!(index.resolve(id), Resolution::Malformed), "{id}");
    }
    let long = format!("{}.Hello.HelloObj", "a".repeat(10_000));
    assert!(matches!(index.resolve(&long), Resolution::Unknown));
    let odd = format!("{}é.Héllo.Obj", "ü".repeat(70));
    assert!(matches!(index.resolve(&odd), Resolution::Unknown));
}

#[test]
fn the_name_service_finds_itself() {
    let bed = Bed::new([]);
    assert_eq!(bed.hosts("tars.tarsregistry.QueryObj"), (vec!["tars-tarsregistry:17890".to_owned()], vec![]));
    assert_eq!(bed.hosts("tars.tarsregistry.RegistryObj").0, ["tars-tarsregistry:17891"]);
    assert_eq!(bed.hosts("Tars.tarsregistry.QueryObj").0, Vec::<String>::new(), "only the exact id is the name service");
}

#[test]
fn the_up_chain_is_asked_for_servers_that_are_not_here_and_for_no_others() {
    let empty = endpoint("test-empty", &json!([servant("Obj", 1)]), &json!([]));
    let chain = json!({
        "default": [{"host": "far", "port": 1}],
        "A.B.C": [{"host": "near", "port": 2, "timeout": 7, "isTcp": false}],
        "A.B.None": [],
    });
    let mut bed = Bed::new([hello(), empty, framework(&chain)]);
    assert_eq!(bed.hosts("A.B.C"), (vec!["near:2".to_owned()], vec![]));
    assert_eq!(bed.hosts("a.b.C").0, ["far:1"], "keys are exact ids");
    assert_eq!(bed.hosts("A.B.None").0, Vec::<String>::new(), "a key without endpoints hides the default");
    assert_eq!(bed.hosts("Test.Empty.Obj"), (vec![], vec![]), "a server without pods exists");
    assert_eq!(bed.hosts("Test.Hello.NoObj"), (vec![], vec![]), "a server without that servant exists");
    assert_eq!(bed.hosts("A.B"), (vec![], vec![]), "a malformed id asks nobody");
    let endpoints = bed.index.load().resolve("A.B.C").answer().endpoints().unwrap().0;
    assert_eq!((endpoints[0].timeout, endpoints[0].istcp), (7, 0));
    let endpoints = bed.index.load().resolve("X.Y.Z").answer().endpoints().unwrap().0;
    assert_eq!((endpoints[0].timeout, endpoints[0].istcp), (6000, 1));

    let other = json!({"metadata": {"name": "other"}, "upChain": {"default": []}});
    bed.apply([Change::Framework(serde_json::from_value(other).unwrap()), Change::Gone(SourceKind::Framework, "other".into())]);
    assert_eq!(bed.hosts("X.Y.Z").0, ["far:1"], "only tars-framework counts");
    bed.apply([Change::Gone(SourceKind::Framework, "tars-framework".into())]);
    assert!(matches!(bed.index.load().resolve("X.Y.Z"), Resolution::Unknown));
}

#[test]
fn a_server_without_status_exists_and_one_of_sub_type_normal_does_not() {
    let new = json!({"metadata": {"name": "test-new"}, "spec": {"tars": {"servants": [{"name": "Obj", "port": 1}]}}});
    let normal = json!({"metadata": {"name": "test-normal"}, "spec": {"normal": {"ports": []}}, "status": {"pods": []}});
    let change = |value: &Value| Change::Endpoint(serde_json::from_value(value.clone()).unwrap());
    let mut bed = Bed::new([change(&new), change(&normal)]);
    let index = bed.index.load_full();
    let Resolution::Cluster(servant) = index.resolve("Test.New.Obj") else { panic!("a new server exists") };
    assert_eq!((servant.timeout, servant.is_tcp, servant.is_tars), (60000, true, true));
    assert!(matches!(index.resolve("Test.Normal.Obj"), Resolution::Unknown));

    let turned = json!({"metadata": {"name": "test-new"}, "spec": {"normal": {"ports": []}}});
    bed.apply([change(&turned)]);
    assert!(matches!(bed.index.load().resolve("Test.New.Obj"), Resolution::Unknown));
    assert_eq!(bed.index.load().totals(), Totals::default());
}

#[test]
fn an_object_that_cannot_be_used_is_skipped_and_keeps_what_was_known() {
    let mut bed = Bed::new([hello(), framework(&json!({"default": [{"host": "far", "port": 1}]}))]);
    let broken = json!({"metadata": {"name": "test-hello"}, "spec": {"tars": {"servants": [{"name": "HelloObj", "port": "x"}]}}});
    let broken: EndpointObject = serde_json::from_value(broken).unwrap();
    let outcome = bed.writer.apply(Change::Endpoint(broken.clone()));
    let Outcome::Skipped { kind: SourceKind::Endpoint, name, error } = outcome else { panic!("{outcome:?}") };
    assert_eq!((name.as_str(), error), ("test-hello", FieldError::Odd("spec.tars.servants[].port")));
    let outcome = bed.writer.apply(framework(&json!({"default": [{"host": "far"}]})));
    assert!(matches!(outcome, Outcome::Skipped { kind: SourceKind::Framework, .. }), "{outcome:?}");
    assert!(!bed.writer.publish());
    assert_eq!(bed.hosts("Test.Hello.HelloObj").0.len(), 2);
    assert_eq!(bed.hosts("A.B.C").0, ["far:1"]);

    // A list that has the broken object does not remove its last usable version. A list without the object does.
    bed.apply([Change::ListBegins(SourceKind::Endpoint)]);
    assert!(matches!(bed.writer.apply(Change::Endpoint(broken)), Outcome::Skipped { .. }));
    bed.apply([Change::ListEnds(SourceKind::Endpoint)]);
    assert_eq!(bed.hosts("Test.Hello.HelloObj").0.len(), 2);
    bed.apply([Change::ListBegins(SourceKind::Endpoint), Change::ListEnds(SourceKind::Endpoint)]);
    assert!(matches!(bed.index.load().resolve("Test.Hello.HelloObj"), Resolution::UpChain(_)));
}

#[test]
fn a_list_removes_what_it_does_not_bring() {
    let template = |name: &str| {
        let object = json!({"metadata": {"name": name}, "spec": {"parent": name, "content": ""}});
        Change::Template(serde_json::from_value::<TemplateObject>(object).unwrap())
    };
    let chain = framework(&json!({"default": [{"host": "far", "port": 1}]}));
    let mut bed = Bed::new([]);
    assert!(!bed.writer.is_synced());
    bed.apply(SourceKind::ALL.map(Change::ListBegins));
    bed.apply([hello(), template("a"), template("b"), chain]);
    bed.apply(SourceKind::ALL.map(Change::ListEnds));
    assert!(bed.writer.is_synced());

    let other = endpoint("test-other", &json!([servant("Obj", 1)]), &json!([]));
    bed.apply([Change::ListBegins(SourceKind::Endpoint), other]);
    assert_eq!(bed.hosts("Test.Hello.HelloObj").0.len(), 2, "during the list the old state is served");
    bed.apply([Change::ListEnds(SourceKind::Endpoint), Change::ListBegins(SourceKind::Template), template("b")]);
    bed.apply([
        Change::ListEnds(SourceKind::Template),
        Change::ListBegins(SourceKind::Framework),
        Change::ListEnds(SourceKind::Framework),
    ]);
    let index = bed.index.load();
    assert!(matches!(index.resolve("Test.Hello.HelloObj"), Resolution::Unknown));
    assert!(matches!(index.resolve("Test.Other.Obj"), Resolution::Cluster(_)));
    assert!(index.template("a").is_none() && index.template("b").is_some());
    assert_eq!(index.totals(), Totals { servers: 1, servants: 1, active: 0, inactive: 0 });
}

#[test]
fn the_revision_grows_with_what_readers_can_see_and_with_nothing_else() {
    let mut bed = Bed::new([hello()]);
    assert_eq!(bed.index.load().revision(), 1);
    bed.apply([
        hello(),
        Change::Gone(SourceKind::Endpoint, "absent".into()),
        Change::Gone(SourceKind::Template, "absent".into()),
    ]);
    assert_eq!(bed.index.load().revision(), 1, "nothing changed");
    let before = bed.index.load_full();
    bed.apply([Change::Gone(SourceKind::Endpoint, "test-hello".into())]);
    assert_eq!(bed.index.load().revision(), 2);
    assert!(matches!(before.resolve("Test.Hello.HelloObj"), Resolution::Cluster(_)), "a snapshot never changes");
}

#[test]
fn ten_thousand_servers_are_all_found() {
    let names: Vec<_> = (0..10_000).map(|i| format!("app{}-server{i}", i % 7)).collect();
    let pods = json!([pod("p-0", "Active", "Active")]);
    let bed = Bed::new(names.iter().map(|name| endpoint(name, &json!([servant("Obj", 1)]), &pods)));
    let index = bed.index.load();
    for i in 0..10_000 {
        assert!(matches!(index.resolve(&format!("App{}.Server{i}.Obj", i % 7)), Resolution::Cluster(_)), "{i}");
    }
    assert_eq!(index.totals(), Totals { servers: 10_000, servants: 10_000, active: 10_000, inactive: 0 });
    let fullest = index.shards.iter().map(|shard| shard.len()).max().unwrap();
    assert!(fullest < 120, "a change would copy {fullest} of 10,000 pointers");
}
