use super::*;
use crate::index::{Change, Index, Writer};
use serde_json::json;

/// Renders a server `test-hello` with this profile and template among these templates (name, parent, content).
fn rendered(profile: &str, template: &str, templates: &[(&str, &str, &str)]) -> Result<String, RenderError> {
    let index = Index::default();
    let mut writer = Writer::new(index.clone());
    for (name, parent, content) in templates {
        let object = json!({"metadata": {"name": name}, "spec": {"parent": parent, "content": content}});
        writer.apply(Change::Template(serde_json::from_value(object).unwrap()));
    }
    let tars = json!({"profile": profile, "template": template, "servants": []});
    let object = json!({"metadata": {"name": "test-hello"}, "spec": {"tars": tars}});
    writer.apply(Change::Endpoint(serde_json::from_value(object).unwrap()));
    writer.publish();
    let snapshot = index.load();
    render(&snapshot, snapshot.server("test-hello").unwrap())
}

#[test]
fn profile_wins_over_template_over_parents() {
    let root = "<tars>\n<application>\n#comment\nenableset=${enableset}\n<client>\nlocator =${locator}\nsync-invoke-timeout = 3000\nasyncthread = ${asyncthread}\n</client>\n<server>\nallow\napp = ${app}\n</server>\n</application>\n</tars>\n";
    let profile = "<tars>\n  <application>\n    <client>\n      sync-invoke-timeout=5000\n      extra = a\\=b\n    </client>\n  </application>\n</tars>\n";
    let expected = "<tars>\n  <application>\n    enableset=${enableset}\n    <client>\n      locator=${locator}\n      asyncthread=${asyncthread}\n      sync-invoke-timeout=5000\n      extra=a\\=b\n    </client>\n    <server>\n      allow\n      app=${app}\n    </server>\n  </application>\n</tars>\n";
    assert_eq!(
        rendered(profile, "tars.cpp", &[("tars.cpp", "tars.default", ""), ("tars.default", "tars.default", root)]),
        Ok(expected.into())
    );
    let chain = [("a", "b", "<x>\nk=a\n</x>"), ("b", "c", "<x>\nk=b\nl=b\n</x>"), ("c", "c", "<x>\nk=c\nl=c\nm=c\n</x>")];
    assert_eq!(rendered("", "a", &chain).unwrap(), "<x>\n  m=c\n  l=b\n  k=a\n</x>\n");
    assert_eq!(rendered("<x>\nk=p\n</x>", "", &[]).unwrap(), "<x>\n  k=p\n</x>\n", "no template");
    assert_eq!(rendered("", "root", &[("root", "", "<x>\n</x>")]).unwrap(), "<x>\n</x>\n", "an empty parent is none");
}

#[test]
fn a_chain_without_end_names_the_server_and_the_fault() {
    let error = rendered("", "a", &[("a", "b", ""), ("b", "c", ""), ("c", "b", "")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "server test-hello: templates form a cycle: a -> b -> c -> b; give one of them another parent, or itself if it needs none"
    );
    let error = rendered("", "tars.rust", &[]).unwrap_err().to_string();
    assert_eq!(error, "server test-hello: template tars.rust does not exist; create it or name another one");
    let error = rendered("", "a", &[("a", "b", "")]).unwrap_err().to_string();
    assert_eq!(error, "server test-hello: template b, the parent of a, does not exist; create it or name another one");
}

#[test]
fn a_chain_is_bounded() {
    let names: Vec<_> = (0..40).map(|i| format!("t{i}")).collect();
    let chain: Vec<_> = names.windows(2).map(|pair| (pair[0].as_str(), pair[1].as_str(), "")).collect();
    let error = rendered("", "t0", &chain).unwrap_err().to_string();
    assert_eq!(error, "server test-hello: the chain of parents of template t0 has more than 32 templates; shorten it");
}

#[test]
fn what_does_not_parse_or_print_is_named_with_its_line() {
    let error = rendered("<x>\n</y>\n", "a", &[("a", "a", "")]).unwrap_err().to_string();
    assert_eq!(error, "profile of server test-hello: line 2: </y> does not close the innermost open domain, which is <x>");
    let error = rendered("", "a", &[("a", "a", "<x>\nk=\\s\n</x>")]).unwrap_err().to_string();
    assert!(error.starts_with("content of template a: line 2: "), "{error}");
    let error = rendered("<x>\nk=1\n</x>", "a", &[("a", "a", "<x>\nk=1>0\n</x>")]).unwrap_err().to_string();
    assert!(error.starts_with("server test-hello joined with template a: value \"1>0\""), "{error}");
}
