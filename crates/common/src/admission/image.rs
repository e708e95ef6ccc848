//! TImage: labels, and a list of releases without duplicates (docs/reference/admission.md#5.5).

use crate::{
    admission::{json, request::Request, warning::Warning},
    names::label,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

pub(super) fn mutate(request: &Request<'_>, object: &mut Value) {
    let image_type = json::text(object, "/imageType").to_owned();
    if !image_type.is_empty() {
        json::set_label(object, label::IMAGE_TYPE, &image_type);
    }
    let types = if image_type == "base" { json::list(object, "/supportedType") } else { &[] };
    let types: Vec<String> = types.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    label_supported_types(object, &types);
    clean_releases(object, request.old, &request.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
}

/// Names each release that [`mutate`] drops because an earlier one has its id.
pub(super) fn list_changes(request: &Request<'_>) -> Vec<Warning> {
    let mut first = BTreeMap::new();
    let mut warnings = Vec::new();
    for (index, release) in json::list(request.object, "/releases").iter().enumerate() {
        let (id, image) = (json::text(release, "/id"), json::text(release, "/image"));
        match first.entry(id) {
            Entry::Vacant(entry) => {
                entry.insert((index, image));
            }
            Entry::Occupied(entry) => {
                let (kept, stays) = entry.get();
                let warning = Warning::new("5.5.5", [image, id, stays], |[image, id, stays]| {
                    format!(
                        "releases[{index}] with image {image:?} is dropped, because releases[{kept}] has the same id {id:?}; image \
                         {stays:?} stays"
                    )
                });
                warnings.push(warning.at(format!("releases[{index}]")));
            }
        }
    }
    warnings
}

/// Sets one label for each server type that a base image supports. An existing label keeps its value.
fn label_supported_types(object: &mut Value, types: &[String]) {
    let wanted: BTreeSet<String> = types.iter().map(|name| label::supported(name)).collect();
    if let Some(labels) = json::members(object, "/metadata/labels") {
        labels.retain(|key, _| !key.starts_with(label::SUPPORTED_PREFIX) || wanted.contains(key));
    }
    for name in types {
        let key = label::supported(name);
        if json::label(object, &key).is_none() {
            json::set_label(object, &key, name);
        }
    }
}

/// Removes all but the first release of each id, and gives each release a time. A release that is written without a time keeps the
/// stored time of the release with the same id and image, so that applying the same file again changes nothing.
fn clean_releases(object: &mut Value, old: &Value, now: &str) {
    let Some(releases) = object.get_mut("releases").and_then(Value::as_array_mut) else { return };
    let mut seen = BTreeSet::new();
    releases.retain(|release| seen.insert(json::text(release, "/id").to_owned()));
    for release in releases {
        if !json::text(release, "/createTime").is_empty() {
            continue;
        }
        let time = find_stored_time(old, release).unwrap_or(now);
        if let Some(release) = release.as_object_mut() {
            release.insert("createTime".to_owned(), Value::from(time));
        }
    }
}

/// Returns the time of the release with the same id and image in the stored object.
fn find_stored_time<'a>(old: &'a Value, release: &Value) -> Option<&'a str> {
    let same = |stored: &&Value| ["/id", "/image"].iter().all(|member| json::text(stored, member) == json::text(release, member));
    let stored = json::list(old, "/releases").iter().find(same)?;
    Some(json::text(stored, "/createTime")).filter(|time| !time.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::admission::{Facts, Operation, Resource, list_changes, mutate, tests::Fixture, warning::WARNING_LIMIT};
    use serde_json::{Value, json};

    fn stored(object: &Value) -> Value {
        let mut full = json!({"apiVersion": "k8s.tars.io/v1beta3", "kind": "TImage", "metadata": {"name": "cpp-base"}});
        full.as_object_mut().unwrap().extend(object.as_object().unwrap().clone());
        mutate(&Fixture::create(Resource::Image, full).request(), &Facts::default()).unwrap()
    }

    #[test]
    fn base_images_carry_their_types_as_labels() {
        let labels = json!({"tars.io/Supported.go": "kept", "tars.io/Supported.php": "php", "other": "x"});
        let object = json!({"metadata": {"name": "b", "labels": labels}, "imageType": "base", "supportedType": ["cpp", "go"]});
        let expected =
            json!({"tars.io/Supported.go": "kept", "other": "x", "tars.io/ImageType": "base", "tars.io/Supported.cpp": "cpp"});
        assert_eq!(stored(&object)["metadata"]["labels"], expected);
        let object = json!({"imageType": "server", "supportedType": ["cpp"]});
        assert_eq!(stored(&object)["metadata"]["labels"], json!({"tars.io/ImageType": "server"}));
    }

    #[test]
    fn releases_are_unique_and_dated() {
        let releases = json!([{"id": "a", "image": "1"}, {"id": "b", "image": "2", "createTime": "2020-01-01T00:00:00Z"}, {"id": "a", "image": "3"}, {"id": "c", "image": "4"}]);
        let expected = json!([
            {"id": "a", "image": "1", "createTime": "2026-03-04T15:06:07Z"},
            {"id": "b", "image": "2", "createTime": "2020-01-01T00:00:00Z"},
            {"id": "c", "image": "4", "createTime": "2026-03-04T15:06:07Z"},
        ]);
        assert_eq!(stored(&json!({"releases": releases}))["releases"], expected);
    }

    #[test]
    fn a_second_release_with_the_same_id_draws_a_warning_that_names_the_one_that_stays() {
        let releases = json!([{"id": "a", "image": "one"}, {"id": "b", "image": "two"}, {"id": "a", "image": "three"}]);
        let mut fixture =
            Fixture::create(Resource::Image, json!({"kind": "TImage", "metadata": {"name": "hello"}, "releases": releases}));
        let stored = mutate(&fixture.request(), &Facts::default()).unwrap();
        let expected = r#"releases[2] with image "three" is dropped, because releases[0] has the same id "a"; image "one" stays"#;
        let warnings = list_changes(&fixture.request(), &stored);
        assert!(warnings.len() == 1 && warnings[0].rule == "5.5.5" && warnings[0].text == expected, "{warnings:?}");
        fixture.object = stored;
        assert_eq!(list_changes(&fixture.request(), &fixture.object), []);
        let long = json!([{"id": "a", "image": "i".repeat(500)}, {"id": "a", "image": "j".repeat(500)}]);
        fixture.object["releases"] = long;
        let text = &list_changes(&fixture.request(), &fixture.object)[0].text;
        assert!(text.chars().count() <= WARNING_LIMIT && text.ends_with("i…\" stays"), "{text}");
    }

    #[test]
    fn a_release_that_is_written_again_keeps_its_time() {
        let image = |releases: Value| json!({"kind": "TImage", "metadata": {"name": "hello"}, "releases": releases});
        let old = image(json!([
            {"id": "a", "image": "1", "createTime": "2020-01-01T00:00:00Z"},
            {"id": "b", "image": "2", "createTime": "2021-01-01T00:00:00Z"},
            {"id": "c", "image": "3"},
        ]));
        let written = json!([
            {"id": "new", "image": "1"},
            {"id": "a", "image": "1"},
            {"id": "b", "image": "other"},
            {"id": "c", "image": "3"},
            {"id": "d", "image": "4", "createTime": "2022-01-01T00:00:00Z"},
        ]);
        let mut fixture = Fixture::create(Resource::Image, image(written));
        (fixture.operation, fixture.old) = (Operation::Update, old);
        let stored = mutate(&fixture.request(), &Facts::default()).unwrap();
        let times: Vec<&Value> = stored["releases"].as_array().unwrap().iter().map(|release| &release["createTime"]).collect();
        let now = "2026-03-04T15:06:07Z";
        assert_eq!(times, [now, "2020-01-01T00:00:00Z", now, now, "2022-01-01T00:00:00Z"]);
    }
}
