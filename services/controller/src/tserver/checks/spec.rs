//! Checks of what was written down: rules, names, templates, release.

use super::{Input, Verdict};
use crate::tserver::{apply, dereference::Template, reason::Reason};
use tars_common::{
    names::{FRAMEWORK_CONFIG, PLACEHOLDER_IMAGE},
    v1beta3::SubType,
};

/// The message of a condition may be long, but the API server bounds it (32 KiB), and people read one line.
const PROBLEMS_SHOWN: usize = 5;

pub(super) fn is_valid(input: &Input<'_>) -> Option<Verdict> {
    if input.problems.is_empty() {
        return None;
    }
    let mut text: Vec<String> = input.problems.iter().take(PROBLEMS_SHOWN).map(ToString::to_string).collect();
    if let Some(more) = input.problems.len().checked_sub(PROBLEMS_SHOWN).filter(|more| *more > 0) {
        text.push(format!("and {more} more"));
    }
    Verdict::violated(Reason::InvalidSpec, text.join("; "))
}

pub(super) fn names_are_free(input: &Input<'_>) -> Option<Verdict> {
    let foreign = input.failures.iter().find(|failure| matches!(failure, apply::Error::Foreign { .. }))?;
    Verdict::violated(Reason::OutControl, format!("{foreign}; delete or rename that object, or the TServer"))
}

pub(super) fn objects_are_accepted(input: &Input<'_>) -> Option<Verdict> {
    let failure = input.failures.first()?;
    let reason = match failure {
        failure if failure.is_expected() => Reason::Replacing,
        failure if failure.is_refusal() => Reason::Refused,
        _ => Reason::ApplyFailed,
    };
    let what_next = match reason {
        Reason::Refused => "; correct the field of the TServer that it comes from",
        _ => "; trying again",
    };
    Verdict::violated(reason, format!("{failure}{what_next}"))
}

pub(super) fn template_is_complete(input: &Input<'_>) -> Option<Verdict> {
    let namespace = &input.key.namespace;
    match &input.found.template {
        Template::NotNeeded | Template::Complete => None,
        Template::Missing { name, child: None } => Verdict::violated(
            Reason::TemplateMissing,
            format!(
                "template {name:?} not found among the TTemplates of namespace {namespace}; create it or correct spec.tars.template"
            ),
        ),
        Template::Missing { name, child: Some(child) } => Verdict::violated(
            Reason::TemplateMissing,
            format!(
                "template {name:?}, the parent of {child:?}, not found among the TTemplates of namespace {namespace}; create it or correct spec.parent of {child:?}"
            ),
        ),
        Template::Cycle(names) => Verdict::violated(
            Reason::TemplateCycle,
            format!(
                "templates of namespace {namespace} name each other as parents ({}); give one of them its own name as spec.parent",
                names.join(" → ")
            ),
        ),
    }
}

pub(super) fn template_good(input: &Input<'_>) -> (Reason, String) {
    match &input.spec.tars {
        Some(tars) => (Reason::TemplateFound, format!("template {:?} and its parents exist", tars.template)),
        None => (Reason::NoTemplate, "a server without a tars block uses no template".to_owned()),
    }
}

pub(super) fn release_is_set(input: &Input<'_>) -> Option<Verdict> {
    if input.spec.release.is_some() {
        return None;
    }
    Verdict::violated(
        Reason::NotReleased,
        "nothing was released; set spec.release (id and image) and spec.k8s.replicas in the same write".to_owned(),
    )
}

pub(super) fn node_image_is_known(input: &Input<'_>) -> Option<Verdict> {
    if input.spec.sub_type != SubType::Tars {
        return None;
    }
    let stated = input.spec.release.as_ref().and_then(|release| release.node_image.as_deref());
    let default = input.found.framework.as_ref().map(|framework| framework.node_image.as_str());
    if [stated, default].into_iter().flatten().any(|image| !image.is_empty() && image != PLACEHOLDER_IMAGE) {
        return None;
    }
    Verdict::violated(
        Reason::NodeImageUnknown,
        format!(
            "no image for tarsnode in spec.release.nodeImage, nor in TFrameworkConfig {}/{FRAMEWORK_CONFIG}; install the framework in this namespace, or state the image",
            input.key.namespace
        ),
    )
}

pub(super) fn release_good(input: &Input<'_>) -> (Reason, String) {
    let id = input.spec.release.as_ref().map_or("", |release| &release.id);
    (Reason::ReleaseSet, format!("release {id} is set"))
}
